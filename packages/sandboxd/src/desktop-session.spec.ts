import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DesktopSession } from './desktop-session.ts';
import { NativeReader } from './native-wire.ts';
import type { DesktopEvent } from './protocol.ts';

/** A frame of a session, as its native half makes it. */
function frame(type: string, ...parts: (number | string)[]): Buffer {
  const payload = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part >>> 24, part >>> 16, part >>> 8, part].map((byte) => byte & 255)))));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(payload.length + 1);
  head.write(type, 4);
  return Buffer.concat([head, payload]);
}

// Real: the socket. The session behind it is the test.
describe('the session of the desktop', () => {
  let folder: string;
  let server: Server | null;
  let told: DesktopEvent[];
  let session: DesktopSession;
  let sockets: Socket[];
  /** What the other side does with each connection. */
  let greet: (socket: Socket) => void;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'deskhand-session-'));
    [sockets, server] = [[], null];
    const events: DesktopEvent[] = (told = []);
    greet = (socket) => socket.write(frame('U', 1));
    session = new DesktopSession(join(folder, 'session'), (event) => events.push(event));
  });
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function listen(): Promise<void> {
    server = createServer((socket) => {
      sockets.push(socket.on('error', () => undefined));
      greet(socket);
    });
    await new Promise<void>((resolve) => server!.listen(join(folder, 'session'), resolve));
  }

  it('says that there is none, and waits for one that starts', async () => {
    expect(await session.status(0)).toEqual({ session: false, up: false, starts: 0 });
    const waiting = session.status(5_000);
    await listen();
    expect(await waiting).toEqual({ session: true, up: true, starts: 1 });
  });

  it('tells what comes and goes', async () => {
    await listen();
    await session.status(1_000);
    sockets[0]!.write(Buffer.concat([frame('P', 0xffffffff, 9, 'chromium'), frame('W'), frame('U', 2)]));
    await expect.poll(() => told).toEqual([
      { type: 'desktop', up: true, starts: 1 }, { type: 'program-ended', program: 'chromium', exit_code: null, signal: 9 }, { type: 'desktop', up: false, starts: 1 }, { type: 'desktop', up: true, starts: 2 },
    ]);
    sockets[0]!.destroy();
    await expect.poll(() => told.at(-1)).toEqual({ type: 'desktop', up: false, starts: 2 });
    expect((await session.status(1_000)).session).toBe(true);
  });

  it('asks to open something, and gives each its own answer', async () => {
    greet = (socket) => {
      const reader = new NativeReader();
      socket.write(frame('U', 1));
      socket.on('data', (chunk: Buffer) => {
        for (const wanted of reader.push(Buffer.from(chunk))) if (wanted.type === 'open-wanted') socket.write(wanted.request.argv.at(-1) === 'ü' ? frame('A', 2, '\u0001') : frame('A', 1, '\u0000there is none'));
      });
    };
    await listen();
    const [missing, fine] = await Promise.all([session.open({ folder: '/workspace', argv: ['missing'] }), session.open({ folder: '/workspace', argv: ['fine', 'ü'] })]);
    expect([missing, fine]).toEqual(['there is none', null]);
  });

  it('answers what was asked of a session that ends', async () => {
    await listen();
    await session.status(1_000);
    const asked = session.open({ folder: '/', argv: ['x'] });
    sockets[0]!.destroy();
    expect(await asked).toMatch(/ended/);
    server!.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(session.open({ folder: '/', argv: ['x'] })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('leaves one that says what cannot be', async () => {
    await listen();
    await session.status(1_000);
    const closed = new Promise<void>((resolve) => sockets[0]!.once('close', resolve));
    sockets[0]!.write(frame('?'));
    await closed;
    await expect.poll(() => told.at(-1)).toMatchObject({ up: false });
  });
});
