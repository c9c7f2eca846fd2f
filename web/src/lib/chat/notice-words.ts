import type { Message, NoticeBlock } from '@deskhand/contracts';
import { duration } from '../text/time.ts';

const counted = (value: unknown, noun: string): string[] => (typeof value === 'number' && value > 0 ? [`${value} ${noun}${value === 1 ? '' : 's'}`] : []);

/** What happened beside the conversation, told to the person who did it. The model reads the notice's own text. */
export function noticeWords(message: Message): string {
  return message.blocks.flatMap((block) => (block.type === 'notice' ? [wordsOf(block)] : [])).join(' ') || message.content;
}

function wordsOf({ kind, text, facts }: NoticeBlock): string {
  const seconds = facts?.['seconds'];
  if (kind !== 'desktop-driven' || typeof seconds !== 'number') return text;
  const did = [...counted(facts?.['clicks'], 'click'), ...counted(facts?.['keys'], 'key'), ...counted(facts?.['scrolls'], 'scroll'), ...counted(facts?.['pasted'], 'paste')];
  return [`You drove the desktop for ${duration(Math.max(1, seconds) * 1_000).replace(/\.0 s$/, ' s')}`, ...did].join(' · ');
}
