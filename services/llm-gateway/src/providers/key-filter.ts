import { bytesWithoutKey, shortestKey } from './without-key.ts';

const lineFeed = 10;
const nothing = Buffer.alloc(0);

/** Takes keys out of a stream, however it is cut: what may be the beginning of one waits for what comes next. */
export class KeyFilter {
  private readonly keys: readonly string[];
  private held: Buffer = nothing;

  constructor(keys: readonly string[]) {
    this.keys = keys.filter((key) => key.length >= shortestKey);
  }

  push(piece: Buffer): Buffer {
    if (this.keys.length === 0) return piece;
    let bytes = this.held.length === 0 ? piece : Buffer.concat([this.held, piece]);
    for (const key of this.keys) bytes = bytesWithoutKey(bytes, key);
    const size = this.beginning(bytes);
    this.held = size === 0 ? nothing : bytes.subarray(bytes.length - size);
    return size === 0 ? bytes : bytes.subarray(0, bytes.length - size);
  }

  /** What waited when the stream ended: it was no key. */
  end(): Buffer {
    const { held } = this;
    this.held = nothing;
    return held;
  }

  /** How many bytes at the end may be the beginning of a key. Events end with a line break, which no key holds. */
  private beginning(bytes: Buffer): number {
    if (bytes.length === 0 || bytes[bytes.length - 1] === lineFeed) return 0;
    let longest = 0;
    for (const key of this.keys) {
      const end = bytes.toString('latin1', Math.max(0, bytes.length - key.length + 1));
      for (let size = end.length; size > longest; size--) if (key.startsWith(end.slice(end.length - size))) longest = size;
    }
    return longest;
  }
}
