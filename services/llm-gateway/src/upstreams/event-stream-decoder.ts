import { EventStreamCodec, type MessageHeaders } from '@smithy/core/event-streams';
import { LineTooLong } from '../wire/stream-sniffer.ts';
import { WireError } from '../wire/wire-format.ts';
import type { StreamDecoder } from './upstream.ts';

/** One frame of AWS's binary event stream, opened. */
export interface Frame {
  /** `event` or `exception`. */
  kind: string;
  /** The event's type, or the exception's. */
  type: string;
  payload: Buffer;
}

const nothing = new Uint8Array(0);
/** Length, header length, their checksum, and the checksum at the end. */
const smallestFrame = 16;
const frameLimit = 24 * 1024 * 1024;

/** Opens AWS's binary frames, cut anywhere into chunks, and writes each as the event it stands for. Both checksums are checked. */
export class EventStreamDecoder implements StreamDecoder {
  private readonly codec = new EventStreamCodec((input) => Buffer.from(input as Uint8Array).toString('utf8'), (input) => Buffer.from(input, 'utf8'));
  /** Pieces of a frame that is not whole yet: put together when it is, not with each piece. */
  private held: Buffer[] = [];
  private size = 0;
  private awaited = 0;

  /** `write` gives the text of an event, or nothing. */
  constructor(private readonly write: (frame: Frame) => string) {}

  push(bytes: Uint8Array): Uint8Array {
    this.held.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    this.size += bytes.length;
    if (this.size < this.awaited) {
      this.own();
      return nothing;
    }
    const whole = this.held.length === 1 ? this.held[0]! : Buffer.concat(this.held, this.size);
    let from = 0;
    let out = '';
    this.awaited = 0;
    while (whole.length - from >= 4) {
      const size = whole.readUInt32BE(from);
      if (size < smallestFrame) throw broken();
      if (size > frameLimit) throw new LineTooLong(`The provider announced a frame of ${size} bytes`);
      if (whole.length - from < size) {
        this.awaited = size;
        break;
      }
      out += this.open(whole.subarray(from, from + size));
      from += size;
    }
    this.held = from === whole.length ? [] : [whole.subarray(from)];
    this.size = whole.length - from;
    this.own();
    return out === '' ? nothing : Buffer.from(out);
  }

  end(): Uint8Array {
    if (this.size > 0) throw broken();
    return nothing;
  }

  /** The last piece's memory is the connection's; what waits is copied. */
  private own(): void {
    if (this.held.length > 0) this.held[this.held.length - 1] = Buffer.from(this.held.at(-1)!);
  }

  private open(frame: Buffer): string {
    try {
      const { headers, body } = this.codec.decode(frame);
      const kind = header(headers, ':message-type') ?? 'event';
      return this.write({ kind, type: header(headers, kind === 'exception' ? ':exception-type' : kind === 'error' ? ':error-code' : ':event-type') ?? '', payload: Buffer.from(body.buffer, body.byteOffset, body.length) });
    } catch (error) {
      throw error instanceof WireError ? error : broken();
    }
  }
}

const broken = (): WireError => new WireError('upstream', 'The provider sent a broken frame.');

function header(headers: MessageHeaders, name: string): string | null {
  const value = headers[name]?.value;
  return typeof value === 'string' ? value : null;
}
