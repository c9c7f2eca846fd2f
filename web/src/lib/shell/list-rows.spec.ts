import type { ConversationView } from '@deskhand/contracts';
import { describe, expect, it } from 'vitest';
import { listRows, visibleRows } from './list-rows.ts';

const now = new Date('2026-11-21T12:00:00');
const at = (hoursAgo: number, id: string) => ({ id, updated_at: new Date(now.getTime() - hoursAgo * 3_600_000).toISOString().slice(0, 19).replace('T', ' ') }) as ConversationView;

describe('list rows', () => {
  it('groups by day', () => {
    const { rows } = listRows([at(1, 'a'), at(2, 'b'), at(24, 'c'), at(24 * 4, 'd'), at(24 * 15, 'e')], now);
    expect(rows.map((row) => (row.kind === 'heading' ? row.text : row.key))).toEqual(['Today', 'a', 'b', 'Yesterday', 'c', 'Last 7 days', 'd', 'Last 30 days', 'e']);
  });

  it('puts what is pinned first, in the order in which the keys walk', () => {
    const { rows } = listRows([at(1, 'a'), { ...at(2, 'b'), pinned: true }, at(3, 'c')], now);
    expect(rows.map((row) => (row.kind === 'heading' ? row.text : `${row.index} ${row.key}`))).toEqual(['Pinned', '0 b', 'Today', '1 a', '2 c']);
  });

  it('shows a handful of thousands', () => {
    const { rows, height } = listRows(Array.from({ length: 2_000 }, (_, index) => at(index * 3, String(index))), now);
    const shown = visibleRows(rows, height / 2, 600);
    expect(shown.length).toBeLessThan(60);
    expect(shown[0]!.top).toBeLessThan(height / 2);
    expect(shown.at(-1)!.top).toBeGreaterThan(height / 2 + 600);
  });
});
