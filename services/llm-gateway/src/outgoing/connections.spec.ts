import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { buildConnector } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { AddressPolicy, guardedConnector } from '@deskhand/platform/outgoing';
import { selfSigned } from '../../test/self-signed.ts';
import { Connections } from './connections.ts';
import type { ExchangeControl, ExchangeHandler, OutgoingCall } from './exchange.ts';
import { sharedBuffer } from './shared-buffer.ts';

let open: (() => void)[] = [];
afterEach(() => {
  for (const close of open) close();
  open = [];
});

/** A server that says what it is told to, once for each request that is whole. */
async function serve(answer: (socket: Socket, request: string, count: number) => void): Promise<{ origin: string; sockets: Socket[]; server: Server }> {
  const sockets: Socket[] = [];
  let count = 0;
  const server = createServer((socket) => {
    sockets.push(socket);
    let text = '';
    socket.on('error', () => {}).on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let end = wholeEnd(text); end !== null; end = wholeEnd(text)) {
        const request = text.slice(0, end);
        text = text.slice(end);
        answer(socket, request, count++);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(() => { server.close(); for (const socket of sockets) socket.destroy(); });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets, server };
}

function wholeEnd(text: string): number | null {
  const head = text.indexOf('\r\n\r\n');
  const end = head < 0 ? 0 : head + 4 + Number(/content-length: (\d+)/.exec(text)![1]);
  return head >= 0 && text.length >= end ? end : null;
}

function connectionsTo(origin: string): Connections {
  const connections = new Connections(origin, guardedConnector(new AddressPolicy(new URL(origin).host), 1_000, undefined, sharedBuffer));
  open.push(() => connections.close());
  return connections;
}

interface Heard {
  control: ExchangeControl;
  status: number | null;
  body: string;
  /** Resolves with `whole` or the code of the error. */
  end: Promise<string>;
}

function send(connections: Connections, call: Partial<OutgoingCall> = {}, onData: (control: ExchangeControl) => void = () => {}): Heard {
  const heard: Heard = { control: null as never, status: null, body: '', end: null as never };
  heard.end = new Promise((resolve) => {
    const handler: ExchangeHandler = {
      onRequestStart: (control) => (heard.control = control),
      onResponseStart: (_, status) => (heard.status = status),
      onResponseData: (control, chunk) => { heard.body += chunk.toString(); onData(control); },
      onResponseEnd: () => resolve('whole'),
      onResponseError: (_, error) => resolve((error as { code?: string }).code ?? error.message),
    };
    connections.send({ path: '/v1/x', headers: { 'content-type': 'text/plain' }, body: Buffer.from('body'), firstByteMs: 5_000, idleMs: 5_000, longestMs: 5_000, ...call }, handler);
  });
  return heard;
}

const fine = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine';
const turn = async (ms = 20): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('connections to one origin', () => {
  it('carry one call after the other, and more than one at the same time', async () => {
    const requests: string[] = [];
    const { origin, sockets } = await serve((socket, request) => { requests.push(request); socket.write(fine); });
    const connections = connectionsTo(origin);
    const first = send(connections);
    expect([await first.end, first.status, first.body]).toEqual(['whole', 200, 'fine']);
    expect(await send(connections).end).toBe('whole');
    expect(sockets).toHaveLength(1);
    expect(await Promise.all([send(connections), send(connections), send(connections)].map(({ end }) => end))).toEqual(['whole', 'whole', 'whole']);
    expect(sockets.length).toBeLessThanOrEqual(3);
    expect(requests[0]).toBe(`POST /v1/x HTTP/1.1\r\nhost: ${new URL(origin).host}\r\nconnection: keep-alive\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\nbody`);
  });

  it('are encrypted where the origin says so: kept, read in pieces, and not made with somebody who is not trusted', async () => {
    const { key, cert } = selfSigned('provider.test');
    let connections = 0;
    const server = createTlsServer({ key, cert }, (socket) => {
      connections++;
      let left = 0;
      socket.on('error', () => {}).on('data', (chunk) => {
        left += (chunk.toString('latin1').match(/content-length: \d+/g) ?? []).length;
        for (; left > 0; left--) socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 400000\r\n\r\n${'x'.repeat(400_000)}`);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    open.push(() => server.close());
    const origin = `https://provider.test:${(server.address() as AddressInfo).port}`;
    const reaching = (ca?: string): Connections => {
      const made = new Connections(origin, buildConnector({ ...sharedBuffer, allowH2: false, lookup: ((_: string, __: object, done: (error: null, found: object[]) => void) => done(null, [{ address: '127.0.0.1', family: 4 }])) as never, ...(ca !== undefined && { ca }) }));
      open.push(() => made.close());
      return made;
    };
    const trusted = reaching(cert);
    for (let times = 0; times < 3; times++) {
      const heard = send(trusted, { body: Buffer.alloc(times * 100_000, 'a') });
      expect([await heard.end, heard.status, heard.body.length]).toEqual(['whole', 200, 400_000]);
    }
    expect(connections).toBe(1);
    expect(await send(reaching()).end).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it('send long bodies as they are', async () => {
    const body = Buffer.alloc(3_000_000, 'ab');
    let got = 0;
    const { origin } = await serve((socket, request) => { got = request.length - request.indexOf('\r\n\r\n') - 4; socket.write(fine); });
    expect(await send(connectionsTo(origin), { body }).end).toBe('whole');
    expect(got).toBe(body.length);
  });

  it('are left alone where an answer says so, or is followed by something', async () => {
    for (const text of ['HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n', 'HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 0\r\n\r\n', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 500 Oops\r\n\r\n']) {
      const { origin, sockets } = await serve((socket) => socket.write(text));
      const connections = connectionsTo(origin);
      expect([await send(connections).end, await send(connections).end]).toEqual(['whole', 'whole']);
      expect(sockets).toHaveLength(2);
    }
  });

  it('that were closed or spoke while nobody asked are not used again', async () => {
    for (const idle of [(socket: Socket) => socket.end(), (socket: Socket) => socket.write(fine)]) {
      const { origin, sockets } = await serve((socket) => socket.write(fine));
      const connections = connectionsTo(origin);
      expect(await send(connections).end).toBe('whole');
      idle(sockets[0]!);
      await turn();
      const next = send(connections);
      expect([await next.end, next.body, sockets.length]).toEqual(['whole', 'fine', 2]);
    }
  });

  it('that break are an error of their call alone', async () => {
    const { origin } = await serve((socket, _, count) => (count === 0 ? socket.resetAndDestroy() : count === 1 ? socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf') : socket.write(fine)));
    const connections = connectionsTo(origin);
    expect(await send(connections).end).toMatch(/ECONNRESET|UND_ERR_SOCKET/);
    expect(await send(connections).end).toBe('UND_ERR_RES_CONTENT_LENGTH_MISMATCH');
    expect(await send(connections).end).toBe('whole');
  });

  it('that cannot be made are an error of the calls that wait for them', async () => {
    const { origin, server } = await serve(() => {});
    server.close();
    const connections = connectionsTo(origin);
    expect(await Promise.all([send(connections), send(connections)].map(({ end }) => end))).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
    expect(connections.busy).toBe(false);
  });

  it('end with calls that are given up, at the other side too', async () => {
    const { origin, sockets } = await serve((socket, _, count) => (count === 0 ? undefined : socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n')));
    const connections = connectionsTo(origin);
    const silent = send(connections);
    const early = send(connections);
    early.control.abort();
    await expect.poll(() => sockets.length).toBeGreaterThan(0);
    silent.control.abort();
    const middle = send(connections, {}, (control) => control.abort());
    await expect.poll(() => middle.body).toBe('a');
    await expect.poll(() => sockets.filter((socket) => !socket.destroyed).length).toBeLessThanOrEqual(1);
    await expect.poll(() => connections.busy).toBe(false);
    expect(await Promise.race([silent.end, early.end, middle.end, turn(100)])).toBeUndefined();
  });

  it('tell a call of what went wrong while its end was heard, and go on', async () => {
    const { origin } = await serve((socket) => socket.write(fine));
    const connections = connectionsTo(origin);
    const told = await new Promise((resolve) => connections.send({ path: '/', headers: {}, body: Buffer.from('x'), firstByteMs: 5_000, idleMs: 5_000, longestMs: 5_000 }, {
      onRequestStart: () => {}, onResponseStart: () => {}, onResponseData: () => {}, onResponseEnd: () => { throw new Error('a fault'); }, onResponseError: (_, error) => resolve(error.message),
    }));
    expect(told).toBe('a fault');
    expect(await send(connections).end).toBe('whole');
  });

  it.each<[string, Partial<OutgoingCall>, string]>([
    ['no head', { firstByteMs: 150 }, 'UND_ERR_HEADERS_TIMEOUT'], ['no more', { idleMs: 150 }, 'UND_ERR_BODY_TIMEOUT'], ['no end', { longestMs: 400 }, 'UND_ERR_BODY_TIMEOUT'],
  ])('have their time: %s', async (which, call, code) => {
    const { origin } = await serve((socket) => {
      if (which === 'no head') return;
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n');
      if (which === 'no end') open.push(((timer) => () => clearInterval(timer))(setInterval(() => socket.write('1\r\na\r\n'), 50)));
    });
    const started = performance.now();
    const heard = send(connectionsTo(origin), call);
    expect(await heard.end).toBe(code);
    expect(performance.now() - started).toBeLessThan(1_500);
    expect(heard.body.length > 0).toBe(which !== 'no head');
  });

  it('wait while nobody takes what came, and that is no silence', async () => {
    const piece = 'x'.repeat(60_000);
    const { origin } = await serve((socket) => { socket.write('HTTP/1.1 200 OK\r\ncontent-length: 6000000\r\n\r\n'); for (let part = 0; part < 100; part++) socket.write(piece); });
    const connections = connectionsTo(origin);
    let paused = false;
    const heard = send(connections, { idleMs: 200 }, (control) => { if (!paused) control.pause(); paused = true; });
    await expect.poll(() => paused).toBe(true);
    const size = heard.body.length;
    await turn(400);
    expect(heard.body.length).toBe(size);
    heard.control.resume();
    expect([await heard.end, heard.body.length]).toEqual(['whole', 6_000_000]);
    // A call that is over has nothing to say to the one after it on the same connection.
    const next = send(connections);
    heard.control.pause();
    expect(await next.end).toBe('whole');
  });

  it('carry nothing that HTTP does not', async () => {
    let requests = 0;
    const { origin } = await serve((socket) => { requests++; socket.write(fine); });
    const connections = connectionsTo(origin);
    const calls: Partial<OutgoingCall>[] = [{ path: '/a b' }, { path: '/a\r\nx: 1' }, { path: 'a' }, { headers: { 'x-a': '1\r\nx-b: 2' } }, { headers: { 'x-a': '\u20ac' } }, { headers: { 'x a': '1' } }, { headers: { 'x-a': 'a\0b' } }];
    for (const call of calls) expect(await send(connections, call).end).toBe('UND_ERR_INVALID_ARG');
    expect(requests).toBe(0);
  });

  it('end when they are closed, and with them what is at work', async () => {
    const { origin, sockets } = await serve((socket, _, count) => (count === 0 ? undefined : socket.write(fine)));
    const connections = connectionsTo(origin);
    const heard = send(connections);
    await expect.poll(() => sockets.length).toBe(1);
    connections.close();
    expect(await heard.end).toBe('UND_ERR_CLOSED');
    expect(await send(connections).end).toBe('UND_ERR_CLOSED');
    await expect.poll(() => sockets[0]!.destroyed).toBe(true);
  });
});
