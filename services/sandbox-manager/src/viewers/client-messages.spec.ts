import { describe, expect, it } from 'vitest';
import { clipboardActions, ClientMessageReader, ProtocolViolation } from './client-messages.ts';

const pixelFormat = Buffer.alloc(20);
const update = Buffer.from([3, 1, 0, 0, 0, 0, 5, 0, 3, 32]);
const key = Buffer.from([4, 1, 0, 0, 0, 0, 0, 0x61]);
const pointer = Buffer.from([5, 1, 0, 10, 0, 20]);
const qemu = Buffer.from([255, 0, 0, 1, 0, 0, 0, 0x61, 0, 0, 0, 30]);
const fence = Buffer.from([248, 0, 0, 0, 0x80, 0, 0, 1, 2, 7, 7]);
const continuous = Buffer.from([150, 1, 0, 0, 0, 0, 5, 0, 3, 32]);
const xvp = Buffer.from([250, 0, 1, 2]);
const resize = Buffer.concat([Buffer.from([251, 0, 5, 0, 3, 32, 1, 0]), Buffer.alloc(16)]);
const cut = (length: number, rest: Buffer): Buffer => {
  const head = Buffer.alloc(8);
  head[0] = 6;
  head.writeInt32BE(length, 4);
  return Buffer.concat([head, rest]);
};
const extended = (flags: number, more = 0): Buffer => {
  const body = Buffer.alloc(4 + more);
  body.writeUInt32BE(flags >>> 0, 0);
  return cut(-body.length, body);
};
const encodings = (...list: number[]): Buffer => {
  const message = Buffer.alloc(4 + 4 * list.length);
  message[0] = 2;
  message.writeUInt16BE(list.length, 2);
  for (const [index, encoding] of list.entries()) message.writeInt32BE(encoding, 4 + 4 * index);
  return message;
};

describe('messages of a viewer', () => {
  it.each([
    ['pixel format', pixelFormat, 'look'], ['update request', update, 'look'], ['fence', fence, 'look'], ['continuous updates', continuous, 'look'],
    ['key', key, 'input'], ['pointer', pointer, 'input'], ['QEMU key', qemu, 'input'], ['old clipboard', cut(2, Buffer.from('hi')), 'input'],
    ['what the clipboard can do', extended(clipboardActions.caps | 1, 4), 'look'], ['wish for the clipboard', extended(clipboardActions.request | 1), 'look'],
    ['clipboard announced', extended(clipboardActions.notify | 1), 'input'], ['clipboard given', extended(clipboardActions.provide | 1, 30), 'input'], ['a wish that gives too', extended(clipboardActions.request | clipboardActions.provide, 30), 'input'],
    ['power', xvp, 'never'], ['resize', resize, 'never'],
  ] as const)('%s', (_, bytes, kind) => {
    expect(new ClientMessageReader().push(bytes)).toMatchObject([{ kind, bytes }]);
  });

  it('are the same wherever the chunks are cut', () => {
    const all = [pixelFormat, encodings(0, 1, 7, 16), key, pointer, cut(3, Buffer.from('abc')), qemu, fence, resize, update];
    const stream = Buffer.concat(all);
    const whole = new ClientMessageReader().push(stream);
    expect(whole.map(({ type }) => type)).toEqual([0, 2, 4, 5, 6, 255, 248, 251, 3]);
    for (let at = 0; at <= stream.length; at++) {
      const reader = new ClientMessageReader();
      expect([...reader.push(stream.subarray(0, at)), ...reader.push(stream.subarray(at))]).toEqual(whole);
    }
    const bytewise = new ClientMessageReader();
    expect([...stream].flatMap((byte) => bytewise.push(Buffer.from([byte])))).toEqual(whole);
  });

  it('asks for no encoding that this reader does not know', () => {
    // Extended mouse buttons (-316) would make pointer messages longer, extended desktop size (-308) is for resizing.
    const [message] = new ClientMessageReader().push(encodings(7, -316, -308, -309, -239, 0x574d5664, -24, 99_999));
    expect([...message!.bytes.subarray(0, 4)]).toEqual([2, 0, 0, 4]);
    expect([0, 1, 2, 3].map((index) => message!.bytes.readInt32BE(4 + 4 * index))).toEqual([7, -239, 0x574d5664, -24]);
  });

  it.each([
    ['an unknown message', Buffer.from([77])], ['an unknown message of QEMU', Buffer.from([255, 9])], ['a clipboard without an end', cut(0x7fffffff, Buffer.alloc(0))], ['a clipboard of the least number', cut(-0x80000000, Buffer.alloc(0))],
    ['endless encodings', Buffer.from([2, 0, 255, 255])], ['a long fence', Buffer.from([248, 0, 0, 0, 0, 0, 0, 0, 200])], ['a wall of screens', Buffer.from([251, 0, 0, 0, 0, 0, 99, 0])],
  ])('SECURITY 28: %s ends the connection', (_, bytes) => {
    expect(() => new ClientMessageReader().push(bytes)).toThrow(ProtocolViolation);
  });
});
