import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, encodeJson, FrameReader, frameTypes } from './frames.ts';

describe('frames', () => {
  it('are found whole however the stream is cut', () => {
    const frame = fc.record({ type: fc.constantFrom(...Object.values(frameTypes)), channel: fc.nat(0xffff_ffff), payload: fc.uint8Array({ maxLength: 300 }) });
    fc.assert(fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 40 })), (frames, cuts) => {
      const bytes = Buffer.concat(frames.map(({ type, channel, payload }) => encodeFrame(type, channel, payload)));
      const reader = new FrameReader();
      const read = [];
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = cuts[turn % Math.max(1, cuts.length)] ?? bytes.length;
        read.push(...reader.push(bytes.subarray(at, at + size)));
        at += size;
      }
      expect(read.map(({ type, channel, payload }) => [type, channel, [...payload]])).toEqual(frames.map(({ type, channel, payload }) => [type, channel, [...payload]]));
    }));
  });

  it('of an impossible length end the stream', () => {
    expect(() => new FrameReader().push(Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0]))).toThrow(RangeError);
    expect(() => new FrameReader().push(Buffer.from([0, 0, 0, 1, 1, 0, 0, 0, 0]))).toThrow(RangeError);
  });

  it('carry JSON', () => {
    const [frame] = new FrameReader().push(encodeJson(frameTypes.event, 0, { text: 'ü👋' }));
    expect(JSON.parse(frame!.payload.toString())).toEqual({ text: 'ü👋' });
  });
});
