// Real: nats-server, SQLite, HTTP, the openai package, LiteLLM's configuration file, signatures. Scripted: the providers, which check what they receive.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { masterKey, prepareGround, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';

type Body = Record<string, any>;
interface Answer { status?: number; body: object; headers?: Record<string, string> }

let ground: GatewayGround;
let gateway: RunningGateway;
let server: Server;
const seen: { path: string; body: Body; headers: IncomingHttpHeaders }[] = [];
let trouble: { path: RegExp; answer: Answer; times: number } | null = null;
const folder = mkdtempSync(join(tmpdir(), 'deskhand-embeddings-'));
/** One that can be told from every other text's, in numbers that 32 bits hold exactly. */
const vectorFor = (text: string): number[] => [text.length, 0.5, -1.25];
const inBase64 = (vector: number[]): string => Buffer.from(Float32Array.from(vector).buffer).toString('base64');
const wrong = (message: string): Answer => ({ status: 400, body: { error: { message }, message } });
const only = (body: Body, ...known: string[]): string | undefined => Object.keys(body).find((name) => !known.includes(name));

const openai = (body: Body, options: { model: string; base64?: boolean; usage?: boolean }): Answer => {
  if (body.model !== options.model) return wrong(`model ${body.model}`);
  const texts = Array.isArray(body.input) ? body.input : [body.input];
  const encode = body.encoding_format === 'base64' && options.base64 !== false ? inBase64 : (vector: number[]) => vector;
  return { body: { object: 'list', model: options.model, data: texts.map((text, index) => ({ object: 'embedding', index, embedding: encode(vectorFor(String(text))) })), ...(options.usage !== false && { usage: { prompt_tokens: texts.length * 7, total_tokens: texts.length * 7 } }) } };
};
const signed = (headers: IncomingHttpHeaders): boolean => /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/us-west-2\/bedrock\/aws4_request/.test(headers.authorization ?? '');

const providers: readonly { path: RegExp; allowed(headers: IncomingHttpHeaders): boolean; answer(body: Body): Answer }[] = [
  { path: /^\/v1\/embeddings$/, allowed: (headers) => headers.authorization === 'Bearer openai-key', answer: (body) => openai(body, { model: 'text-embedding-3-small' }) },
  { path: /^\/spare\/embeddings$/, allowed: () => true, answer: (body) => openai(body, { model: 'spare' }) },
  { path: /^\/v1beta\/openai\/embeddings$/, allowed: (headers) => headers.authorization === 'Bearer gemini-key', answer: (body) => openai(body, { model: 'gemini-embedding-001', usage: false }) },
  { path: /^\/mistral\/v1\/embeddings$/, allowed: (headers) => headers.authorization === 'Bearer mistral-key', answer: (body) => openai(body, { model: 'mistral-embed', base64: false }) },
  { path: /^\/openai\/deployments\/my-embed\/embeddings\?api-version=2024-10-21$/, allowed: (headers) => headers['api-key'] === 'azure-key', answer: (body) => openai(body, { model: 'my-embed' }) },
  {
    path: /^\/model\/amazon\.titan-embed-text-v2%3A0\/invoke$/, allowed: signed,
    answer: (body) => (typeof body.inputText !== 'string' || only(body, 'inputText', 'dimensions', 'normalize') ? wrong('Malformed input request') : { body: { embedding: vectorFor(body.inputText), inputTextTokenCount: 5, embeddingsByType: {} } }),
  },
  {
    path: /^\/model\/cohere\.embed-multilingual-v3\/invoke$/, allowed: signed,
    answer: (body) => (body.input_type === undefined || only(body, 'texts', 'input_type', 'truncate') ? wrong('Malformed input request') : { headers: { 'x-amzn-bedrock-input-token-count': '9' }, body: { id: 'x', response_type: 'embeddings_floats', embeddings: body.texts.map(vectorFor), texts: body.texts } }),
  },
  {
    path: /^\/v1\/projects\/acme\/locations\/us-central1\/publishers\/google\/models\/text-embedding-005:predict$/, allowed: (headers) => headers.authorization === 'Bearer google-token',
    answer: (body) => (only(body, 'instances', 'parameters') ? wrong('Invalid JSON payload') : { body: { predictions: body.instances.map(({ content }: Body) => ({ embeddings: { values: vectorFor(content), statistics: { truncated: false, token_count: 4 } } })) } }),
  },
];

beforeAll(async () => {
  ground = await prepareGround();
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const path = request.url ?? '';
    const send = ({ status = 200, body, headers = {} }: Answer): void => void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    if (path === '/token') return send({ body: { access_token: 'google-token', expires_in: 3_600 } });
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Body;
    seen.push({ path, body, headers: request.headers });
    if (trouble?.path.test(path) && trouble.times-- > 0) return send(trouble.answer);
    const provider = providers.find((entry) => entry.path.test(path));
    if (!provider) return send({ status: 404, body: { error: { message: `Unknown path ${path}` } } });
    send(provider.allowed(request.headers) ? provider.answer(body) : { status: 401, body: { error: { message: 'No credential' } } });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const url = `http://${host}`;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } });
  const aws = { aws_access_key_id: 'AKID', aws_secret_access_key: 'aws-secret', aws_region_name: 'us-west-2', aws_bedrock_runtime_endpoint: url };
  const models: [string, object][] = [
    ['openai', { model: 'openai/text-embedding-3-small', api_base: `${url}/v1`, api_key: 'openai-key', input_cost_per_token: 0.00000002, order: 1 }], ['openai', { model: 'openai/spare', api_base: `${url}/spare`, api_key: 'k', order: 2 }],
    ['gemini', { model: 'gemini/gemini-embedding-001', api_base: `${url}/v1beta/openai`, api_key: 'gemini-key' }], ['mistral', { model: 'mistral/mistral-embed', api_base: `${url}/mistral/v1`, api_key: 'mistral-key' }],
    ['azure', { model: 'azure/my-embed', api_base: url, api_version: '2024-10-21', api_key: 'azure-key' }], ['titan', { model: 'bedrock/amazon.titan-embed-text-v2:0', ...aws }], ['cohere', { model: 'bedrock/cohere.embed-multilingual-v3', ...aws }],
    ['vertex', { model: 'vertex_ai/text-embedding-005', api_base: url, vertex_project: 'acme', vertex_credentials: JSON.stringify({ type: 'service_account', project_id: 'p', client_email: 'a@b', private_key: privateKey, token_uri: `${url}/token` }) }],
    ['claude', { model: 'anthropic/claude-opus-5-5', api_base: url, api_key: 'k' }],
  ];
  const file = join(folder, 'config.yaml');
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ model_list: models.map(([model_name, litellm_params]) => ({ model_name, litellm_params, model_info: { mode: model_name === 'claude' ? 'chat' : 'embedding' } })), router_settings: { num_retries: 1, cooldown_time: 0 }, litellm_settings: { cache: true, cache_params: { type: 'local', mode: 'default_off' } } }));
  gateway = await runGateway(ground, { LITELLM_CONFIG: file, ALLOWED_PRIVATE_HOSTS: host, FIRST_BYTE_TIMEOUT_MS: 5_000, IDLE_TIMEOUT_MS: 5_000 });
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
  await ground?.close();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  seen.length = 0;
  trouble = null;
});

const ask = async (body: object, key = masterKey, path = '/v1/embeddings') => {
  const response = await fetch(gateway.url + path, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Body, headers: response.headers };
};

describe('embeddings (LLM-1)', () => {
  const places: readonly [string, number, boolean][] = [['openai', 14, false], ['gemini', 5, true], ['mistral', 14, false], ['azure', 14, false], ['titan', 10, false], ['cohere', 9, false], ['vertex', 8, false]];

  it.each(places)('of %s come in both encodings through the openai package, and are accounted for', async (model, tokens, estimated) => {
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: masterKey, maxRetries: 0 });
    const input = ['hello', 'good morning'];
    for (const encoding_format of [undefined, 'float'] as const) {
      const { data: answer, response } = await client.embeddings.create({ model, input, ...(encoding_format && { encoding_format }) }).withResponse();
      expect(answer.data.map(({ index, embedding }) => [index, embedding])).toEqual(input.map((text, index) => [index, vectorFor(text)]));
      expect(await gateway.rowOf(response.headers)).toMatchObject({ wire: 'openai-embeddings', status: 'completed', uncachedInput: tokens, output: 0, estimated });
    }
    const raw = await ask({ model, input, encoding_format: 'base64' });
    expect(raw.body.data.map(({ embedding }: Body) => embedding as string)).toEqual(input.map((text) => inBase64(vectorFor(text))));
  });

  it('pass OpenAI\'s own fields and tokens, without /v1 too, and cost what was configured', async () => {
    const answer = await ask({ model: 'openai', input: [[1, 2, 3], [4]], dimensions: 256, user: 'u' }, masterKey, '/embeddings');
    expect([answer.status, answer.headers.get('x-litellm-model-group'), answer.headers.get('x-litellm-attempted-retries')]).toEqual([200, 'openai', '0']);
    expect(seen.at(-1)!.body).toEqual({ model: 'text-embedding-3-small', input: [[1, 2, 3], [4]], dimensions: 256, user: 'u' });
    expect((await gateway.rowOf(answer.headers)).cost).toBeCloseTo(14 * 0.00000002, 12);
  });

  it('are there where Azure\'s libraries look for them', async () => {
    expect(await ask({ input: 'hello' }, masterKey, '/openai/deployments/openai/embeddings?api-version=2024-10-21')).toMatchObject({ status: 200, body: { data: [{ embedding: vectorFor('hello') }] } });
  });

  it('of providers with formats of their own get what those take', async () => {
    await ask({ model: 'titan', input: 'hello', dimensions: 512 });
    await ask({ model: 'cohere', input: 'hello', input_type: 'search_query' });
    await ask({ model: 'vertex', input: ['a', 'b'], dimensions: 256 });
    expect(seen.map(({ body }) => body)).toEqual([
      { inputText: 'hello', dimensions: 512 }, { texts: ['hello'], input_type: 'search_query' }, { instances: [{ content: 'a' }, { content: 'b' }], parameters: { outputDimensionality: 256 } },
    ]);
    expect(await ask({ model: 'cohere', input: [[1, 2]] })).toMatchObject({ status: 400, body: { error: { param: 'input', message: expect.stringContaining('takes texts') as string } } });
    expect(await ask({ model: 'cohere', input: 'x', dimensions: 5 })).toMatchObject({ status: 400, body: { error: { param: 'dimensions' } } });
  });

  it('of many texts are asked for in several calls where one takes few, and come in their order', async () => {
    const input = Array.from({ length: 130 }, (_, index) => 'x'.repeat(index + 1));
    for (const [model, calls] of [['titan', 130], ['cohere', 2]] as const) {
      seen.length = 0;
      const { body } = await ask({ model, input });
      expect(body.data.map(({ embedding }: Body) => (embedding as number[])[0])).toEqual(input.map(({ length }) => length));
      expect(seen).toHaveLength(calls);
    }
    trouble = { path: /titan/, answer: { status: 429, body: { message: 'ThrottlingException' } }, times: 1_000 };
    expect((await ask({ model: 'titan', input })).status).toBe(429);
  });

  it('are asked for elsewhere when one cannot give them, and the last refusal is the client\'s', async () => {
    trouble = { path: /^\/v1\/embeddings/, answer: { status: 503, body: { error: { message: 'busy' } } }, times: 1 };
    const answer = await ask({ model: 'openai', input: 'hi' });
    expect([answer.status, answer.headers.get('x-litellm-attempted-retries'), seen.map(({ path }) => path).filter((path) => path.endsWith('/embeddings'))]).toEqual([200, '1', ['/v1/embeddings', '/spare/embeddings']]);
    trouble = { path: /mistral/, answer: { status: 422, body: { object: 'error', message: 'input: too odd mistral-key' } }, times: 1 };
    const refused = await ask({ model: 'mistral', input: 'hi' });
    expect(refused).toMatchObject({ status: 422, body: { object: 'error', message: 'input: too odd [key]' } });
    expect(await gateway.rowOf(refused.headers)).toMatchObject({ status: 'refused', httpStatus: 422, uncachedInput: 0 });
    trouble = { path: /mistral/, answer: { body: { choices: [] } }, times: 5 };
    expect((await ask({ model: 'mistral', input: 'hi' })).status).toBe(502);
  });

  it('are for keys that may use the model, within their budgets and limits', async () => {
    const make = async (settings: object): Promise<string> => ((await (await fetch(`${gateway.url}/key/generate`, { method: 'POST', headers: { authorization: `Bearer ${masterKey}` }, body: JSON.stringify(settings) })).json()) as Body).key as string;
    expect((await ask({ model: 'openai', input: 'hi' }, 'sk-nobody')).status).toBe(401);
    expect((await ask({ model: 'openai', input: 'hi' }, await make({ models: ['titan'] }))).status).toBe(403);
    const [rich, poor, few] = [await make({ max_budget: 1, models: ['azure', 'openai'] }), await make({ max_budget: 0.0000000001 }), await make({ rpm_limit: 1 })];
    expect(await ask({ model: 'azure', input: 'hi' }, rich)).toMatchObject({ status: 403, body: { error: { code: 'unknown_price' } } });
    expect(await ask({ model: 'openai', input: 'hi' }, few)).toMatchObject({ status: 200 });
    expect(await ask({ model: 'openai', input: 'hi' }, few)).toMatchObject({ status: 429 });
    expect(await ask({ model: 'openai', input: 'hi' }, poor)).toMatchObject({ status: expect.toSatisfy((status: number) => [403, 429].includes(status)) as number });
  });

  it.each([
    [{}], [{ model: 'openai' }], [{ model: 'openai', input: [] }], [{ model: 'openai', input: '' }], [{ model: 'openai', input: ['a', 1] }], [{ model: 'openai', input: [[1.5]] }], [{ model: 'openai', input: 'x', encoding_format: 'hex' }],
    [{ model: 'openai', input: 'x', dimensions: 0 }], [{ model: 'claude', input: 'x' }], [{ model: 'mock/static', input: 'x' }], [{ model: 'openai', input: Array.from({ length: 2_049 }, () => 'x') }],
  ])('are refused for what is not a request: %#', async (body) => {
    const answer = await ask(body);
    expect([answer.status, answer.body.error.type]).toEqual([400, 'invalid_request_error']);
    expect(seen).toHaveLength(0);
  });

  it('LLM-4: are given again from the response cache, for nothing', async () => {
    const body = { model: 'titan', input: ['cached', 'words'], cache: { 'use-cache': true } };
    const answers = [await ask(body), await ask(body), await ask({ ...body, input: ['words', 'cached'] })];
    expect(answers.map(({ headers }) => headers.has('age'))).toEqual([false, true, false]);
    expect(answers[1]!.body).toEqual(answers[0]!.body);
    expect(seen).toHaveLength(4);
    expect(await gateway.rowOf(answers[1]!.headers)).toMatchObject({ status: 'cached', cost: 0, uncachedInput: 0, model: 'amazon.titan-embed-text-v2:0' });
  });

  it('nothing is asked on when the client has left', async () => {
    const controller = new AbortController();
    const alone = fetch(`${gateway.url}/v1/embeddings`, { method: 'POST', signal: controller.signal, headers: { authorization: `Bearer ${masterKey}` }, body: JSON.stringify({ model: 'titan', input: Array.from({ length: 400 }, (_, index) => `text ${index}`) }) });
    await expect.poll(() => seen.length, { interval: 2 }).toBeGreaterThan(4);
    controller.abort();
    await expect(alone).rejects.toThrow();
    await expect.poll(async () => (await gateway.usage()).filter(({ status }) => status === 'cancelled').length).toBe(1);
    expect(seen.length).toBeLessThan(400);
  });
});
