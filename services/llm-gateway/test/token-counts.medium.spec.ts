// Real: nats-server, SQLite, HTTP, LiteLLM's configuration file. Scripted: providers that count tokens, or cannot.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { masterKey, prepareGround, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';

type Body = Record<string, any>;

let ground: GatewayGround;
let gateway: RunningGateway;
let server: Server;
const seen: { path: string; headers: IncomingHttpHeaders; body: Body }[] = [];
const folder = mkdtempSync(join(tmpdir(), 'deskhand-counts-'));

beforeAll(async () => {
  ground = await prepareGround();
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const send = (status: number, body: object): void => void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const path = request.url ?? '';
    if (path === '/token') return send(200, { access_token: 'google-token', expires_in: 3_600 });
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Body;
    seen.push({ path, headers: request.headers, body });
    if (path.startsWith('/broken')) return send(503, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } });
    if (body.messages.length === 0) return send(400, { type: 'error', error: { type: 'invalid_request_error', message: 'messages: at least one message is required, claude-key' } });
    send(200, { input_tokens: path.startsWith('/v1/projects') ? 222 : 111 });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const url = `http://${host}`;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } });
  const google = { api_base: url, vertex_project: 'acme', vertex_location: 'us-east5', vertex_credentials: JSON.stringify({ type: 'service_account', project_id: 'acme', client_email: 'a@b', private_key: privateKey, token_uri: `${url}/token` }) };
  const models: [string, object][] = [
    ['claude', { model: 'anthropic/claude-x', api_base: url, api_key: 'claude-key' }], ['vertex', { model: 'vertex_ai/claude-opus-5-5', ...google }], ['any/*', { model: 'anthropic/*', api_base: url, api_key: 'claude-key' }],
    ['pair', { model: 'anthropic/first', api_base: `${url}/broken`, api_key: 'k' }], ['pair', { model: 'anthropic/second', api_base: url, api_key: 'claude-key' }], ['broken', { model: 'anthropic/x', api_base: `${url}/broken`, api_key: 'k' }], ['chat', { model: 'openai/gpt-x', api_base: `${url}/v1`, api_key: 'k' }],
  ];
  const file = join(folder, 'config.yaml');
  writeFileSync(file, JSON.stringify({ model_list: models.map(([model_name, litellm_params]) => ({ model_name, litellm_params })), router_settings: { model_group_alias: { nickname: 'claude' } } }));
  gateway = await runGateway(ground, { LITELLM_CONFIG: file, ALLOWED_PRIVATE_HOSTS: host, FIRST_BYTE_TIMEOUT_MS: 5_000 });
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
  await ground?.close();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => { seen.length = 0; });

const count = async (model: string, more: object = {}, key = masterKey) => {
  const response = await fetch(`${gateway.url}/v1/messages/count_tokens`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'anthropic-beta': 'token-counting-2024-11-01' }, body: JSON.stringify({ model, messages: [{ role: 'user', content: 'word '.repeat(500) }], ...more }) });
  return { status: response.status, body: (await response.json()) as Body };
};

it('LLM-1: tokens of a configured model are counted by its provider where that speaks messages', async () => {
  expect([await count('claude'), await count('nickname'), await count('any/claude-y')]).toMatchObject([{ body: { input_tokens: 111 } }, { body: { input_tokens: 111 } }, { body: { input_tokens: 111 } }]);
  expect(seen.map(({ path, body, headers }) => [path, body.model, headers['x-api-key'], headers['anthropic-beta']])).toEqual(['claude-x', 'claude-x', 'claude-y'].map((model) => ['/v1/messages/count_tokens', model, 'claude-key', 'token-counting-2024-11-01']));
  await count('claude', { tags: ['a'], metadata: { tags: ['b'] }, num_retries: 2 });
  for (const name of ['tags', 'metadata', 'num_retries']) expect(seen.at(-1)!.body).not.toHaveProperty(name);
  expect(await count('vertex')).toMatchObject({ status: 200, body: { input_tokens: 222 } });
  expect(seen.at(-1)).toMatchObject({ path: '/v1/projects/acme/locations/us-east5/publishers/anthropic/models/count-tokens:rawPredict', body: { model: 'claude-opus-5-5' }, headers: { authorization: 'Bearer google-token' } });
});

it('by the next deployment when one cannot, else about as many as there are', async () => {
  for (let time = 0; time < 4; time++) expect((await count('pair')).body.input_tokens).toBe(111);
  for (const model of ['broken', 'chat', 'scripted/demo']) {
    const { status, body } = await count(model);
    expect(status).toBe(200);
    expect(body.input_tokens).toBeGreaterThan(500);
    expect(body.input_tokens).toBeLessThan(900);
  }
  expect(seen.filter(({ path }) => path.startsWith('/v1/chat'))).toEqual([]);
});

it('what is wrong with the request is the client\'s to hear, without a key in it, and nothing of this is in the books', async () => {
  expect(await count('claude', { messages: [] })).toMatchObject({ status: 400, body: { type: 'error', error: { message: 'messages: at least one message is required, [key]' } } });
  expect(await gateway.usage()).toEqual([]);
});

it('LLM-5: a key\'s limits hold for it, its budgets do not, and a blocked key counts nothing', async () => {
  const manage = async (path: string, body: object): Promise<Body> => (await fetch(gateway.url + path, { method: 'POST', headers: { authorization: `Bearer ${masterKey}` }, body: JSON.stringify(body) })).json() as Promise<Body>;
  const { key } = await manage('/key/generate', { rpm_limit: 2, max_budget: 0 });
  expect((await Promise.all(Array.from({ length: 5 }, async () => count('claude', {}, key as string)))).map(({ status }) => status).sort()).toEqual([200, 200, 429, 429, 429]);
  expect(seen).toHaveLength(2);
  const { key: narrow } = await manage('/key/generate', { max_parallel_requests: 1, tpm_limit: 5 });
  expect((await Promise.all([count('claude', {}, narrow as string), count('claude', {}, narrow as string)])).map(({ status }) => status).sort()).toEqual([200, 429]);
  for (let time = 0; time < 6; time++) expect((await count('claude', { messages: [] }, narrow as string)).status).toBe(400);
  await manage('/key/block', { key: narrow });
  expect((await count('claude', {}, narrow as string)).status).toBe(401);
});
