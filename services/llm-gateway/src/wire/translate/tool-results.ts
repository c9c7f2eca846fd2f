import type { Part } from './model-request.ts';

/** Says in words that a tool failed, where a format has no field for it. */
export const toolFailed = '[tool error] ';

/** The words of a message, paragraphs apart. */
export function textOfParts(parts: readonly Part[]): string {
  return parts.flatMap((part) => ((part.type === 'text' || part.type === 'refusal') && part.text !== '' ? [part.text] : [])).join('\n\n');
}
