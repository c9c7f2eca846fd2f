import { diffLines } from 'diff';

export interface DiffRow {
  kind: 'same' | 'added' | 'removed' | 'skipped';
  text: string;
  /** Line number in the new text, or in the old one for a removed line; null for what is skipped. */
  line: number | null;
}

const context = 3;

/** The change from one text to another as rows, with `context` unchanged lines around each place. `firstLine` is where the texts begin in their file. */
export function diffRows(before: string, after: string, firstLine = 1): DiffRow[] {
  const rows: DiffRow[] = [];
  let oldLine = firstLine;
  let newLine = firstLine;
  const changes = diffLines(before, after);
  for (const [index, change] of changes.entries()) {
    const lines = change.value.replace(/\n$/, '').split('\n');
    if (change.added) for (const text of lines) rows.push({ kind: 'added', text, line: newLine++ });
    else if (change.removed) for (const text of lines) rows.push({ kind: 'removed', text, line: oldLine++ });
    else {
      const head = index === 0 ? 0 : context;
      const tail = index === changes.length - 1 ? 0 : context;
      const hidden = lines.length - head - tail;
      for (const [at, text] of lines.entries()) {
        if (hidden < 2 || at < head || at >= lines.length - tail) rows.push({ kind: 'same', text, line: newLine });
        else if (at === head) rows.push({ kind: 'skipped', text: `${hidden} unchanged lines`, line: null });
        oldLine++;
        newLine++;
      }
    }
  }
  return rows;
}

/** How many lines were added and removed. */
export function diffCounts(rows: readonly DiffRow[]): { added: number; removed: number } {
  return { added: rows.filter(({ kind }) => kind === 'added').length, removed: rows.filter(({ kind }) => kind === 'removed').length };
}
