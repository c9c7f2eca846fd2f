import { connect, createServer, type Server, type Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeClipboard } from './rfb/extended-clipboard.ts';
import { Screen, ScreenLost } from './screen.ts';

// A small RFB server in the place of Xvnc: eight by six pixels, and a record of the input that came.
describe('a screen', () => {
  const size = { width: 8, height: 6 };
  let folder: string;
  let server: Server;
  let sockets: Socket[];
  let input: string[];
  let screen: Screen;
  /** Red of every pixel from now on. */
  let red: number;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'deskhand-screen-'));
    [sockets, input, red] = [[], [], 0];
    server = createServer((socket) => serve(socket));
    await new Promise<void>((resolve) => server.listen(join(folder, 'rfb'), resolve));
    screen = new Screen(async () => connect(join(folder, 'rfb')));
  });
  afterEach(() => {
    screen.close();
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function serve(socket: Socket): void {
    sockets.push(socket);
    let waiting: Buffer = Buffer.alloc(0);
    let greeting = 12 + 1 + 1;
    socket.write(Buffer.concat([Buffer.from('RFB 003.008\n'), Buffer.from([1, 1, 0, 0, 0, 0]), init()]));
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      waiting = Buffer.concat([waiting, chunk]);
      while (waiting.length > 0) {
        const length = greeting > 0 ? greeting : messageLength(waiting);
        if (length === 0 || waiting.length < length) return;
        if (greeting === 0) answer(socket, waiting.subarray(0, length));
        greeting = 0;
        waiting = waiting.subarray(length);
      }
    });
  }

  function init(): Buffer {
    const bytes = Buffer.alloc(24 + 4);
    bytes.writeUInt16BE(size.width, 0);
    bytes.writeUInt16BE(size.height, 2);
    bytes.writeUInt32BE(4, 20);
    return bytes;
  }

  function messageLength(bytes: Buffer): number {
    if (bytes[0] === 2) return bytes.length < 4 ? 0 : 4 + 4 * bytes.readUInt16BE(2);
    if (bytes[0] === 6) return bytes.length < 8 ? 0 : 8 + Math.abs(bytes.readInt32BE(4));
    return { 0: 20, 3: 10, 4: 8, 5: 6 }[bytes[0]!]!;
  }

  function answer(socket: Socket, message: Buffer): void {
    if (message[0] === 3 && message[1] === 0) socket.write(update(message.readUInt16BE(6), message.readUInt16BE(8)));
    else if (message[0] === 4) input.push(`key ${message.readUInt32BE(4).toString(16)} ${message[1] === 1 ? 'down' : 'up'}`);
    else if (message[0] === 5) input.push(`pointer ${message[1]} ${message.readUInt16BE(2)},${message.readUInt16BE(4)}`);
    else if (message[0] === 6) input.push(`clipboard ${message.subarray(8, 12).toString('hex')}`);
  }

  function update(width: number, height: number): Buffer {
    const head = Buffer.alloc(16);
    head.writeUInt16BE(1, 2);
    head.writeUInt16BE(width, 8);
    head.writeUInt16BE(height, 10);
    return Buffer.concat([head, Buffer.alloc(width * height * 4, Buffer.from([red, 0, 0, 0]))]);
  }

  const clipboard = (message: Parameters<typeof encodeClipboard>[0]): Buffer => {
    const payload = encodeClipboard(message);
    const head = Buffer.from([3, 0, 0, 0, 0, 0, 0, 0]);
    head.writeInt32BE(-payload.length, 4);
    return Buffer.concat([head, payload]);
  };
  /** Until everything sent so far has come. */
  const arrived = () => screen.refresh();

  it('mirrors what the screen shows', async () => {
    red = 9;
    const { bytes, width, height } = await screen.capture();
    expect({ width, height }).toEqual(size);
    expect([...new Set(bytes)].sort((one, other) => one - other)).toEqual([0, 9]);
  });

  it('lets go of everything it holds, in the other order, and of nothing twice', async () => {
    await screen.ready();
    screen.move({ x: 3, y: 2 });
    screen.keyDown(0xffe3);
    screen.keyDown(0xffe1);
    screen.press(1);
    screen.press(4);
    expect(screen.holds).toBe(true);
    screen.releaseHeld();
    screen.releaseHeld();
    await arrived();
    expect(input).toEqual(['pointer 0 3,2', 'key ffe3 down', 'key ffe1 down', 'pointer 1 3,2', 'pointer 5 3,2', 'key ffe1 up', 'key ffe3 up', 'pointer 0 3,2']);
    expect(screen.holds).toBe(false);
  });

  it('gives an offered text to who asks, and tells that it was taken', async () => {
    await screen.ready();
    screen.offer('東京');
    const taken = screen.taken();
    sockets[0]!.write(clipboard({ type: 'request' }));
    expect(await taken).toBe(true);
    await arrived();
    expect(input).toEqual(['clipboard 08000001', 'clipboard 10000001']);
  });

  it('reads what a program has copied, and knows when there is nothing', async () => {
    await screen.ready();
    expect(await screen.clipboard()).toBeNull();
    sockets[0]!.write(clipboard({ type: 'notify', available: true }));
    await arrived();
    const read = screen.clipboard();
    sockets[0]!.write(clipboard({ type: 'provide', text: 'copied' }));
    expect(await read).toBe('copied');
  });

  it('connects again after the screen was lost, holding nothing', async () => {
    await screen.ready();
    screen.keyDown(0x61);
    sockets[0]!.destroy();
    await expect(screen.settle({ tinyCounts: false }, async () => undefined, new AbortController().signal)).rejects.toThrow(ScreenLost);
    await screen.refresh();
    expect(sockets).toHaveLength(2);
    expect(screen.holds).toBe(false);
  });

  it.each([
    ['a rectangle outside of itself', Buffer.from([0, 0, 0, 1, 0, 7, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0])],
    ['a message of an unknown type', Buffer.from([77])],
    ['an unknown encoding', Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 99])],
    ['an impossible size', Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 255, 255, 255, 255, 0xff, 0xff, 0xff, 0x21])],
    ['a clipboard that is too large', Buffer.from([3, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff])],
  ])('leaves a screen that sends %s', async (_, bytes) => {
    await screen.ready();
    const closed = new Promise<void>((resolve) => sockets[0]!.once('close', resolve));
    sockets[0]!.write(bytes);
    await closed;
    expect(() => screen.press(1)).toThrow(ScreenLost);
  });
});
