import type { Duplex } from 'node:stream';
import { ByteReader } from './byte-reader.ts';
import { type ClipboardMessage, decodeClipboard, encodeClipboard } from './extended-clipboard.ts';
import { type Cursor, Framebuffer, pixelBytes, type Rectangle } from './framebuffer.ts';

export interface RfbListener {
  /** A whole update is in the framebuffer; what of it changed. Pointer shapes are none of it. */
  updated(changed: readonly Rectangle[]): void;
  clipboard(message: ClipboardMessage): void;
  /** Once. */
  closed(reason: Error): void;
}

/** Encodings by number. The order is the preference: raw costs nothing to pack, and the bytes stay on this host. */
const encodings = { copy: 1, raw: 0, cursor: -239, lastRectangle: -224, size: -223, extendedClipboard: 0xc0a1e5ce | 0 } as const;
const serverMessages = { update: 0, colours: 1, bell: 2, cutText: 3 } as const;
const clientMessages = { pixelFormat: 0, encodings: 2, updateRequest: 3, key: 4, pointer: 5, cutText: 6 } as const;
const cutTextLimit = 4 << 20;
const largestSide = 8_192;

/** One RFB connection to a screen that needs no password: a mirror of what it shows, and input for it. */
export class RfbClient {
  framebuffer = new Framebuffer(1, 1);
  cursor: Cursor | null = null;
  #reader: ByteReader;
  #over: Error | null = null;

  private constructor(private readonly stream: Duplex, private readonly listener: RfbListener) {
    this.#reader = new ByteReader(stream);
    stream.on('error', (error) => this.close(error));
    stream.on('close', () => this.close(new Error('The screen closed the connection')));
  }

  /** Resolves when the size of the screen is known; nothing of it is asked for yet. */
  static async open(stream: Duplex, listener: RfbListener): Promise<RfbClient> {
    const client = new RfbClient(stream, listener);
    try {
      await client.#greet();
    } catch (error) {
      client.close(error as Error);
      throw error;
    }
    void client.#listen();
    return client;
  }

  get over(): boolean {
    return this.#over !== null;
  }

  /** Asks for what changed since it was last sent, or for everything as it is; answered once there is something. */
  request(incremental: boolean, { x, y, width, height }: Rectangle = { x: 0, y: 0, width: this.framebuffer.width, height: this.framebuffer.height }): void {
    const message = Buffer.alloc(10);
    message.writeUInt8(clientMessages.updateRequest, 0);
    message.writeUInt8(incremental ? 1 : 0, 1);
    [x, y, width, height].forEach((value, index) => message.writeUInt16BE(value, 2 + index * 2));
    this.#send(message);
  }

  /** Bit 0 of `buttons` is the left one, 1 the middle, 2 the right, 3 to 6 the wheel up, down, left, right. */
  pointer(buttons: number, x: number, y: number): void {
    const message = Buffer.alloc(6);
    message.writeUInt8(clientMessages.pointer, 0);
    message.writeUInt8(buttons, 1);
    message.writeUInt16BE(x, 2);
    message.writeUInt16BE(y, 4);
    this.#send(message);
  }

  key(keysym: number, down: boolean): void {
    const message = Buffer.alloc(8);
    message.writeUInt8(clientMessages.key, 0);
    message.writeUInt8(down ? 1 : 0, 1);
    message.writeUInt32BE(keysym, 4);
    this.#send(message);
  }

  clipboard(message: ClipboardMessage): void {
    const payload = encodeClipboard(message);
    const head = Buffer.alloc(8);
    head.writeUInt8(clientMessages.cutText, 0);
    head.writeInt32BE(-payload.length, 4);
    this.#send(Buffer.concat([head, payload]));
  }

  close(reason = new Error('The connection was closed')): void {
    if (this.#over) return;
    this.#over = reason;
    this.stream.destroy();
    this.listener.closed(reason);
  }

  #send(bytes: Buffer): void {
    if (!this.#over) this.stream.write(bytes);
  }

  async #greet(): Promise<void> {
    const reader = this.#reader;
    const version = (await reader.read(12)).toString('latin1');
    if (!version.startsWith('RFB 003.')) throw new Error('The screen does not speak RFB');
    this.#send(Buffer.from('RFB 003.008\n'));
    const kinds = await reader.read(await reader.readByte());
    const none = 1;
    if (!kinds.includes(none)) throw new Error('The screen wants a password');
    this.#send(Buffer.from([none]));
    if ((await reader.read(4)).readUInt32BE(0) !== 0) throw new Error('The screen refused the connection');
    const shared = 1;
    this.#send(Buffer.from([shared]));
    const init = await reader.read(24);
    await reader.read(init.readUInt32BE(20));
    this.#resize(init.readUInt16BE(0), init.readUInt16BE(2));
    this.#send(pixelFormat());
    const wanted = Object.values(encodings);
    const message = Buffer.alloc(4 + wanted.length * 4);
    message.writeUInt8(clientMessages.encodings, 0);
    message.writeUInt16BE(wanted.length, 2);
    wanted.forEach((encoding, index) => message.writeInt32BE(encoding, 4 + index * 4));
    this.#send(message);
  }

  #resize(width: number, height: number): void {
    if (width < 1 || height < 1 || width > largestSide || height > largestSide) throw new RangeError(`A screen of ${width} by ${height} is not possible`);
    this.framebuffer = new Framebuffer(width, height);
  }

  async #listen(): Promise<void> {
    try {
      for (;;) await this.#receive(await this.#reader.readByte());
    } catch (error) {
      this.close(error as Error);
    }
  }

  async #receive(type: number): Promise<void> {
    const reader = this.#reader;
    if (type === serverMessages.update) return this.#update((await reader.read(3)).readUInt16BE(1));
    if (type === serverMessages.bell) return;
    if (type === serverMessages.colours) return void (await reader.read((await reader.read(5)).readUInt16BE(3) * 6));
    if (type !== serverMessages.cutText) throw new Error(`The screen sent a message of the unknown type ${type}`);
    const length = (await reader.read(7)).readInt32BE(3);
    if (Math.abs(length) > cutTextLimit) throw new RangeError('The screen sent a clipboard that is too large');
    const payload = await reader.read(Math.abs(length));
    if (length < 0) this.#clipboard(decodeClipboard(payload));
  }

  #clipboard(message: ClipboardMessage): void {
    if (message.type === 'capabilities') this.clipboard(message);
    this.listener.clipboard(message);
  }

  async #update(count: number): Promise<void> {
    const changed: Rectangle[] = [];
    for (let index = 0; index < count; index++) {
      const head = await this.#reader.read(12);
      const rectangle = { x: head.readUInt16BE(0), y: head.readUInt16BE(2), width: head.readUInt16BE(4), height: head.readUInt16BE(6) };
      const encoding = head.readInt32BE(8);
      if (encoding === encodings.lastRectangle) break;
      if (await this.#rectangle(rectangle, encoding)) changed.push(rectangle);
    }
    this.listener.updated(changed);
  }

  /** Whether it changed what is shown. */
  async #rectangle(rectangle: Rectangle, encoding: number): Promise<boolean> {
    const { x, y, width, height } = rectangle;
    const reader = this.#reader;
    if (encoding === encodings.raw) {
      if (x + width > this.framebuffer.width || y + height > this.framebuffer.height) throw new RangeError('The screen sent a rectangle outside of itself');
      this.framebuffer.put(rectangle, await reader.read(width * height * pixelBytes));
    } else if (encoding === encodings.copy) {
      const from = await reader.read(4);
      this.framebuffer.copy(rectangle, from.readUInt16BE(0), from.readUInt16BE(2));
    } else if (encoding === encodings.cursor) {
      if (width > 512 || height > 512) throw new RangeError('The screen sent a pointer that is too large');
      const pixels = await reader.read(width * height * pixelBytes);
      this.cursor = { width, height, hotX: x, hotY: y, pixels, mask: await reader.read(Math.ceil(width / 8) * height) };
      return false;
    } else if (encoding === encodings.size) this.#resize(width, height);
    else throw new Error(`The screen sent the unknown encoding ${encoding}`);
    return true;
  }
}

/** 32 bits a pixel, bytes in the order red, green, blue, nothing. */
function pixelFormat(): Buffer {
  const message = Buffer.alloc(20);
  message.writeUInt8(clientMessages.pixelFormat, 0);
  const [bitsPerPixel, depth, bigEndian, trueColour] = [32, 24, 0, 1];
  message.set([bitsPerPixel, depth, bigEndian, trueColour], 4);
  const most = 255;
  for (const at of [8, 10, 12]) message.writeUInt16BE(most, at);
  const [redShift, greenShift, blueShift] = [0, 8, 16];
  message.set([redShift, greenShift, blueShift], 14);
  return message;
}
