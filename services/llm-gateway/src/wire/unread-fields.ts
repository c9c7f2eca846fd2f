import { WireError } from './wire-format.ts';

/** No conversation has so many; each takes some thirty times its bytes once it is parsed. */
const mostValues = 1_000_000;
/** Fields from this size on stay bytes until somebody looks at them. */
const longFrom = 8_192;

/** A field's value, as a part of the body's bytes. */
interface Place {
  start: number;
  end: number;
}

interface Unread extends Place {
  /** Whether it has a name in it, or something that may be one, by which a message refers to what is elsewhere. */
  refers: boolean;
}

interface Opened {
  raw: Buffer;
  places: Map<string, Place>;
  /** Lists and objects that nobody has looked at yet. */
  unread: Map<string, Unread>;
}

const opened = new WeakMap<object, Opened>();

/**
 * A long JSON object, of which only the short fields are read: a call that is passed on as it came never needs an agent's whole
 * conversation as objects, and to make them takes longer than all the rest. A long field is parsed when it is first looked at, and
 * throws `WireError` then if it is not valid, and at once for more values than a body may hold. Null for a body that this cannot tell apart for sure: `JSON.parse` says what it is.
 */
export function openLong(raw: Buffer, deepest: number): Record<string, unknown> | null {
  const body: Record<string, unknown> = {};
  const count = { values: 0 };
  const known: Opened = { raw, places: new Map(), unread: new Map() };
  try {
    let at = afterSpace(raw, 0);
    if (raw[at] !== byte.open) return null;
    at = afterSpace(raw, at + 1);
    for (;;) {
      if (raw[at] !== byte.quote) return null;
      const nameEnd = endOfString(raw, at);
      const name = parsed(raw, at, nameEnd) as string;
      // An own property for `JSON.parse`, something else for everybody after it.
      if (name === '__proto__') return null;
      at = afterSpace(raw, nameEnd);
      if (raw[at] !== byte.colon) return null;
      at = afterSpace(raw, at + 1);
      const value = endOfValue(raw, at, deepest - 1, count);
      known.places.set(name, { start: at, end: value.end });
      known.unread.delete(name);
      if (value.nested && value.end - at >= longFrom) {
        known.unread.set(name, { start: at, end: value.end, refers: value.refers });
        readLater(body, known, name);
      } else {
        settle(body, name, parsed(raw, at, value.end));
      }
      at = afterSpace(raw, value.end);
      if (raw[at] === byte.close) break;
      if (raw[at] !== byte.comma) return null;
      at = afterSpace(raw, at + 1);
    }
    if (afterSpace(raw, at + 1) !== raw.length) return null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  opened.set(body, known);
  return body;
}

/** Whether a field is a list; does not read it. */
export function isList(body: object, name: string): boolean {
  const known = opened.get(body);
  const field = known?.unread.get(name);
  return field === undefined ? Array.isArray((body as Record<string, unknown>)[name]) : known!.raw[field.start] === byte.openList;
}

/** Whether a field is there and not null; does not read it. */
export function isStated(body: object, name: string): boolean {
  return opened.get(body)?.unread.has(name) === true || ((body as Record<string, unknown>)[name] ?? null) !== null;
}

/** The bytes of a field that nobody has read yet; null of any other. */
export function unreadBytes(body: object, name: string): Buffer | null {
  const known = opened.get(body);
  const field = known?.unread.get(name);
  return field === undefined ? null : known!.raw.subarray(field.start, field.end);
}

/** False where it is certain, without reading it, that nothing in a field refers to pictures or files elsewhere. */
export function mayRefer(body: object, name: string): boolean {
  return opened.get(body)?.unread.get(name)?.refers ?? true;
}

/** The bytes of a body that `openLong` opened, with other values of fields that it has; null where it takes more than that. */
export function withValues(raw: Buffer, body: object, changes: Readonly<Record<string, unknown>>): Buffer | null {
  const known = opened.get(body);
  if (known === undefined || known.raw !== raw) return null;
  const replaced = Object.entries(changes).map(([name, value]) => ({ place: known.places.get(name), text: JSON.stringify(value) as string | undefined }));
  const parts: Buffer[] = [];
  let at = 0;
  for (const { place, text } of replaced.sort((one, other) => (one.place?.start ?? 0) - (other.place?.start ?? 0))) {
    if (place === undefined || text === undefined) return null;
    parts.push(raw.subarray(at, place.start), Buffer.from(text));
    at = place.end;
  }
  return Buffer.concat([...parts, raw.subarray(at)]);
}

const byte = { quote: 0x22, backslash: 0x5c, colon: 0x3a, comma: 0x2c, open: 0x7b, close: 0x7d, openList: 0x5b, closeList: 0x5d } as const;

function readLater(body: Record<string, unknown>, { raw, unread }: Opened, name: string): void {
  const take = (value: unknown): unknown => {
    unread.delete(name);
    return settle(body, name, value);
  };
  const read = (): unknown => {
    const { start, end } = unread.get(name)!;
    try {
      return take(parsed(raw, start, end));
    } catch {
      throw new WireError('bad-request', 'The body is not valid JSON.');
    }
  };
  Object.defineProperty(body, name, { enumerable: true, configurable: true, get: read, set: take });
}

function settle(body: Record<string, unknown>, name: string, value: unknown): unknown {
  Object.defineProperty(body, name, { value, enumerable: true, configurable: true, writable: true });
  return value;
}

/** Throws `SyntaxError`. */
const parsed = (raw: Buffer, start: number, end: number): unknown => JSON.parse(raw.toString('utf8', start, end));

function afterSpace(raw: Buffer, from: number): number {
  let at = from;
  for (let code = raw[at]; code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09; code = raw[at]) at++;
  return at;
}

/** The place after a string that begins at `start`. Throws `SyntaxError`. */
function endOfString(raw: Buffer, start: number): number {
  for (let end = raw.indexOf(byte.quote, start + 1); end !== -1; end = raw.indexOf(byte.quote, end + 1)) {
    let before = end;
    while (raw[before - 1] === byte.backslash) before--;
    if ((end - before) % 2 === 0) return end + 1;
  }
  throw new SyntaxError('A string has no end');
}

interface ValueEnd {
  end: number;
  /** A list or an object. */
  nested: boolean;
  refers: boolean;
}

/** Throws `SyntaxError`, also for what is nested deeper than `deepest` levels, and `WireError` for too many values. */
function endOfValue(raw: Buffer, start: number, deepest: number, count: { values: number }): ValueEnd {
  countOne(count);
  const first = raw[start];
  if (first === byte.quote) return { end: endOfString(raw, start), nested: false, refers: false };
  if (first !== byte.open && first !== byte.openList) return { end: endOfWord(raw, start), nested: false, refers: false };
  const closers: number[] = [];
  let refers = false;
  for (let at = start; at < raw.length; at++) {
    const code = raw[at];
    if (code === byte.quote) {
      const end = endOfString(raw, at);
      refers ||= isReference(raw, at + 1, end - 1);
      at = end - 1;
    } else if (code === byte.comma) countOne(count);
    else if (code === byte.open || code === byte.openList) {
      countOne(count);
      if (closers.push(code === byte.open ? byte.close : byte.closeList) > deepest) throw new SyntaxError('Nested too deeply');
    } else if (code === byte.close || code === byte.closeList) {
      if (closers.pop() !== code) throw new SyntaxError('Brackets that do not fit');
      if (closers.length === 0) return { end: at + 1, nested: true, refers };
    }
  }
  throw new SyntaxError('A value has no end');
}

function countOne(count: { values: number }): void {
  if (++count.values > mostValues) throw new WireError('bad-request', `The body holds more than ${mostValues.toLocaleString('en')} values.`);
}

/** Throws `WireError` where there are so many commas that to parse the body may take all the memory there is. */
export function assertFew(raw: Buffer): void {
  const count = { values: 0 };
  for (let at = raw.indexOf(byte.comma); at !== -1; at = raw.indexOf(byte.comma, at + 1)) countOne(count);
}

function endOfWord(raw: Buffer, start: number): number {
  let at = start;
  for (let code = raw[at]; code !== undefined && code !== byte.comma && code !== byte.close && code > 0x20; code = raw[at]) at++;
  return at;
}

/** Names in a message's parts under which something is elsewhere. */
const references = new Set(['file', 'source', 'file_id', 'file_url', 'image_url']);
const [shortest, longest] = [4, 9];

/** Names may also be written in escapes, six bytes a letter. */
function isReference(raw: Buffer, start: number, end: number): boolean {
  const length = end - start;
  if (length < shortest || length > longest * 6) return false;
  if (length <= longest && references.has(raw.toString('latin1', start, end))) return true;
  for (let at = start; at < end - 1; at++) if (raw[at] === byte.backslash && raw[at + 1] === 0x75) return true;
  return false;
}
