/**
 * The frames of every long stream between a manager and a computer: big-endian u32 with the length of what follows,
 * u8 type, u32 channel, payload. Channel 0 is the stream itself; the side that dialled opens odd channels, the daemon even ones.
 */
export const frameTypes = {
  /** JSON `Hello`, from the daemon, first of all. */
  hello: 1,
  /** Nothing; every second, both ways. */
  heartbeat: 2,
  /** JSON; opens a channel that one `answer` or `failure` closes. */
  request: 3,
  answer: 4,
  /** JSON `{code, message}`. */
  failure: 5,
  /** JSON, channel 0; expects nothing back. */
  event: 6,
  /** JSON; opens a channel for bytes both ways. Egress will be channels that the daemon opens. */
  open: 7,
  /** At most `dataLimit` bytes, covered by credit. */
  data: 8,
  /** u32: that many more bytes may be sent on this channel. */
  credit: 9,
  /** No more data from this side. */
  end: 10,
  /** JSON `{message}`: the channel is over for both sides. */
  reset: 11,
} as const;
export type FrameType = (typeof frameTypes)[keyof typeof frameTypes];

export interface Frame {
  type: number;
  channel: number;
  payload: Buffer;
}

/** Bytes of one data frame: small, so that a download delays neither a kill nor a screen update. */
export const dataLimit = 32 * 1024;
/** Bytes that may be under way on a channel before its reader has taken them. */
export const channelWindow = 256 * 1024;
const frameLimit = 8 * 1024 * 1024;
const head = 9;

export function encodeFrame(type: FrameType, channel: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const frame = Buffer.allocUnsafe(head + payload.byteLength);
  frame.writeUInt32BE(payload.byteLength + 5, 0);
  frame.writeUInt8(type, 4);
  frame.writeUInt32BE(channel, 5);
  frame.set(payload, head);
  return frame;
}

export function encodeJson(type: FrameType, channel: number, body: unknown): Buffer {
  return encodeFrame(type, channel, Buffer.from(JSON.stringify(body)));
}

/** Finds whole frames in chunks cut anywhere. Throws `RangeError` on a length that no sender makes. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #length = 0;

  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const frames: Frame[] = [];
    for (let wanted = this.#wanted(); wanted !== null && this.#length >= wanted; wanted = this.#wanted()) {
      const frame = this.#take(wanted);
      frames.push({ type: frame.readUInt8(4), channel: frame.readUInt32BE(5), payload: frame.subarray(head) });
    }
    return frames;
  }

  #wanted(): number | null {
    if (this.#length < head) return null;
    const first = this.#join(head);
    const length = first.readUInt32BE(0);
    if (length < 5 || length > frameLimit) throw new RangeError(`A frame of ${length} bytes is not possible`);
    return length + 4;
  }

  /** Makes the first chunk hold at least `length` bytes. */
  #join(length: number): Buffer {
    if (this.#chunks[0]!.length < length) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!;
  }

  #take(length: number): Buffer {
    const first = this.#join(length);
    this.#length -= length;
    if (first.length === length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(length);
    return first.subarray(0, length);
  }
}
