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
  private rest: Buffer = Buffer.alloc(0);

  /** `write` gives the text of an event, or nothing. */
  constructor(private readonly write: (frame: Frame) => string) {}

  push(bytes: Uint8Array): Uint8Array {
    let from = 0;
    const held = this.rest.length === 0 ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : Buffer.concat([this.rest, bytes]);
    let out = '';
    while (held.length - from >= 4) {
      const size = held.readUInt32BE(from);
      if (size < smallestFrame) throw broken();
      if (size > frameLimit) throw new LineTooLong(`The provider announced a frame of ${size} bytes`);
      if (held.length - from < size) break;
      out += this.open(held.subarray(from, from + size));
      from += size;
    }
    // The chunk's memory is the connection's; what waits is copied.
    this.rest = Buffer.from(held.subarray(from));
    return out === '' ? nothing : Buffer.from(out);
  }

  end(): Uint8Array {
    if (this.rest.length > 0) throw broken();
    return nothing;
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
