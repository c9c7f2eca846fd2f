import type { DrivenSummary } from '@deskhand/contracts';

const counted = (count: number, one: string): string[] => (count === 0 ? [] : [`${count} ${one}${count === 1 ? '' : 's'}`]);

/** What a model is told after a person had the desktop. Never what was typed. */
export function drivenWords(seconds: number, driven: DrivenSummary | null): string {
  const time = seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  const did = driven === null ? [] : [...counted(driven.clicks, 'click'), ...counted(driven.keys, 'key'), ...counted(driven.scrolls, 'scroll'), ...counted(driven.pasted, 'paste')];
  const what = driven === null ? '' : did.length === 0 ? ' and did nothing' : `: ${did.join(', ')}`;
  return `A person used the desktop for ${time}${what}. Take a screenshot before you go on with it.`;
}
