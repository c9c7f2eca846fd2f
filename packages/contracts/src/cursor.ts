/** How far a reader has come: the last durable event, and within each block it saw open, the UTF-16 units it has. */
export interface Cursor {
  seq: number;
  open: { block: string; attempt: number; offset: number }[];
}

/** A cursor as clients hold it: opaque, URL-safe text. A cursor without open blocks is just its number. */
export function encodeCursor(cursor: Cursor): string {
  if (cursor.open.length === 0) return String(cursor.seq);
  return `${cursor.seq}~${cursor.open.map(({ block, attempt, offset }) => `${block}~${attempt}~${offset}`).join('~')}`;
}

/** Reads what `encodeCursor` wrote; `null` for anything else. */
export function decodeCursor(text: string): Cursor | null {
  const [seq, ...rest] = text.split('~');
  const numbers = (value: string | undefined) => (value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : null);
  const last = numbers(seq);
  if (last === null || rest.length % 3 !== 0 || rest.length > 3 * 64) return null;
  const open: Cursor['open'] = [];
  for (let index = 0; index < rest.length; index += 3) {
    const block = rest[index]!;
    const attempt = numbers(rest[index + 1]);
    const offset = numbers(rest[index + 2]);
    if (!/^[A-Za-z0-9_-]{1,128}$/.test(block) || attempt === null || offset === null) return null;
    open.push({ block, attempt, offset });
  }
  return { seq: last, open };
}
