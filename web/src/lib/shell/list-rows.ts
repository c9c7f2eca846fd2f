import type { ConversationView } from '@deskhand/contracts';
import { dayGroup, parseTime } from '../text/time.ts';

export const rowHeight = 36;
export const headingHeight = 34;

export type ListRow = { kind: 'heading'; key: string; top: number; text: string } | { kind: 'conversation'; key: string; top: number; conversation: ConversationView; index: number };

/** The list with its headings, what is pinned before the days, each row with its place in pixels. */
export function listRows(conversations: readonly ConversationView[], now: Date = new Date()): { rows: ListRow[]; height: number } {
  const rows: ListRow[] = [];
  const pinned = conversations.filter((conversation) => conversation.pinned);
  const ordered = pinned.length === 0 ? conversations : [...pinned, ...conversations.filter((conversation) => !conversation.pinned)];
  let top = 0;
  let group = '';
  let lastChange = '';
  for (const [index, conversation] of ordered.entries()) {
    // Most neighbours changed on the same day: only a new date can begin a new group.
    const date = conversation.pinned ? 'pinned' : conversation.updated_at.slice(0, 13);
    const named = date === lastChange ? group : conversation.pinned ? 'Pinned' : dayGroup(parseTime(conversation.updated_at), now);
    lastChange = date;
    if (named !== group) {
      group = named;
      rows.push({ kind: 'heading', key: `day:${group}`, top, text: group });
      top += headingHeight;
    }
    rows.push({ kind: 'conversation', key: conversation.id, top, conversation, index });
    top += rowHeight;
  }
  return { rows, height: top };
}

/** The rows that a window of the list shows, with some to spare on both sides. */
export function visibleRows(rows: readonly ListRow[], top: number, height: number, spare = 240): readonly ListRow[] {
  const first = firstAt(rows, top - spare);
  const last = firstAt(rows, top + height + spare);
  return rows.slice(Math.max(0, first - 1), last);
}

/** Index of the first row at or below a place. */
function firstAt(rows: readonly ListRow[], top: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.top < top) low = middle + 1;
    else high = middle;
  }
  return low;
}
