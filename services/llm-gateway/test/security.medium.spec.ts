// SECURITY.md 9, 13, 25, 26 for what this service owns. Real: nats-server, SQLite, HTTP. Scripted: the provider.
import { readFileSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { llm, type ProviderName } from '@deskhand/contracts';
import { seal } from '@deskhand/platform';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { masterKey, prepareGround, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';
import { startUpstream, type ScriptedUpstream } from './upstream.ts';

const canary = 'sk-canary-5f2c9e1b7a-do-not-leak';
let ground: GatewayGround;
let gateway: RunningGateway;
let upstream: ScriptedUpstream;

beforeAll(async () => {
  ground = await prepareGround();
  upstream = await startUpstream({ format: 'openai-chat', script: () => ({ text: 'fine' }) });
  gateway = await runGateway(ground, { ALLOWED_PRIVATE_HOSTS: upstream.host, OPENAI_API_KEY: `${canary}-server` });
});
afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
  await ground?.close();
});

/** One raw exchange, so that what no client library would send can be sent. */
function raw(text: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    let answer = '';
    const done = (): void => { socket.destroy(); resolve(answer); };
    socket.on('data', (chunk) => { answer += chunk.toString('latin1'); }).on('close', done).on('error', done).setTimeout(400, done);
    socket.write(text);
  });
}

const post = async (path: string, body: string | Buffer, headers: Record<string, string> = { authorization: `Bearer ${masterKey}` }) => {
  const response = await fetch(gateway.url + path, { method: 'POST', headers, body: new Uint8Array(Buffer.from(body)) });
  return { status: response.status, text: await response.text() };
};

describe('SECURITY 13: a provider key', () => {
  it('is found nowhere but encrypted in the database', async () => {
    const seen: string[] = [];
    const user = 'user-13';
    await gateway.addProvider(user, 'openai', { key: canary, endpoint: upstream.url, model: 'm' });
    seen.push(JSON.stringify(await gateway.gateway.request(llm.providers, { user_id: user })));
    seen.push(JSON.stringify(await gateway.gateway.request(llm.models, { user_id: user })));
    seen.push(JSON.stringify(await gateway.gateway.request(llm.testProvider, { user_id: user, provider: 'openai' })));
    const route = await gateway.resolve(user, 'openai/m');
    seen.push(JSON.stringify(route), Buffer.from(route.token.slice(4).split('.')[0] ?? '', 'base64url').toString());
    for (const hostile of [undefined, 'echo-credentials', 'hang-up', 'not-http', 'redirect', 'stall'] as const) {
      upstream.use(() => ({ text: 'fine', hostile }));
      const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${route.token}` }, body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x' }] }) });
      seen.push(await response.text(), JSON.stringify([...response.headers]));
      seen.push(JSON.stringify(await gateway.gateway.request(llm.testProvider, { user_id: user, provider: 'openai' }).catch(String)));
    }
    upstream.use(() => ({ text: 'fine' }));
    expect(upstream.requests.at(-1)?.headers.authorization).toBe(`Bearer ${canary}`);
    seen.push((await fetch(`${gateway.url}/metrics`, { headers: { authorization: `Bearer ${masterKey}` } }).then(async (response) => response.text())), (await fetch(`${gateway.url}/health/readiness`).then(async (response) => response.text())));
    seen.push(JSON.stringify(gateway.events), JSON.stringify(await gateway.usage()), gateway.lines.join('\n'));
    const file = gateway.service.database!.orm.config.get('dbName') as string;
    const folder = file.slice(0, file.lastIndexOf('/'));
    for (const name of readdirSync(folder)) seen.push(readFileSync(`${folder}/${name}`, 'latin1'));
    for (const text of seen) expect(text).not.toContain('canary');
  });

  it('is kept when a change brings none, and needed at first', async () => {
    await gateway.addProvider('user-k', 'mistral', { key: 'key-one', endpoint: upstream.url, model: 'a' });
    await gateway.addProvider('user-k', 'mistral', { model: 'b' });
    expect(await gateway.gateway.request(llm.providers, { user_id: 'user-k' })).toMatchObject([{ provider: 'mistral', model_name: 'b', endpoint_url: upstream.url, has_api_key: true, is_default: false }]);
    await gateway.gateway.request(llm.testProvider, { user_id: 'user-k', provider: 'mistral' });
    expect(upstream.requests.at(-1)?.headers.authorization).toBe('Bearer key-one');
    expect(upstream.requests.at(-1)?.model).toBe('b');
    await expect(gateway.addProvider('user-k', 'openai', { model: 'b' })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await gateway.gateway.request(llm.removeProvider, { user_id: 'user-k', provider: 'mistral' });
    await expect(gateway.gateway.request(llm.removeProvider, { user_id: 'user-k', provider: 'mistral' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(gateway.gateway.request(llm.testProvider, { user_id: 'user-k', provider: 'mistral' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('test: a refusal is an answer in the provider\'s words', async () => {
    await gateway.addProvider('user-t', 'openai', { key: 'key-t', endpoint: upstream.url, model: 'a' });
    const test = async () => gateway.gateway.request(llm.testProvider, { user_id: 'user-t', provider: 'openai' });
    expect(await test()).toMatchObject({ ok: true });
    upstream.use(() => ({ status: 401, error: { error: { message: 'Incorrect API key provided: key-****', type: 'x' } } }));
    expect(await test()).toMatchObject({ ok: false, message: 'Incorrect API key provided: key-**** (HTTP 401)' });
    upstream.use(() => ({ hostile: 'html' }));
    expect(await test()).toMatchObject({ ok: false, message: expect.stringContaining('endpoint URL') as string });
    upstream.use(() => ({ hostile: 'redirect' }));
    expect(await test()).toMatchObject({ ok: false, message: expect.stringContaining('redirects') as string });
    upstream.use(() => ({ text: 'fine' }));
  });
});

describe('SECURITY 9: a provider address', () => {
  it('that is not public cannot be saved', async () => {
    for (const endpoint of ['http://127.0.0.1:1', 'http://169.254.169.254/latest', 'http://[::ffff:10.0.0.1]', 'http://2130706433', 'https://user:pw@api.example.com', 'nonsense', `http://user@${upstream.host}`]) {
      await expect(gateway.addProvider('user-9', 'openai', { key: 'k', endpoint })).rejects.toMatchObject({ code: 'BAD_INPUT', message: expect.stringContaining('endpoint URL') as string });
    }
    expect(await gateway.gateway.request(llm.providers, { user_id: 'user-9' })).toEqual([]);
  });

  it('whose name leads to a private address is refused when it is called', async () => {
    // `ip6-localhost` and `localhost` are names of this machine; only the second is known as such before resolving.
    const row = { key: 'k', endpoint: 'https://1.1.1.1', model: 'm' };
    await gateway.addProvider('user-9b', 'openai', row);
    await gateway.service.database!.transaction(async (em) => { await em.execute(`update providers set endpoint_url = 'http://127.0.0.1:${new URL(gateway.url).port}' where user_id = 'user-9b'`); });
    expect(await gateway.gateway.request(llm.testProvider, { user_id: 'user-9b', provider: 'openai' })).toMatchObject({ ok: false, message: expect.stringContaining('not a public address') as string });
    const route = await gateway.resolve('user-9b', 'openai/m');
    const answer = await post('/v1/chat/completions', JSON.stringify({ model: 'm', messages: [] }), { authorization: `Bearer ${route.token}` });
    expect(answer).toMatchObject({ status: 502, text: expect.stringContaining('not a public address') as string });
  });
});

describe('SECURITY 25: bodies and requests that are wrong', () => {
  it.each<[string, string | Buffer, number]>([
    ['nothing', '', 400], ['broken JSON', '{"model":', 400], ['a list', '[]', 400], ['null', 'null', 400], ['text', '"x"', 400], ['no model', '{"messages":[]}', 400], ['a wrong model', '{"model":5,"messages":[]}', 400],
    ['no messages', '{"model":"mock/echo"}', 400], ['wrong messages', '{"model":"mock/echo","messages":"hi"}', 400], ['wrong stream', '{"model":"mock/echo","messages":[],"stream":"yes"}', 400], ['bad UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 400],
    ['UTF-16', Buffer.from('{"model":"mock/echo","messages":[]}', 'utf16le'), 400], ['deep nesting', `${'['.repeat(100_000)}`, 400], ['an unknown model', '{"model":"nope","messages":[]}', 404], ['odd names', '{"model":"__proto__/x","messages":[]}', 404], ['odd names', '{"model":"constructor/x","messages":[]}', 404],
    ['more than the limit', Buffer.alloc(1024 * 1024 + 1, 32), 413],
  ])('%s', async (_, body, status) => {
    for (const path of ['/v1/chat/completions', '/chat/completions', '/v1/messages']) {
      const answer = await post(path, body);
      expect(answer.status).toBe(status);
      const parsed = JSON.parse(answer.text) as { type?: string; error: { message: string; type: string } };
      expect(parsed.error.message).not.toBe('');
      expect(parsed.type).toBe(path === '/v1/messages' ? 'error' : undefined);
    }
  });

  it.each(['/v1/chat/completions', '/v1/responses', '/v1/messages', '/v1/messages/count_tokens', '/v1/embeddings'])('%s refuses what is valid and nested too deeply, streamed or not', async (path) => {
    for (const stream of [false, true]) for (const [levels, status] of [[50_000, 400], [201, 400], [100, path === '/v1/embeddings' ? 400 : 200]] as const) {
      const body = JSON.stringify({ model: 'mock/static', stream, input: 'x', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] });
      const answer = await post(path, `${body.slice(0, -1)},"metadata":${'['.repeat(levels)}${']'.repeat(levels)}}`);
      expect(answer.status).toBe(status);
      if (levels > 200) expect(answer.text).toContain('nested too deeply');
    }
  });

  it('any JSON at all gets an answer', async () => {
    const fields = fc.record({ model: fc.oneof(fc.constantFrom('mock/echo', 'mock/static'), fc.jsonValue()), messages: fc.oneof(fc.jsonValue(), fc.array(fc.record({ role: fc.constantFrom('user', 'assistant', 'tool', 'x'), content: fc.jsonValue(), tool_calls: fc.jsonValue() }))), tools: fc.jsonValue(), stream: fc.oneof(fc.boolean(), fc.jsonValue()), stream_options: fc.jsonValue() }, { requiredKeys: [] });
    await fc.assert(fc.asyncProperty(fields, fc.constantFrom('/v1/chat/completions', '/v1/messages'), async (body, path) => {
      const answer = await post(path, JSON.stringify(body));
      expect([200, 400, 404]).toContain(answer.status);
    }), { numRuns: 300 });
  });

  it('unknown paths and methods, encoded bodies, no credential, wrong ones', async () => {
    expect((await post('/v1/nothing', '{}')).status).toBe(404);
    expect((await fetch(`${gateway.url}/v1/chat/completions`)).status).toBe(405);
    expect((await post('/health', '')).status).toBe(405);
    expect((await post('/v1/chat/completions', '{}', { authorization: `Bearer ${masterKey}`, 'content-encoding': 'gzip' })).status).toBe(400);
    for (const headers of [{}, { authorization: 'Bearer nope' }, { 'x-api-key': '' }, { authorization: `Basic ${masterKey}` }] as Record<string, string>[]) {
      for (const path of ['/v1/chat/completions', '/v1/messages']) expect((await post(path, '{}', headers)).status).toBe(401);
    }
    for (const path of ['/v1/models', '/metrics']) expect((await fetch(gateway.url + path)).status).toBe(401);
    for (const path of ['/health', '/health/liveliness', '/health/readiness']) expect((await fetch(gateway.url + path)).status).toBe(200);
  });

  it('SECURITY 26: broken HTTP, header breaks, SQL in headers', async () => {
    const token = (await gateway.resolve('nobody', 'mock/echo')).token;
    const exchange = (headers: string, body = '{}') => raw(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`);
    expect(await raw('GARBAGE\r\n\r\n')).toMatch(/^HTTP\/1.1 400/);
    expect(await raw('POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n')).toMatch(/^HTTP\/1.1 400/);
    expect(await raw(`GET /health HTTP/1.1\r\nhost: x\r\nx-long: ${'y'.repeat(40_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431/);
    expect(await raw(`GET /${'a'.repeat(5_000)} HTTP/1.1\r\nhost: x\r\n\r\n`)).toMatch(/^HTTP\/1.1 404/);
    expect(await exchange(`authorization: Bearer x' or '1'='1\r\n`)).toMatch(/^HTTP\/1.1 401/);
    expect(await exchange(`authorization: Bearer ${token}\0\r\n`)).toMatch(/^HTTP\/1.1 400/);
    expect(await exchange(`authorization: Bearer ${token}\r\nanthropic-beta: '; drop table usage; --\r\n`, '{"model":"mock/echo","messages":[]}')).toMatch(/^HTTP\/1.1 200/);
  });

  it('hostile words in requests over the bus', async () => {
    for (const provider of ['*', '>', 'a.b', 'x y', "' or 1=1", '__proto__', 'constructor']) await expect(gateway.resolve('u', null, provider)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(gateway.gateway.request(llm.saveProvider, { user_id: 'u', provider: 'evil' as ProviderName })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    const { public_key } = await gateway.gateway.request(llm.sealingKey, {});
    await expect(gateway.gateway.request(llm.saveProvider, { user_id: 'u', provider: 'openai', sealed_api_key: seal(public_key, 'a\r\nx: y') })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await expect(gateway.gateway.request(llm.saveProvider, { user_id: 'u', provider: 'openai', sealed_api_key: 'rubbish' })).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  it('the process is the same and still well', async () => {
    expect((await post('/v1/chat/completions', JSON.stringify({ model: 'mock/static', messages: [{ role: 'user', content: 'x' }] }))).status).toBe(200);
    expect(gateway.lines.filter((line) => line.includes('A request to the model gateway failed'))).toEqual([]);
  });
});
