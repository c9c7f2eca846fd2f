import type { OpenRequest } from './protocol.ts';

/**
 * What sandboxd and the native tool runner, the holders and the session of the desktop say to each other; deploy/images/native/common.h is the other
 * half. Frames: big-endian u32 with the length of what follows, one type byte, payload.
 */
export type NativeFrame =
  | { type: 'runner'; secret: string }
  | { type: 'holder'; token: string }
  | { type: 'output'; bytes: Buffer }
  | { type: 'exited'; code: number | null; signal: number | null }
  | { type: 'not-started'; error: number; stage: 'folder' | 'program' | 'process' }
  | { type: 'gone' }
  | { type: 'fork-failed'; error: number; token: string }
  | { type: 'holder-died'; token: string }
  | { type: 'open-wanted'; request: OpenRequest }
  | { type: 'opened'; id: number; problem: string | null }
  | { type: 'up'; starts: number }
  | { type: 'down' }
  | { type: 'program-ended'; program: string; code: number | null; signal: number | null };

export interface Start {
  token: string;
  folder: string;
  argv: readonly string[];
  environment: Readonly<Record<string, string>>;
  stdin?: string;
  killDescendants: boolean;
}

const frameLimit = 1 << 20;

export class NativeReader {
  #waiting: Buffer = Buffer.alloc(0);

  /** Whole frames found so far. Throws on anything that no native program of ours sends. */
  push(chunk: Buffer): NativeFrame[] {
    let bytes = this.#waiting.length > 0 ? Buffer.concat([this.#waiting, chunk]) : chunk;
    const frames: NativeFrame[] = [];
    while (bytes.length >= 4) {
      const length = bytes.readUInt32BE(0);
      if (length < 1 || length > frameLimit) throw new RangeError(`A native frame of ${length} bytes is not possible`);
      if (bytes.length < 4 + length) break;
      frames.push(parse(String.fromCharCode(bytes[4]!), bytes.subarray(5, 4 + length)));
      bytes = bytes.subarray(4 + length);
    }
    this.#waiting = bytes;
    return frames;
  }
}

const stages: Record<string, 'folder' | 'program' | 'process'> = { d: 'folder', e: 'program', f: 'process' };

function parse(type: string, payload: Buffer): NativeFrame {
  switch (type) {
    case 'R':
      return { type: 'runner', secret: payload.toString('latin1') };
    case 'H':
      return { type: 'holder', token: payload.toString('latin1') };
    case 'O':
      return { type: 'output', bytes: payload };
    case 'X':
      return { type: 'exited', ...ending(payload) };
    case 'E':
      return { type: 'not-started', error: payload.readUInt32BE(0), stage: stages[String.fromCharCode(payload[4]!)] ?? 'process' };
    case 'G':
      return { type: 'gone' };
    case 'F':
      return { type: 'fork-failed', error: payload.readUInt32BE(0), token: payload.subarray(4).toString('latin1') };
    case 'D':
      return { type: 'holder-died', token: payload.toString('latin1') };
    case 'L': {
      const [folder = '', ...argv] = payload.toString('utf8').split('\0').slice(0, -1);
      return { type: 'open-wanted', request: { folder, argv } };
    }
    case 'A':
      return { type: 'opened', id: payload.readUInt32BE(0), problem: payload.readUInt8(4) === 1 ? null : payload.toString('utf8', 5) };
    case 'U':
      return { type: 'up', starts: payload.readUInt32BE(0) };
    case 'W':
      return { type: 'down' };
    case 'P':
      return { type: 'program-ended', ...ending(payload), program: payload.toString('utf8', 8) };
    default:
      throw new RangeError(`There is no native frame ${type}`);
  }
}

function ending(payload: Buffer): { code: number | null; signal: number | null } {
  const code = payload.readInt32BE(0);
  const signal = payload.readInt32BE(4);
  return { code: code < 0 ? null : code, signal: signal === 0 ? null : signal };
}

/** To the session of the desktop. */
export function encodeOpen(id: number, { folder, argv }: OpenRequest): Buffer {
  return frame('L', Buffer.concat([u32(id), Buffer.from([folder, ...argv].map((text) => `${text}\0`).join(''), 'utf8')]));
}

/** To the tool that asked: whether it was opened. */
export function encodeOpened(problem: string | null): Buffer {
  return frame('A', Buffer.concat([Buffer.from([problem === null ? 1 : 0]), Buffer.from((problem ?? '').slice(0, 200), 'utf8')]));
}

export function encodeStart(start: Start): Buffer {
  const parts: Buffer[] = [];
  const text = (value: string) => {
    const bytes = Buffer.from(value, 'utf8');
    parts.push(u32(bytes.length), bytes);
  };
  const list = (values: readonly string[]) => {
    parts.push(u32(values.length));
    values.forEach(text);
  };
  text(start.token);
  text(start.folder);
  list(start.argv);
  list(Object.entries(start.environment).map(([name, value]) => `${name}=${value}`));
  parts.push(Buffer.from([(start.killDescendants ? 1 : 0) | (start.stdin === undefined ? 0 : 2)]));
  if (start.stdin !== undefined) parts.push(Buffer.from(start.stdin, 'utf8'));
  return frame('S', Buffer.concat(parts));
}

export const killFrame = frame('K', Buffer.alloc(0));

function frame(type: string, payload: Buffer): Buffer {
  return Buffer.concat([u32(payload.length + 1), Buffer.from(type, 'latin1'), payload]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
