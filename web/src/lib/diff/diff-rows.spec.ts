import { describe, expect, it } from 'vitest';
import { diffCounts, diffRows } from './diff-rows.ts';

describe('diff rows', () => {
  it('numbers lines where they are in the file', () => {
    expect(diffRows('a\nb\n', 'a\nc\n', 10)).toEqual([
      { kind: 'same', text: 'a', line: 10 },
      { kind: 'removed', text: 'b', line: 11 },
      { kind: 'added', text: 'c', line: 11 },
    ]);
  });

  it('leaves out what is far from a change', () => {
    const before = Array.from({ length: 20 }, (_, index) => `line ${index + 1}`);
    const rows = diffRows(before.join('\n'), [...before.slice(0, 9), 'new', ...before.slice(10)].join('\n'));
    expect(rows.map(({ kind }) => kind)).toEqual(['skipped', 'same', 'same', 'same', 'removed', 'added', 'same', 'same', 'same', 'skipped']);
    expect(rows[4]).toMatchObject({ line: 10, text: 'line 10' });
    expect(diffCounts(rows)).toEqual({ added: 1, removed: 1 });
  });

  it('shows a new file as added', () => {
    expect(diffRows('', 'x\ny\n').map(({ kind, line }) => [kind, line])).toEqual([['added', 1], ['added', 2]]);
  });
});
