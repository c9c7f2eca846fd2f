import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type ClipboardMessage, decodeClipboard, encodeClipboard } from './extended-clipboard.ts';

describe('the extended clipboard', () => {
  it.each<ClipboardMessage>([{ type: 'notify', available: true }, { type: 'notify', available: false }, { type: 'request' }, { type: 'capabilities' }, { type: 'provide', text: 'Grüße\n東京 🙂\tend\n' }, { type: 'provide', text: '' }])(
    'says and understands %j', (message) => expect(decodeClipboard(encodeClipboard(message))).toEqual(message));

  it('makes line ends of the wire those of the desktop', () => {
    expect(decodeClipboard(encodeClipboard({ type: 'provide', text: 'a\r\nb\nc' }))).toEqual({ type: 'provide', text: 'a\nb\nc' });
  });

  it('refuses what grows without end, and what is cut', () => {
    const flags = Buffer.from([0x10, 0, 0, 1]);
    expect(() => decodeClipboard(Buffer.concat([flags, deflateSync(Buffer.alloc(64 << 20))]))).toThrow();
    expect(() => decodeClipboard(Buffer.concat([flags, Buffer.from('no zlib')]))).toThrow();
    expect(() => decodeClipboard(Buffer.from([1]))).toThrow();
  });
});
