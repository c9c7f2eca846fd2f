import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { channelWindow } from './frames.ts';
import { joinScreen } from './display.ts';
import { Link } from './link.ts';

// Real: the sockets. In the place of the screen: an echo, or a source without end.
describe('connections to the screen', () => {
  let folder: string;
  let servers: Server[];
  let links: Link[];
  let manager: Link;
  let serve: (socket: Socket) => void;
  let open: Set<Socket>;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'deskhand-display-'));
    [servers, links, open] = [[], [], new Set()];
    serve = (socket) => void socket.pipe(socket);
    await listen('screen', (socket) => {
      open.add(socket);
      socket.on('close', () => open.delete(socket)).on('error', () => undefined);
      serve(socket);
    });
    await listen('stream', (socket) => links.push(new Link(socket, 'daemon', { open: (_, channel) => joinScreen(join(folder, 'screen'), channel) })));
    manager = new Link(connect(join(folder, 'stream')), 'dialler', {});
    links.push(manager);
  });
  afterEach(() => {
    for (const link of links) link.close(new Error('over'));
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function listen(name: string, accept: (socket: Socket) => void): Promise<void> {
    const server = createServer(accept);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(join(folder, name), resolve));
  }

  it('stand side by side, and one that is not read holds up no other', async () => {
    serve = (socket) => {
      const pour = (): void => {
        while (socket.write(Buffer.alloc(64 * 1024))) continue;
        socket.once('drain', pour);
      };
      socket.on('data', (chunk: Buffer) => (chunk.toString() === 'pour' ? pour() : socket.write(chunk)));
    };
    const stalled = manager.open({});
    await stalled.write(Buffer.from('pour'));
    const echo = manager.open({});
    const answers = echo[Symbol.asyncIterator]();
    for (let round = 0; round < 20; round++) {
      await echo.write(Buffer.from(`round ${round}`));
      expect(String((await answers.next()).value)).toBe(`round ${round}`);
    }
    let read = 0;
    for await (const chunk of stalled) if ((read += chunk.length) > 4 * channelWindow) break;
    expect(read).toBeGreaterThan(4 * channelWindow);
  });

  it('end on the other side when they end on one', async () => {
    const channel = manager.open({});
    await channel.write(Buffer.from('x'));
    await expect.poll(() => open.size).toBe(1);
    channel.reset('not wanted any more');
    await expect.poll(() => open.size).toBe(0);
    const other = manager.open({});
    await other.write(Buffer.from('x'));
    await expect.poll(() => open.size).toBe(1);
    for (const socket of open) socket.destroy();
    const read = async (): Promise<void> => {
      for await (const chunk of other) void chunk;
    };
    await read();
  });

  it('say that there is no screen', async () => {
    await new Promise<void>((resolve) => servers[0]!.close(() => resolve()));
    const read = async (): Promise<void> => {
      for await (const chunk of manager.open({})) void chunk;
    };
    await expect(read()).rejects.toThrow(/screen of this computer/);
  });
});
