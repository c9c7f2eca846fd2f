import { constants, deflateSync, inflateSync } from 'node:zlib';

/** Formats and actions of the extended clipboard, as bits of its flags. Only text is spoken here. */
const text = 1;
const actions = { capabilities: 1 << 24, request: 1 << 25, peek: 1 << 26, notify: 1 << 27, provide: 1 << 28 } as const;
const actionBits = 0xff << 24;
const formats = 16;
const textLimit = 1 << 20;

export type ClipboardMessage =
  /** There is text, or none any more. */
  | { type: 'notify'; available: boolean }
  /** The other side wants the text. */
  | { type: 'request' }
  | { type: 'provide'; text: string }
  /** What the other side can do, or something that needs no answer. */
  | { type: 'capabilities' };

/** The payload of a message; NUL marks the end of text, and lines end with CR LF on the wire. */
export function encodeClipboard(message: ClipboardMessage): Buffer {
  switch (message.type) {
    case 'notify':
      return u32(actions.notify | (message.available ? text : 0));
    case 'request':
      return u32(actions.request | text);
    case 'capabilities':
      // Zero bytes of text unasked: the other side notifies, and we ask when we want it.
      return Buffer.concat([u32(text | actions.capabilities | actions.request | actions.peek | actions.notify | actions.provide), u32(0)]);
    case 'provide': {
      const bytes = Buffer.from(`${message.text.replaceAll('\r\n', '\n').replaceAll('\n', '\r\n')}\0`, 'utf8');
      return Buffer.concat([u32(actions.provide | text), deflateSync(Buffer.concat([u32(bytes.length), bytes]))]);
    }
  }
}

/** Throws on a payload that cannot be. */
export function decodeClipboard(payload: Buffer): ClipboardMessage {
  const flags = payload.readUInt32BE(0);
  const action = flags & actionBits;
  if (action & actions.capabilities) return { type: 'capabilities' };
  if (action === actions.request && flags & text) return { type: 'request' };
  if (action === actions.notify) return { type: 'notify', available: (flags & text) !== 0 };
  if (action !== actions.provide || !(flags & text)) return { type: 'capabilities' };
  // The sender only flushes its stream and never ends it.
  const data = inflateSync(payload.subarray(4), { maxOutputLength: textLimit + formats * 4, finishFlush: constants.Z_SYNC_FLUSH });
  const length = data.readUInt32BE(0);
  const found = data.toString('utf8', 4, 4 + length).replaceAll('\r\n', '\n');
  return { type: 'provide', text: found.endsWith('\0') ? found.slice(0, -1) : found };
}

function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}
