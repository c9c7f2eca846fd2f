/** What kind of thing a message of a viewer is. `input` changes the desktop; `never` is understood and not passed on. */
export type MessageKind = 'look' | 'input' | 'never';

export interface ClientMessage {
  kind: MessageKind;
  type: number;
  /** The message as it is passed on. */
  bytes: Buffer;
}

/** A viewer said something that no client should; its connection ends. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
}

export const messageTypes = {
  setPixelFormat: 0, setEncodings: 2, updateRequest: 3, key: 4, pointer: 5, cutText: 6, continuousUpdates: 150, fence: 248, xvp: 250, setDesktopSize: 251, qemu: 255,
} as const;

/** Actions in the first word of an extended clipboard message. */
export const clipboardActions = { caps: 1 << 24, request: 1 << 25, peek: 1 << 26, notify: 1 << 27, provide: 1 << 28 } as const;

/** Bytes of text that a viewer may paste, packed. */
const clipboardLimit = 1_000_000;
const encodingsLimit = 200;

/**
 * Encodings that a viewer may ask for. What is not here could bring a message that this reader does not know; pictures,
 * pointer shapes and the like only change what the server sends.
 */
const encodings: ReadonlySet<number> = new Set([
  0, 1, 2, 5, 6, 7, 16, 21, -260, -239, -314, -223, -224, -307, -258, -261, -312, -313,
  // Extended clipboard, pointer shape and position, keyboard lights.
  0xc0a1e5ce | 0, 0x574d5664, 0x574d5666, 0x574d5668,
]);
const isQuality = (encoding: number): boolean => (encoding >= -32 && encoding <= -23) || (encoding >= -256 && encoding <= -247) || (encoding >= -512 && encoding <= -412) || (encoding >= -768 && encoding <= -763);

/**
 * Finds whole messages of an RFB client in chunks cut anywhere. Strict: every length is checked before it is waited for,
 * and an unknown message is a `ProtocolViolation`.
 */
export class ClientMessageReader {
  #bytes: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): ClientMessage[] {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    const messages: ClientMessage[] = [];
    let at = 0;
    for (;;) {
      const rest = this.#bytes.subarray(at);
      const length = rest.length === 0 ? null : lengthOf(rest);
      if (length === null || rest.length < length) break;
      messages.push(messageOf(rest.subarray(0, length)));
      at += length;
    }
    this.#bytes = Buffer.from(this.#bytes.subarray(at));
    return messages;
  }
}

/** Bytes of the message that begins here; null when it does not say so yet. */
function lengthOf(bytes: Buffer): number | null {
  const type = bytes[0]!;
  switch (type) {
    case messageTypes.setPixelFormat: return 20;
    case messageTypes.updateRequest: return 10;
    case messageTypes.key: return 8;
    case messageTypes.pointer: return 6;
    case messageTypes.continuousUpdates: return 10;
    case messageTypes.xvp: return 4;
    case messageTypes.setEncodings: return bytes.length < 4 ? null : 4 + 4 * checked(bytes.readUInt16BE(2), encodingsLimit, 'encodings');
    case messageTypes.cutText: return bytes.length < 8 ? null : 8 + checked(Math.abs(bytes.readInt32BE(4)), clipboardLimit, 'clipboard');
    case messageTypes.fence: return bytes.length < 9 ? null : 9 + checked(bytes[8]!, 64, 'fence');
    case messageTypes.setDesktopSize: return bytes.length < 8 ? null : 8 + 16 * checked(bytes[6]!, 16, 'screens');
    case messageTypes.qemu:
      if (bytes.length < 2) return null;
      if (bytes[1] !== 0) throw new ProtocolViolation('There is no such message of QEMU');
      return 12;
    default: throw new ProtocolViolation(`There is no message ${type}`);
  }
}

function checked(value: number, most: number, what: string): number {
  if (value > most) throw new ProtocolViolation(`Too much: ${what}`);
  return value;
}

function messageOf(bytes: Buffer): ClientMessage {
  const type = bytes[0]!;
  if (type === messageTypes.setEncodings) return { kind: 'look', type, bytes: allowedEncodings(bytes) };
  return { kind: kindOf(type, bytes), type, bytes: Buffer.from(bytes) };
}

function kindOf(type: number, bytes: Buffer): MessageKind {
  if (type === messageTypes.xvp || type === messageTypes.setDesktopSize) return 'never';
  if (type === messageTypes.key || type === messageTypes.pointer || type === messageTypes.qemu) return 'input';
  if (type !== messageTypes.cutText) return 'look';
  // What a viewer can do with a clipboard, and its wish to read the desktop's, are no input; offering text is.
  if (bytes.readInt32BE(4) >= 0 || bytes.length < 12) return 'input';
  const flags = bytes.readUInt32BE(8);
  const reads = clipboardActions.caps | clipboardActions.request;
  const writes = clipboardActions.notify | clipboardActions.provide | clipboardActions.peek;
  return (flags & reads) !== 0 && (flags & writes) === 0 ? 'look' : (flags & clipboardActions.caps) !== 0 ? 'look' : 'input';
}

function allowedEncodings(bytes: Buffer): Buffer {
  const wanted = Array.from({ length: bytes.readUInt16BE(2) }, (_, index) => bytes.readInt32BE(4 + 4 * index)).filter((encoding) => encodings.has(encoding) || isQuality(encoding));
  const message = Buffer.alloc(4 + 4 * wanted.length);
  message[0] = messageTypes.setEncodings;
  message.writeUInt16BE(wanted.length, 2);
  for (const [index, encoding] of wanted.entries()) message.writeInt32BE(encoding, 4 + 4 * index);
  return message;
}
