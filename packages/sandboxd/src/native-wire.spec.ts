import { describe, expect, it } from 'vitest';
import { encodeStart, NativeReader } from './native-wire.ts';

const frame = (type: string, payload: readonly number[] | string) => {
  const body = Buffer.from(payload as string);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length + 1);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
};

describe('the native wire', () => {
  const all = Buffer.concat([
    frame('R', 's'.repeat(64)), frame('H', 'token'), frame('O', 'héllo'), frame('X', [0, 0, 0, 3, 0, 0, 0, 0]), frame('X', [255, 255, 255, 255, 0, 0, 0, 9]),
    frame('E', [0, 0, 0, 2, 0x65]), frame('F', [0, 0, 0, 11, 0x61, 0x62]), frame('D', 'ab'), frame('G', ''),
  ]);
  const wanted = [
    { type: 'runner', secret: 's'.repeat(64) }, { type: 'holder', token: 'token' }, { type: 'output', bytes: Buffer.from('héllo') }, { type: 'exited', code: 3, signal: null },
    { type: 'exited', code: null, signal: 9 }, { type: 'not-started', error: 2, stage: 'program' }, { type: 'fork-failed', error: 11, token: 'ab' }, { type: 'holder-died', token: 'ab' }, { type: 'gone' },
  ];

  it.each([1, 2, 3, 7, 1_000])('is read in pieces of %i bytes', (size) => {
    const reader = new NativeReader();
    const read = [];
    for (let at = 0; at < all.length; at += size) read.push(...reader.push(all.subarray(at, at + size)));
    expect(read).toEqual(wanted);
  });

  it('ends a stranger that says something else', () => {
    expect(() => new NativeReader().push(frame('Z', ''))).toThrow(RangeError);
    expect(() => new NativeReader().push(Buffer.from('GET / HTTP/1.1\r\n'))).toThrow(RangeError);
  });

  it('writes an order as the runner reads it', () => {
    const order = encodeStart({ token: 't', folder: '/w', argv: ['echo', 'ü'], environment: { A: '1' }, stdin: 'in', killDescendants: true });
    const text = (value: string) => [0, 0, 0, Buffer.byteLength(value), ...Buffer.from(value)];
    const payload = [...text('t'), ...text('/w'), 0, 0, 0, 2, ...text('echo'), ...text('ü'), 0, 0, 0, 1, ...text('A=1'), 3, ...Buffer.from('in')];
    expect([...order]).toEqual([0, 0, 0, payload.length + 1, 'S'.charCodeAt(0), ...payload]);
  });
});
