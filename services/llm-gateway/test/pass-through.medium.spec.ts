// Real: nats-server, SQLite, HTTP, compressed bodies. Scripted: what stands in for the vendors' own addresses.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { anthropicMessagesEvents } from '../src/wire/anthropic-messages-writer.ts';
import { noUsage } from '../src/wire/token-usage.ts';
import { masterKey, prepareGround, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';

interface Seen { method: string; url: string; headers: IncomingHttpHeaders; body: Buffer }

let ground: GatewayGround;
let gateway: RunningGateway;
let vendor: Server;
const seen: Seen[] = [];
const login = 'Bearer sk-ant-oat01-somebodys-own-login';
const folder = mkdtempSync(join(tmpdir(), 'deskhand-pass-'));
const ok = (_: Seen, response: ServerResponse): void => void response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
let answer: (seen: Seen, response: ServerResponse, request: IncomingMessage) => void | Promise<void> = ok;
const stream = [...anthropicMessagesEvents({ parts: [{ type: 'text', text: 'Hello from the vendor itself.' }], stop: 'end', usage: { ...noUsage, uncachedInput: 70, cacheRead: 20, cacheWrite5m: 10, output: 30 } }, { id: 'msg_1', model: 'claude-opus-5-5', created: 1 })];

beforeAll(async () => {
  ground = await prepareGround();
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    if (request.url?.endsWith('/early')) return void response.writeHead(401, { 'content-type': 'application/json' }).end('{"early":true}');
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const one = { method: request.method!, url: request.url!, headers: request.headers, body: Buffer.concat(chunks) };
    seen.push(one);
    await answer(one, response, request);
  };
  // What a client breaks off is none of its business.
  vendor = createServer((request, response) => void serve(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => vendor.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(vendor.address() as AddressInfo).port}`;
  const file = join(folder, 'config.yaml');
  writeFileSync(file, `general_settings:
  pass_through_endpoints:
    - { path: /claude, target: "http://${host}", forward_headers: true }
    - { path: /codex, target: "http://${host}/backend-api/codex", forward_headers: true, auth: true }
    - { path: /open, target: "http://${host}/open", forward_headers: true, auth: false, include_subpath: true }
    - { path: /v1/rerank, target: "http://${host}/v2/rerank", auth: false, headers: { Authorization: "bearer sk-operators-own-key" } }
`);
  gateway = await runGateway(ground, { LITELLM_CONFIG: file, ALLOWED_PRIVATE_HOSTS: host, FIRST_BYTE_TIMEOUT_MS: 5_000, IDLE_TIMEOUT_MS: 5_000, SLOW_CLIENT_TIMEOUT_MS: 700 });
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  vendor?.closeAllConnections();
  await new Promise((resolve) => vendor?.close(resolve));
  await ground?.close();
  rmSync(folder, { recursive: true, force: true });
});

afterEach(() => {
  answer = ok;
  seen.length = 0;
});

interface Got { status: number; headers: IncomingHttpHeaders; body: Buffer; chunks: Buffer[] }

/** Raw HTTP: nothing is compressed, decompressed or followed on the way. */
function send(path: string, { method = 'POST', headers = {}, body, onData }: { method?: string; headers?: Record<string, string>; body?: Buffer | string; onData?: () => void } = {}, key: string | null = masterKey): Promise<Got> {
  return new Promise((resolve, reject) => {
    const beside: Record<string, string> = key === null ? {} : { 'x-litellm-api-key': `Bearer ${key}` };
    const request = httpRequest(gateway.url + path, { method, headers: { ...beside, ...headers } }, (response) => {
      const chunks: Got['chunks'] = [];
      response.on('data', (bytes: Buffer) => { chunks.push(bytes); onData?.(); }).on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks), chunks })).on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}
const makeKey = async (settings: object): Promise<string> => {
  const response = await fetch(`${gateway.url}/key/generate`, { method: 'POST', headers: { authorization: `Bearer ${masterKey}` }, body: JSON.stringify(settings) });
  return ((await response.json()) as { key: string }).key;
};


describe('a subscription\'s calls (LLM-7)', () => {
  it('go through with every byte as it is: method, path, query, compressed bodies, headers of their own', async () => {
    const question = zstdCompressSync(Buffer.from(JSON.stringify({ model: 'gpt-5.5', input: 'x'.repeat(5_000) })));
    const reply = zstdCompressSync(Buffer.from('{"model":"gpt-5.5","usage":{"input_tokens":11,"output_tokens":3}}'));
    answer = (_, response) => void response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'zstd', 'content-length': reply.length, 'x-codex-turn-state': 'kept', 'set-cookie': 'a=b', connection: 'x-only-here, keep-alive', 'x-only-here': '1' }).end(reply);
    const got = await send('/codex/responses?a=%2F&b', { headers: { authorization: login, 'content-encoding': 'zstd', 'content-type': 'application/json', 'chatgpt-account-id': 'acc', 'x-codex-routing-hint': 'model=gpt-5.5', 'accept-encoding': 'zstd', cookie: 'session=ours', 'x-forwarded-for': '10.0.0.9', connection: 'keep-alive, x-mine', 'x-mine': '1', te: 'trailers', 'content-length': String(question.length) }, body: question });
    expect(got.status).toBe(200);
    expect(got.body.equals(reply)).toBe(true);
    expect(got.headers).toMatchObject({ 'content-encoding': 'zstd', 'x-codex-turn-state': 'kept' });
    expect(got.headers).not.toHaveProperty('set-cookie');
    expect(got.headers).not.toHaveProperty('x-only-here');
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/backend-api/codex/responses?a=%2F&b', headers: { authorization: login, 'content-encoding': 'zstd', 'chatgpt-account-id': 'acc', 'x-codex-routing-hint': 'model=gpt-5.5', 'accept-encoding': 'zstd' } });
    expect(seen[0]!.body.equals(question)).toBe(true);
    for (const name of ['x-litellm-api-key', 'cookie', 'x-forwarded-for', 'x-mine', 'te']) expect(seen[0]!.headers).not.toHaveProperty(name);
    expect(JSON.stringify(seen[0]!.headers)).not.toContain(masterKey);
    // A row without a price; what it used was read in a copy.
    expect(await gateway.rowOf(got.headers)).toMatchObject({ provider: 'codex', model: 'gpt-5.5', wire: 'openai-responses', status: 'completed', uncachedInput: 11, output: 3, cost: null, estimated: false });
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) expect((await send('/codex/models?client_version=1', { method, headers: { authorization: login } })).status).toBe(200);
    expect(seen.slice(1).map((one) => `${one.method} ${one.url}`)).toEqual(['GET', 'PUT', 'DELETE', 'PATCH'].map((method) => `${method} /backend-api/codex/models?client_version=1`));
    // Those were no model calls.
    expect((await gateway.usage()).length).toBe(1);
  });

  it.each([['as it is', null], ['gzip', gzipSync], ['br', brotliCompressSync], ['zstd', zstdCompressSync]] as const)('stream %s and are counted', async (encoding, compress) => {
    const bytes = Buffer.from(stream.join(''));
    const said = compress === null ? bytes : compress(bytes);
    answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', ...(compress !== null && { 'content-encoding': encoding }) });
      for (let at = 0; at < said.length; at += 61) response.write(said.subarray(at, at + 61));
      response.end();
    };
    const got = await send('/claude/v1/messages?beta=true', { headers: { authorization: login, 'anthropic-beta': 'oauth-2025-04-20', 'user-agent': 'claude-cli/2.1.329 (external, cli)' }, body: JSON.stringify({ model: 'claude-opus-5-5', stream: true }) });
    expect(got.body.equals(said)).toBe(true);
    expect(seen[0]!.headers).toMatchObject({ 'anthropic-beta': 'oauth-2025-04-20' });
    expect(await gateway.rowOf(got.headers)).toMatchObject({ provider: 'claude', model: 'claude-opus-5-5', wire: 'anthropic-messages', agent: 'claude-code', stream: true, status: 'completed', uncachedInput: 70, cacheRead: 20, cacheWrite5m: 10, output: 30, cost: null, estimated: false });
  });

  it('wait for nothing: a piece that is there is passed on before the next is said', async () => {
    const { promise: heard, resolve: onData } = Promise.withResolvers<void>();
    // The vendor says nothing more before the client has the first piece.
    answer = async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(stream[0]!);
      await heard;
      response.end(stream.slice(1).join(''));
    };
    const { chunks } = await send('/claude/v1/messages', { headers: { authorization: login }, body: '{}', onData });
    expect(chunks[0]!.toString()).toBe(stream[0]);
    expect(Buffer.concat(chunks).toString()).toBe(stream.join(''));
  });

  it('refusals are the vendor\'s own, word for word', async () => {
    const refusal = '{"type":"error","error":{"type":"rate_limit_error","message":"You have used up your limit"}}';
    answer = (_, response) => void response.writeHead(429, { 'content-type': 'application/json', 'anthropic-ratelimit-unified-reset': '123', 'retry-after': '77' }).end(refusal);
    const got = await send('/claude/v1/messages', { headers: { authorization: login }, body: '{}' });
    expect([got.status, got.body.toString(), got.headers['retry-after'], got.headers['anthropic-ratelimit-unified-reset']]).toEqual([429, refusal, '77', '123']);
    expect(await gateway.rowOf(got.headers)).toMatchObject({ status: 'refused', httpStatus: 429, output: 0 });
  });

  it('a WebSocket is answered 426 at once, with or without a key', async () => {
    const started = performance.now();
    const upgrade = 'GET /codex/responses HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
    const text = await new Promise<string>((resolve) => {
      let said = '';
      const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1', () => socket.write(upgrade));
      socket.on('data', (chunk) => { said += String(chunk); }).on('close', () => resolve(said));
    });
    expect(text).toMatch(/^HTTP\/1\.1 426 /);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(seen).toHaveLength(0);
  });

  it('a client that leaves ends them at the vendor, and what was said is counted', async () => {
    let left = 0;
    answer = (_, response, request) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(stream.slice(0, 4).join(''));
      request.socket.once('close', () => { left = performance.now(); });
    };
    const waits: number[] = [];
    let response: Response;
    // What else the machine does at one of these moments is not the gateway's: the best counts.
    do {
      left = 0;
      const controller = new AbortController();
      response = await fetch(`${gateway.url}/claude/v1/messages`, { method: 'POST', body: '{}', signal: controller.signal, headers: { authorization: login, 'x-litellm-api-key': masterKey } });
      await response.body!.getReader().read();
      const at = performance.now();
      controller.abort();
      await expect.poll(() => left, { interval: 5 }).toBeGreaterThan(0);
      waits.push(left - at);
    } while (waits.length < 5 && waits.at(-1)! >= 100);
    expect(Math.min(...waits)).toBeLessThan(100);
    expect(await gateway.rowOf(response.headers)).toMatchObject({ status: 'cancelled', model: 'claude-opus-5-5', uncachedInput: 70, estimated: true });
  });

  it('are whole where a client leaves with the last event, before the end', async () => {
    answer = (_, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(stream.join(''));
    const controller = new AbortController();
    const response = await fetch(`${gateway.url}/claude/v1/messages`, { method: 'POST', body: '{}', signal: controller.signal, headers: { authorization: login, 'x-litellm-api-key': masterKey } });
    let text = '';
    for (const reader = response.body!.getReader(); text.length < stream.join('').length; ) text += Buffer.from((await reader.read()).value!).toString();
    controller.abort();
    expect(await gateway.rowOf(response.headers)).toMatchObject({ status: 'completed', estimated: false });
  });

  it('SECURITY 28: a client that takes nothing is cut, and holds little meanwhile', async () => {
    let given = 0;
    answer = async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const piece = Buffer.from(`data: ${'x'.repeat(65_536)}\n\n`);
      while (!response.destroyed && given < 512 * 1024 * 1024) {
        given += piece.length;
        if (!response.write(piece)) await Promise.race([once(response, 'drain'), sleep(5_000)]);
      }
    };
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1', () => {
      socket.pause();
      socket.write(`POST /claude/v1/messages HTTP/1.1\r\nhost: x\r\nx-litellm-api-key: ${masterKey}\r\nauthorization: ${login}\r\ncontent-length: 2\r\n\r\n{}`);
    });
    socket.on('error', () => {});
    await expect.poll(async () => (await gateway.usage()).at(-1)?.status).toBe('cancelled');
    expect(given).toBeLessThan(64 * 1024 * 1024);
    socket.destroy();
  });

  it('SECURITY 10, 21: redirects are not followed, and no path leads out of its place', async () => {
    answer = (_, response) => void response.writeHead(307, { location: 'http://169.254.169.254/latest' }).end();
    const got = await send('/claude/v1/messages', { headers: { authorization: login }, body: '{}' });
    expect([got.status, got.headers.location]).toEqual([502, undefined]);
    seen.length = 0;
    for (const path of ['/codex/../secret', '/codex/%2e%2e/secret', '/codex/a/..%2f..%2fsecret', '/codex/./x', '/codex/..\\x']) expect((await rawPath(path)).slice(9, 12), path).toBe('400');
    expect(seen).toHaveLength(0);
    expect((await send('/claudette/x')).status).toBe(404);
  });

  it('a body that is too large is refused, and one that the vendor does not wait for does not hang', async () => {
    const large = await send('/claude/v1/messages', { headers: { authorization: login, 'transfer-encoding': 'chunked' }, body: Buffer.alloc(1_200_000, 'x') });
    expect(large.status).toBe(413);
    const early = await new Promise<string>((resolve) => {
      let said = '';
      const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1', () => socket.write(`POST /claude/early HTTP/1.1\r\nhost: x\r\nx-litellm-api-key: ${masterKey}\r\ncontent-length: 900000\r\n\r\n{`));
      socket.on('data', (chunk) => { said += String(chunk); if (said.includes('early')) socket.destroy(); }).on('close', () => resolve(said));
    });
    expect(early).toMatch(/^HTTP\/1\.1 401 [^]*\{"early":true\}/);
  });
});

const rawPath = (path: string): Promise<string> => new Promise((resolve) => {
  let said = '';
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1', () => socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-litellm-api-key: ${masterKey}\r\n\r\n`));
  socket.on('data', (chunk) => { said += String(chunk); }).on('close', () => resolve(said));
});

describe('who may use them', () => {
  it('whoever has a key of the gateway; a key that is held to models must name the path', async () => {
    expect((await send('/claude/v1/models', { method: 'GET', headers: { authorization: login } }, null)).status).toBe(403);
    expect((await send('/claude/v1/models', { method: 'GET', headers: { authorization: login } }, 'sk-nobody-knows-this')).status).toBe(403);
    expect(seen).toHaveLength(0);
    expect((await fetch(`${gateway.url}/team/new`, { method: 'POST', headers: { authorization: `Bearer ${masterKey}` }, body: '{"team_id":"web"}' })).status).toBe(200);
    const [any, held, named, few] = [await makeKey({}), await makeKey({ models: ['fast'] }), await makeKey({ models: ['fast', '/claude'], user_id: 'ada', team_id: 'web' }), await makeKey({ rpm_limit: 1 })];
    expect((await send('/claude/v1/models', { method: 'GET' }, any)).status).toBe(200);
    expect((await send('/claude/v1/models', { method: 'GET' }, held)).status).toBe(403);
    expect((await send('/codex/models', { method: 'GET' }, named)).status).toBe(403);
    const paid = await send('/claude/v1/messages', { headers: { authorization: login }, body: '{}' }, named);
    expect(paid.status).toBe(200);
    expect(await gateway.rowOf(paid.headers)).toMatchObject({ keyUser: 'ada', keyTeam: 'web', provider: 'claude' });
    expect([(await send('/claude/v1/models', { method: 'GET' }, few)).status, (await send('/claude/v1/models', { method: 'GET' }, few)).status]).toEqual([200, 429]);
    // Nobody knows what such a call costs, and it is not the gateway's money.
    expect((await send('/claude/v1/messages', { headers: { authorization: login }, body: '{}' }, await makeKey({ max_budget: 0.000001 }))).status).toBe(200);
    const { token } = await gateway.resolve('somebody', 'scripted/demo');
    expect((await send('/claude/v1/models', { method: 'GET' }, token)).status).toBe(403);
  });

  it('SECURITY 13: a key of the gateway in what travels is refused, wherever it stands, and never leaves', async () => {
    const virtual = await makeKey({});
    const { token } = await gateway.resolve('somebody', 'scripted/demo');
    for (const key of [masterKey, virtual, token]) {
      const basic = Buffer.from(`user:${key}`).toString('base64');
      for (const headers of [{ authorization: `Bearer ${key}` }, { 'x-api-key': key }, { authorization: `Basic ${basic}` }, { 'x-anything': `a, ${key};q=1` }, { 'x-anything': `me:${key}` }, { 'x-anything': `/a/${key}/b?c&d=1` }, { 'x-anything': key.replaceAll('-', '%2d').replaceAll('_', '%5f') }, { 'x-anything': Buffer.from(key).toString('base64url') }] as Record<string, string>[]) {
        for (const place of ['/claude/v1/messages', '/open/x']) expect((await send(place, { headers, body: '{}' })).status, JSON.stringify(headers)).toBe(403);
        expect((await send('/claude/v1/messages', { headers, body: '{}' }, null)).status).toBe(403);
      }
      for (const place of [`messages?key=${key}`, `messages?to=https://me:${key}@host`, `${key}/messages`, `${key.replaceAll('-', '%2d').replaceAll('_', '%5f')}/messages`]) expect((await send(`/claude/v1/${place}`, { headers: { authorization: login }, body: '{}' })).status, place).toBe(403);
    }
    expect(seen).toHaveLength(0);
    const told = (await send('/claude/v1/messages', { headers: { authorization: `Bearer ${masterKey}` }, body: '{}' }, null)).body.toString();
    expect(JSON.parse(told)).toMatchObject({ type: 'error', error: { message: expect.stringMatching(/key of this gateway.*x-litellm-api-key/) as string } });
    for (const text of [told, gateway.lines.join('\n')]) for (const secret of [masterKey, virtual, token, 'sk-ant-oat01-somebodys-own-login']) expect(text).not.toContain(secret);
  });

  it('nobody needs a key where the operator says so, on loopback, unless the operator\'s own login is at stake', async () => {
    expect((await send('/open/x', { headers: { authorization: login }, body: '{}' }, null)).status).toBe(200);
    expect((await send('/open/x', { headers: { authorization: login, 'x-forwarded-for': '10.0.0.9' }, body: '{}' }, null)).status).toBe(403);
    expect((await send('/v1/rerank', { body: '{}' }, null)).status).toBe(401);
    expect(gateway.lines.join('\n')).toMatch(/line 6: \/v1\/rerank needs a key .* headers of your own/);
    seen.length = 0;
    expect((await send('/v1/rerank', { headers: { authorization: `Bearer ${masterKey}`, 'content-type': 'application/json' }, body: '{"q":1}' }, null)).status).toBe(200);
    expect(seen[0]).toMatchObject({ url: '/v2/rerank', headers: { authorization: 'bearer sk-operators-own-key', 'content-type': 'application/json' } });
    expect(JSON.stringify(seen[0]!.headers)).not.toContain(masterKey);
    answer = (_, response) => void response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"Incorrect key sk-operators-own-key"}');
    const refused = await send('/v1/rerank', { body: '{}' });
    expect([refused.status, refused.body.toString()]).toEqual([401, '{"error":"Incorrect key [key]"}']);
    // Asked for in plain bytes; what comes otherwise cannot be looked through.
    answer = (_, response) => void response.writeHead(401, { 'content-encoding': 'gzip' }).end(gzipSync('{"error":"Incorrect key sk-operators-own-key"}'));
    const packed = await send('/v1/rerank', { headers: { 'accept-encoding': 'gzip' }, body: '{}' });
    expect([packed.status, packed.body.toString().includes('refuses (HTTP 401)'), seen.at(-1)!.headers['accept-encoding']]).toEqual([502, true, 'identity']);
    expect((await send('/v1/rerank', { body: '{}' }, await makeKey({ max_budget: 1 }))).status).toBe(403);
    expect((await send('/v1/rerank/below', { body: '{}' })).status).toBe(404);
  });
});
