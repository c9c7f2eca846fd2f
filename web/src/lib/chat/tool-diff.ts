import { type DiffRow, diffRows } from '../diff/diff-rows.ts';
import type { Call } from '../timeline/state.ts';

/** What a call changes, or would change, as a diff; null when it changes no text or its texts are not known. */
export function diffOf(call: Call): readonly DiffRow[] | null {
  const display = call.result?.display ?? {};
  const before = text(display['before']) ?? (call.name === 'edit' ? text(call.arguments['old_string']) : display['created'] === true ? '' : null);
  const after = text(display['after']) ?? text(call.arguments[call.name === 'edit' ? 'new_string' : 'content']);
  if ((call.name !== 'edit' && call.name !== 'write') || after === null) return null;
  if (before === null) return after === '' ? null : diffRows('', after);
  const firstLine = display['first_line'];
  return diffRows(before, after, typeof firstLine === 'number' ? firstLine : 1);
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
