import { EventStreamCodec } from '@smithy/core/event-streams';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tried } from '../../test/fuzz/cases.ts';
import { LineTooLong } from '../wire/stream-sniffer.ts';
import { WireError } from '../wire/wire-format.ts';
import { EventStreamDecoder, type Frame } from './event-stream-decoder.ts';

const codec = new EventStreamCodec((input) => Buffer.from(input as Uint8Array).toString('utf8'), (input) => Buffer.from(input, 'utf8'));
const frameOf = (type: string, text: string): Buffer => Buffer.from(codec.encode({ headers: { ':message-type': { type: 'string', value: 'event' }, ':event-type': { type: 'string', value: type } }, body: Buffer.from(text) }));
const written = ({ type, payload }: Frame): string => `${type}=${payload.toString('utf8')};`;

function decode(bytes: Buffer, sizes: readonly number[]): string {
  const decoder = new EventStreamDecoder(written);
  let [out, at] = ['', 0];
  // Each piece in memory that is used again for the next one, as a connection's is.
  const shared = Buffer.alloc(1_000_000);
  for (const size of [...sizes, bytes.length]) {
    const length = bytes.copy(shared, 0, at, Math.min(at + size, bytes.length));
    at += length;
    out += Buffer.from(decoder.push(shared.subarray(0, length))).toString('utf8');
    shared.fill(0, 0, length);
  }
  return out + Buffer.from(decoder.end()).toString('utf8');
}

describe('SECURITY 24: binary frames', () => {
  it('are the same events wherever they are cut', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.stringMatching(/^\w{1,8}$/), fc.string({ unit: 'grapheme', maxLength: 60 })), { maxLength: 5 }), fc.array(fc.nat(70), { maxLength: 20 }), (events, sizes) => {
      expect(decode(Buffer.concat(events.map(([type, text]) => frameOf(type, text))), sizes)).toBe(events.map(([type, text]) => `${type}=${text};`).join(''));
    }), tried(200));
  }, 600_000);

  it('that are broken are a declared error', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(frameOf('a', 'text'))), { maxLength: 4 }), fc.nat(), fc.nat(255), fc.array(fc.nat(40), { maxLength: 8 }), (pieces, at, byte, sizes) => {
      const bytes = Buffer.concat(pieces);
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      try {
        decode(bytes, sizes);
      } catch (error) {
        if (!(error instanceof WireError) && !(error instanceof LineTooLong)) throw error;
      }
    }), tried(400));
  }, 600_000);

  it('of 20 MB in small pieces cost as much as their bytes', () => {
    const frame = Buffer.alloc(20_000_000);
    frame.writeUInt32BE(frame.length, 0);
    const decoder = new EventStreamDecoder(written);
    const started = performance.now();
    for (let at = 0; at < frame.length - 2_000; at += 1_000) decoder.push(frame.subarray(at, at + 1_000));
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
