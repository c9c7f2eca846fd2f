import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { CallRequest, CallResponse } from '../http/call-exchange.ts';
import { readBody } from '../http/read-body.ts';
import { ShortCalls } from './short-calls.ts';
import { longestBody, readShortHead, ShortRequest } from './short-request.ts';

const keptMs = 65_000;

/** Answers with what it was asked, whole or, where the path says so, in pieces. */
async function echo(request: CallRequest, response: CallResponse): Promise<void> {
  const body = request instanceof ShortRequest ? request.body : await readBody(request, 1_000_000);
  const { method, url, headers } = request;
  const text = JSON.stringify({ method, url, headers, body: body.toString('latin1') });
  if (!url!.startsWith('/pieces')) return void response.writeHead(200, { 'content-type': 'application/json', 'x-list': ['a', 'b'], 'content-length': Buffer.byteLength(text) }).end(text);
  response.writeHead(201, ['content-type', 'text/plain']);
  response.flushHeaders();
  for (const piece of [text.slice(0, 10), '', text.slice(10, 30), '\u20ac', Buffer.from(text.slice(30))]) {
    response.write(piece);
    await sleep(1);
  }
  response.end('end');
}

/** A server of Node alone, and one whose short calls are read here. */
const servers: { node: Server; both: Server; short: ShortCalls } = { node: null as never, both: null as never, short: null as never };
let servedShort = 0;

beforeAll(async () => {
  const make = (): Server => createServer({ keepAliveTimeout: keptMs, noDelay: true }, (request, response) => void echo(request, response));
  servers.node = make();
  servers.both = make();
  servers.short = new ShortCalls(servers.both, {
    keptMs, isServed: (path) => path === '/call' || path === '/pieces',
    serve: (_, request, response) => {
      servedShort++;
      void echo(request, response);
    },
  });
  await Promise.all([servers.node, servers.both].map(async (server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))));
});

afterAll(() => {
  servers.short.closeAll();
  for (const server of [servers.node, servers.both]) {
    server.closeAllConnections();
    server.close();
  }
});

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const last = 'GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';

interface Answer {
  status: string;
  fields: string[];
  body: string;
}

/** All that a server answers to these bytes, sent in pieces and followed by a request that ends the connection. */
async function ask(server: Server, pieces: readonly Buffer[]): Promise<Answer[]> {
  const socket = connect({ port: portOf(server), host: '127.0.0.1', noDelay: true });
  const got: Buffer[] = [];
  const closed = new Promise<void>((resolve) => socket.on('data', (chunk) => got.push(chunk)).on('error', () => {}).on('close', () => resolve()));
  for (const piece of [...pieces, Buffer.from(last)]) {
    socket.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await closed;
  return answersIn(Buffer.concat(got).toString('latin1'));
}

function answersIn(text: string): Answer[] {
  const answers: Answer[] = [];
  for (let rest = text; rest !== ''; ) {
    const end = rest.indexOf('\r\n\r\n');
    const [status = '', ...fields] = rest.slice(0, end).split('\r\n');
    rest = rest.slice(end + 4);
    const lines = fields.map((field) => field.replace(/^[^:]+/, (name) => name.toLowerCase())).filter((field) => !field.startsWith('date: ')).sort();
    let body = '';
    if (lines.includes('transfer-encoding: chunked')) {
      for (let size = -1; size !== 0; ) {
        const line = rest.indexOf('\r\n');
        size = Number.parseInt(rest.slice(0, line), 16);
        body += rest.slice(line + 2, line + 2 + size);
        rest = rest.slice(line + 4 + size);
      }
    } else {
      const length = Number(lines.find((field) => field.startsWith('content-length: '))?.slice(16) ?? (status.includes('400') ? rest.length : 0));
      body = rest.slice(0, length);
      rest = rest.slice(length);
    }
    answers.push({ status, fields: lines, body });
  }
  return answers;
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const request = (path: string, body: string, ...fields: string[]): string => `POST ${path} HTTP/1.1\r\n${['Host: x', ...fields, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`;
const call = request('/call', '{"a":1}');

/** Cuts of a text of this length, as many as there are numbers. */
function cut(whole: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (whole.length + 1)))].sort((one, other) => one - other);
  return [0, ...at].map((from, index) => whole.subarray(from, at[index] ?? whole.length)).filter((piece) => piece.length > 0);
}

describe('short calls', () => {
  it.each<[string, string, number]>([
    ['whole', call, 1],
    ['one after the other', call + request('/pieces', 'x'.repeat(500), 'x-one: \t two  ', 'X-Three:') + call, 3],
    ['without a body', request('/call', ''), 1],
    ['with a query', request('/call?beta=true', '{}'), 1],
    ['that say that the connection stays', request('/call', '{}', 'Connection: Keep-Alive'), 1],
    ['with bytes beyond ASCII', request('/call', '\u00e9\u00ff\u0000', 'x-name: \u00e9'), 1],
    ['with names of objects as headers', request('/call', '{}', 'constructor: x', 'toString: y'), 1],
    ['as long as they may be', request('/call', 'x'.repeat(longestBody)), 1],
  ])('%s, answered as Node answers them', async (_, text, short) => {
    servedShort = 0;
    expect(await ask(servers.both, [bytes(text)])).toEqual(await ask(servers.node, [bytes(text)]));
    expect(servedShort).toBe(short);
  });

  it.each<[string, string, number]>([
    ['longer bodies', request('/call', 'x'.repeat(longestBody + 1)), 0],
    ['chunks', 'POST /call HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n', 0],
    ['chunks beside a length', 'POST /call HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n', 0],
    ['two lengths', request('/call', 'abc', 'content-length: 1'), 0],
    ['a length that is no number', request('/call', '').replace('Length: 0', 'Length: +1'), 0],
    ['a length in a list', request('/call', '').replace('Length: 0', 'Length: 3, 3'), 0],
    ['a head without a length', 'POST /call HTTP/1.1\r\nhost: x\r\n\r\n', 0],
    ['fields that come twice', request('/call', '{}', 'x-one: 1', 'X-One: 2', 'authorization: a', 'authorization: b'), 0],
    ['no host', call.replace('Host: x\r\n', ''), 0],
    ['the end of a connection', request('/call', '{}', 'connection: close'), 0],
    ['an expectation', request('/call', '{}', 'expect: 100-continue'), 0],
    ['another expectation', request('/call', '{}', 'expect: much'), 0],
    ['another method', call.replace('POST', 'PUT'), 0],
    ['another version', call.replace('HTTP/1.1', 'HTTP/1.0'), 0],
    ['another path, and calls after it', request('/other', '{}') + call, 0],
    ['calls and then another path', call + request('/other', '{}') + call, 1],
    ['a folded line', request('/call', '{}', 'x-one: 1\r\n 2'), 0],
    ['a space before a colon', request('/call', '{}', 'x-one : 1'), 0],
    ['lone line feeds', call.replaceAll('\r\n', '\n'), 0],
    ['a lone line feed in a value', request('/call', '{}', 'x-one: 1\ncontent-length: 0'), 0],
    ['a control character in a value', request('/call', '{}', 'x-one: \u0001'), 0],
    ['a name that is an object\'s own', request('/call', '{}', '__proto__: x'), 0],
    ['an absolute target', call.replace('/call', 'http://x/call'), 0],
    ['an empty line before it', `\r\n${call}`, 0],
    ['something else behind a call', `${call}nonsense\r\n\r\n`, 1],
    ['a head that is too large', request('/call', '{}', `x-one: ${'x'.repeat(20_000)}`), 0],
    ['TLS', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003', 0],
  ])('leaves %s to Node', async (_, text, short) => {
    servedShort = 0;
    const [both, node] = await Promise.all([ask(servers.both, [bytes(text)]), ask(servers.node, [bytes(text)])]);
    // Of what comes at once Node answers nothing if it cannot read the end of it.
    expect(both.slice(-node.length)).toEqual(node);
    expect(servedShort).toBe(short);
  });

  it.each(['connection: upgrade', 'upgrade: websocket', 'connection: keep-alive, http2-settings', 'http2-settings: x', 'trailer: x'])('leaves what asks for another protocol to Node (%s)', (field) => {
    expect(readShortHead(bytes(request('/call', '{}', field)))).toBeNull();
  });

  it('are the same however their bytes are cut', async () => {
    const one = fc.oneof(fc.constant(call), fc.constant(request('/pieces', 'abc')), fc.constant(request('/other', '{}')), fc.constant('GET /call HTTP/1.1\r\nhost: x\r\n\r\n'), fc.string({ maxLength: 3_000 }).map((body) => request('/call', Buffer.from(body).toString('latin1'))));
    await fc.assert(fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 5 }), fc.array(fc.nat(), { maxLength: 6 }), async (requests, places) => {
      const text = requests.join('');
      const [cutUp, whole] = await Promise.all([ask(servers.both, cut(bytes(text), places)), ask(servers.node, [bytes(text)])]);
      expect(cutUp).toEqual(whole);
    }), { numRuns: 150 });
  }, 60_000);

  it('are read by Node as soon as anything in them is unusual, whatever it is', async () => {
    const piece = fc.oneof(fc.constantFrom('POST', ' ', '/call', 'HTTP/1.1', '\r\n', '\n', ':', 'host: x', 'content-length: 2', 'content-length', 'transfer-encoding: chunked', '\r\n\r\n', '{}', '\t', ',', '0'), fc.string({ maxLength: 4 }));
    await fc.assert(fc.asyncProperty(fc.array(piece, { maxLength: 8 }), fc.nat(), async (noise, place) => {
      const at = place % call.length;
      const text = bytes(call.slice(0, at) + noise.join('') + call.slice(at));
      const [both, node] = await Promise.all([ask(servers.both, [text]), ask(servers.node, [text])]);
      expect(both.slice(-node.length)).toEqual(node);
    }), { numRuns: 300 });
  }, 60_000);
});

describe('a connection with short calls', () => {
  const opened: Server[] = [];
  const shorts: ShortCalls[] = [];
  const sockets: Socket[] = [];
  afterEach(() => {
    vi.restoreAllMocks();
    for (const short of shorts.splice(0)) short.closeAll();
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const server of opened.splice(0)) server.close();
  });

  async function open(serve: (request: ShortRequest, response: CallResponse) => void): Promise<{ server: Server; short: ShortCalls; socket: Socket; read(): string; arrived(bytes: number): Promise<void>; closed: Promise<void> }> {
    const server = createServer();
    const short = new ShortCalls(server, { keptMs, isServed: () => true, serve: (_, asked, response) => serve(asked, response) });
    const accepted: Socket[] = [];
    server.on('connection', (peer) => accepted.push(peer));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const socket = connect({ port: portOf(server), host: '127.0.0.1' });
    let text = '';
    const closed = new Promise<void>((resolve) => socket.on('data', (chunk) => (text += chunk.toString('latin1'))).on('error', () => {}).on('close', () => resolve()));
    opened.push(server);
    shorts.push(short);
    sockets.push(socket);
    return { server, short, socket, read: () => text, arrived: async (count) => until(() => accepted.some(({ bytesRead }) => bytesRead === count)), closed };
  }
  const until = async (check: () => boolean): Promise<void> => vi.waitFor(() => expect(check()).toBe(true), { timeout: 5_000, interval: 5 });
  const ok = (response: CallResponse): void => void response.writeHead(200, ['content-length', 2]).end('ok', 'latin1');

  it.each(['destroy', 'end'] as const)('tells of a client that leaves before its answer (%s)', async (leave) => {
    const responses: CallResponse[] = [];
    const { socket, closed } = await open((_, response) => void responses.push(response));
    socket.write(call);
    await until(() => responses.length === 1);
    const [response] = responses as [CallResponse];
    const gone = new Promise<void>((resolve) => response.on('close', resolve));
    expect(response).toMatchObject({ destroyed: false, closed: false });
    socket[leave]();
    await gone;
    expect(response).toMatchObject({ destroyed: true, closed: true });
    expect(response.write('late')).toBe(false);
    response.end('late');
    await closed;
  });

  it('says when the client is behind, and when it is not any more', async () => {
    let response: CallResponse | null = null;
    const { socket } = await open((_, made) => { response = made; });
    socket.write(call);
    await until(() => response !== null);
    const made = response as unknown as CallResponse;
    socket.pause();
    made.writeHead(200, { 'content-type': 'text/plain' });
    const piece = Buffer.alloc(100_000, 'x');
    let written = 0;
    let drained = false;
    do written++;
    while (made.write(piece) || written < 100);
    made.once('drain', () => (drained = true));
    let closed = false;
    made.once('close', () => (closed = true));
    await sleep(50);
    expect({ drained, closed }).toEqual({ drained: false, closed: false });
    socket.resume();
    await until(() => drained);
    made.end();
    await until(() => closed);
  });

  it.each([true, false])('says that an answer is finished when the system has all of it, and not before (taken: %s)', async (takes) => {
    let response: CallResponse | null = null;
    const { socket, read } = await open((_, made) => { response = made; });
    socket.pause();
    socket.write(call);
    await until(() => response !== null);
    const made = response as unknown as CallResponse;
    const told: string[] = [];
    for (const event of ['finish', 'close'] as const) made.once(event, () => told.push(event));
    made.writeHead(200, { 'content-length': 8_000_000 }).end('x'.repeat(8_000_000), 'latin1');
    await sleep(50);
    expect(told).toEqual([]);
    if (takes) socket.resume();
    else socket.destroy();
    await until(() => told.includes('close'));
    expect(told).toEqual(takes ? ['finish', 'close'] : ['close']);
    if (takes) await until(() => read().length > 8_000_000);
  });

  it('answers many calls that were asked at once, one after the other', async () => {
    let count = 0;
    const { socket, read } = await open((_, response) => void setImmediate(() => {
      count++;
      ok(response);
    }));
    for (let index = 0; index < 3_000; index++) socket.write(call);
    await until(() => read().split('HTTP/1.1 200 OK').length === 3_001);
    expect(count).toBe(3_000);
  });

  it('takes no header that would become two', async () => {
    const errors: unknown[] = [];
    const { socket, read } = await open((_, response) => {
      for (const fields of [['x-one', 'a\r\nset-cookie: b'], ['x-one\r\nx', 'a'], ['x one', 'a'], ['x-one', '\u20ac']]) {
        try {
          response.writeHead(200, fields);
        } catch (error) {
          errors.push(error);
        }
      }
      ok(response);
    });
    socket.write(call);
    await until(() => read().endsWith('ok'));
    expect(errors).toHaveLength(4);
    expect(read()).toMatch(/^HTTP\/1\.1 200 OK\r\ncontent-length: 2\r\ndate: .* GMT\r\nconnection: keep-alive\r\nkeep-alive: timeout=65\r\n\r\nok$/);
  });

  it('gives headers that were set before, and says which', async () => {
    let seen: unknown;
    const { socket, read } = await open((_, response) => {
      response.setHeader('x-key', '1');
      response.once('finish', () => (seen = [response.getHeader('content-type'), response.hasHeader('x-key'), response.hasHeader('x-other'), response.statusCode]));
      response.writeHead(203, { 'content-type': 'a/b', 'content-length': 0 }).end();
    });
    socket.write(call);
    await until(() => read().endsWith('\r\n\r\n'));
    await until(() => seen !== undefined);
    expect(seen).toEqual(['a/b', true, false, 203]);
    expect(read()).toContain('x-key: 1\r\ncontent-type: a/b\r\n');
  });

  it('is closed when nothing was at work on it for as long as it is kept', async () => {
    const now = vi.spyOn(performance, 'now');
    const { socket, closed, read } = await open((_, response) => ok(response));
    socket.write(call + call.slice(0, -1));
    await until(() => read().endsWith('ok'));
    const later = performance.now() + keptMs + 1_500;
    now.mockImplementation(() => later);
    await closed;
  });

  it('waits for a body from its head on', async () => {
    const start = performance.now();
    let passed = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => start + passed);
    const { socket, closed, read, arrived } = await open((_, response) => ok(response));
    socket.write(call);
    await until(() => read().endsWith('ok'));
    passed = keptMs + 500;
    socket.write(call.slice(0, -1));
    await arrived(2 * call.length - 1);
    passed += keptMs;
    // The clock that looks at connections goes once a second.
    await sleep(1_200);
    socket.write(call.slice(-1));
    await until(() => read().split('ok').length === 3);
    passed += keptMs + 1_500;
    await closed;
  });

  it('outlives its call when the server closes, and no longer', async () => {
    const responses: CallResponse[] = [];
    const { server, short, socket, read, arrived, closed } = await open((_, response) => void responses.push(response));
    const idle = connect({ port: portOf(server), host: '127.0.0.1' });
    sockets.push(idle);
    const idleClosed = new Promise((resolve) => idle.on('close', resolve).on('error', () => {}));
    const late = connect({ port: portOf(server), host: '127.0.0.1' });
    sockets.push(late);
    let lateText = '';
    const lateClosed = new Promise((resolve) => late.on('data', (chunk) => (lateText += chunk.toString('latin1'))).on('error', () => {}).on('close', resolve));
    late.write(call.slice(0, -1));
    socket.write(call);
    await until(() => responses.length === 1);
    await arrived(call.length - 1);
    const ended = new Promise((resolve) => server.close(resolve));
    short.close();
    await idleClosed;
    ok(responses[0]!);
    await closed;
    expect(read()).toMatch(/connection: close\r\n\r\nok$/);
    // What had begun to come is answered, too.
    late.write(call.slice(-1));
    await until(() => responses.length === 2);
    ok(responses[1]!);
    await ended;
    await lateClosed;
    expect(lateText).toMatch(/connection: close\r\n\r\nok$/);
  });

  it('is cut when nobody waits any longer', async () => {
    const responses: CallResponse[] = [];
    const { short, socket, closed } = await open((_, response) => void responses.push(response));
    socket.write(call);
    await until(() => responses.length === 1);
    short.closeAll();
    await closed;
    await until(() => responses[0]!.closed);
  });
});
