import { describe, expect, it } from 'vitest';
import { encodeOpen, encodeOpened, encodeStart, NativeReader } from './native-wire.ts';

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
    frame('L', '/w\0chromium\0ü\0'), frame('A', [0, 0, 0, 7, 1]), frame('A', [0, 0, 0, 8, 0, 0x6e, 0x6f]), frame('U', [0, 0, 0, 2]), frame('W', ''), frame('P', [255, 255, 255, 255, 0, 0, 0, 9, 0x78]),
  ]);
  const wanted = [
    { type: 'runner', secret: 's'.repeat(64) }, { type: 'holder', token: 'token' }, { type: 'output', bytes: Buffer.from('héllo') }, { type: 'exited', code: 3, signal: null },
    { type: 'exited', code: null, signal: 9 }, { type: 'not-started', error: 2, stage: 'program' }, { type: 'fork-failed', error: 11, token: 'ab' }, { type: 'holder-died', token: 'ab' }, { type: 'gone' },
    { type: 'open-wanted', request: { folder: '/w', argv: ['chromium', 'ü'] } }, { type: 'opened', id: 7, problem: null }, { type: 'opened', id: 8, problem: 'no' }, { type: 'up', starts: 2 }, { type: 'down' },
    { type: 'program-ended', code: null, signal: 9, program: 'x' },
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

  it('writes what is to be opened, and the answer to the tool that asked', () => {
    expect(encodeOpen(258, { folder: '/w', argv: ['a', 'ü'] })).toEqual(frame('L', [0, 0, 1, 2, ...Buffer.from('/w\0a\0ü\0')]));
    expect(encodeOpened(null)).toEqual(frame('A', [1]));
    expect(encodeOpened('no')).toEqual(frame('A', [0, ...Buffer.from('no')]));
  });

  it('writes an order as the runner reads it', () => {
    const order = encodeStart({ token: 't', folder: '/w', argv: ['echo', 'ü'], environment: { A: '1' }, stdin: 'in', killDescendants: true });
    const text = (value: string) => [0, 0, 0, Buffer.byteLength(value), ...Buffer.from(value)];
    const payload = [...text('t'), ...text('/w'), 0, 0, 0, 2, ...text('echo'), ...text('ü'), 0, 0, 0, 1, ...text('A=1'), 3, ...Buffer.from('in')];
    expect([...order]).toEqual([0, 0, 0, payload.length + 1, 'S'.charCodeAt(0), ...payload]);
  });
});
