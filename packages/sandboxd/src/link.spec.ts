import { createServer, connect, type Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Channel } from './channel.ts';
import { channelWindow } from './frames.ts';
import { Link, type LinkHandlers } from './link.ts';
import { ProtocolError } from './protocol.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
  vi.useRealTimers();
});

/** Two links over a real unix socket. */
async function pair(dialler: LinkHandlers, daemon: LinkHandlers): Promise<{ dialler: Link; daemon: Link; sockets: [Socket, Socket] }> {
  const folder = mkdtempSync(join(tmpdir(), 'deskhand-link-'));
  const server = createServer();
  const path = join(folder, 'socket');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const socket = connect(path);
  const other = await accepted;
  const links = { dialler: new Link(socket, 'dialler', dialler), daemon: new Link(other, 'daemon', daemon), sockets: [socket, other] as [Socket, Socket] };
  closing.push(() => {
    links.dialler.close(new Error('over'));
    links.daemon.close(new Error('over'));
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return links;
}

async function collect(channel: Channel): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of channel) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('a link', () => {
  it('answers many requests at once, each with its own answer or error', async () => {
    const { dialler } = await pair({}, {
      request: async (verb, body) => {
        if (verb === 'fail') throw new ProtocolError('UNAVAILABLE', 'not now');
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
        return body;
      },
    });
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => dialler.request('echo', { index })));
    expect(answers).toEqual(Array.from({ length: 50 }, (_, index) => ({ index })));
    await expect(dialler.request('fail', {})).rejects.toMatchObject({ code: 'UNAVAILABLE', message: 'not now' });
  });

  it('carries bytes both ways on channels, unchanged', async () => {
    const { dialler } = await pair({}, {
      open: (_, channel) => void (async () => {
        for await (const chunk of channel) await channel.write(chunk);
        channel.end();
      })(),
    });
    const sent = Buffer.alloc(3 * channelWindow + 17, 0).map((_, index) => index % 251);
    const channel = dialler.open({ what: 'echo' });
    const received = collect(channel);
    await channel.write(sent);
    channel.end();
    expect(Buffer.compare(await received, sent)).toBe(0);
  });

  it('lets a writer wait for a reader that does not read, and other traffic pass', async () => {
    let stalled: Channel | undefined;
    const { dialler } = await pair({}, { open: (_, channel) => (stalled = channel), request: async () => 'here' });
    const channel = dialler.open({});
    let written = 0;
    const writing = (async () => {
      for (let part = 0; part < 16; part++) {
        await channel.write(Buffer.alloc(channelWindow / 4));
        written += channelWindow / 4;
      }
      channel.end();
    })();
    await vi.waitFor(() => expect(written).toBe(channelWindow));
    expect(await dialler.request('ping', {})).toBe('here');
    expect(written).toBe(channelWindow);
    expect((await collect(stalled!)).length).toBe(4 * channelWindow);
    await writing;
  });

  it('refuses channels that nobody serves', async () => {
    const { dialler } = await pair({}, {});
    await expect(collect(dialler.open({ what: 'egress' }))).rejects.toThrow(/yet/);
  });

  it('tells everybody who waits when it ends', async () => {
    const ended = vi.fn();
    const { dialler, sockets } = await pair({ closed: ended }, { request: () => new Promise(() => undefined) });
    const request = dialler.request('wait', {});
    const channel = collect(dialler.open({}));
    sockets[1].destroy();
    await expect(request).rejects.toThrow();
    await expect(channel).rejects.toThrow();
    expect(ended).toHaveBeenCalledOnce();
    await expect(dialler.request('late', {})).rejects.toThrow();
  });

  it('ends on nonsense', async () => {
    const ended = vi.fn();
    const { sockets } = await pair({ closed: ended }, {});
    sockets[1].write(Buffer.alloc(64, 0xee));
    await vi.waitFor(() => expect(ended).toHaveBeenCalled());
  });

  it('ends after five silent beats, unless it is suspended', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const ended = vi.fn();
    const { dialler, daemon, sockets } = await pair({ closed: ended }, {});
    sockets[1].pause();
    sockets[1].cork();
    dialler.suspend(true);
    vi.advanceTimersByTime(60_000);
    expect(ended).not.toHaveBeenCalled();
    dialler.suspend(false);
    vi.advanceTimersByTime(5_000);
    expect(ended).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1_000);
    expect(ended).toHaveBeenCalledOnce();
    expect(daemon).toBeDefined();
  });
});
