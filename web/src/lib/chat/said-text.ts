import type { Message } from '@deskhand/contracts';

/** What a person wrote: their text blocks, or the string of clients that send no blocks. */
export function saidText(message: Message): string {
  return message.blocks.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('') || message.content;
}
