// Real: nats-server, SQLite, HTTP, two instances on one NATS, LiteLLM's configuration file. Scripted: the providers' answers, each one another.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { masterKey, prepareGround, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';
import { startUpstream, type ScriptedUpstream, type UpstreamScript } from './upstream.ts';

let ground: GatewayGround;
let chat: ScriptedUpstream;
let claude: ScriptedUpstream;
const folder = mkdtempSync(join(tmpdir(), 'deskhand-cache-'));
const gateways: Partial<Record<'alone' | 'one' | 'two' | 'asked' | 'without', RunningGateway>> = {};
let count = 0;
const counting: UpstreamScript = () => ({ text: `answer ${++count}`, usage: { uncachedInput: 100, output: 10 } });

beforeAll(async () => {
  ground = await prepareGround();
  [chat, claude] = await Promise.all([startUpstream({ format: 'openai-chat', script: counting }), startUpstream({ format: 'anthropic-messages', script: counting })]);
  const start = async (settings: object): Promise<RunningGateway> => {
    const file = join(folder, `${Object.keys(gateways).length}-${Math.random()}.yaml`);
    const prices = { input_cost_per_token: 0.001, output_cost_per_token: 0.001 };
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({
      model_list: [{ model_name: 'chat', litellm_params: { model: 'openai/gpt-x', api_base: `${chat.url}/v1`, api_key: 'k', ...prices } }, { model_name: 'claude', litellm_params: { model: 'anthropic/claude-x', api_base: claude.url, api_key: 'k', ...prices } }],
      router_settings: { num_retries: 0 }, litellm_settings: settings,
    }));
    return runGateway(ground, { LITELLM_CONFIG: file, ALLOWED_PRIVATE_HOSTS: `${chat.host},${claude.host}`, FIRST_BYTE_TIMEOUT_MS: 5_000, MASTER_KEY: '0'.repeat(64) });
  };
  gateways.alone = await start({ cache: true, cache_params: { type: 'local', ttl: 60 } });
  gateways.one = await start({ cache: true, cache_params: { type: 'redis', host: 'redis.example.com', port: 6379 } });
  gateways.two = await start({ cache: true, cache_params: { type: 'redis' } });
  gateways.asked = await start({ cache: true, cache_params: { type: 'local', mode: 'default_off', supported_call_types: ['acompletion', 'atranscription'] } });
  gateways.without = await start({});
}, 90_000);

afterAll(async () => {
  for (const gateway of Object.values(gateways)) await gateway.close();
  await Promise.all([chat, claude].map(async (upstream) => upstream?.close()));
  await ground?.close();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  for (const upstream of [chat, claude]) {
    upstream.use(counting);
    upstream.requests.length = 0;
  }
});

const paths = { chat: '/v1/chat/completions', messages: '/v1/messages', responses: '/v1/responses' };
interface Asked { on?: keyof typeof gateways; key?: string; path?: string; more?: object; headers?: Record<string, string> }
let question = 0;
const fresh = (): string => `question ${++question}`;
const ask = async (content: string, { on = 'alone', key = masterKey, path = paths.chat, more = {}, headers = {} }: Asked = {}) => {
  const body = path === paths.responses ? { model: 'chat', input: content, ...more } : { model: 'chat', max_tokens: 50, messages: [{ role: 'user', content }], ...more };
  const response = await fetch(gateways[on]!.url + path, { method: 'POST', headers: { authorization: `Bearer ${key}`, ...headers }, body: JSON.stringify(body) });
  return { status: response.status, text: await response.text(), headers: response.headers, again: response.headers.has('age') };
};
const makeKey = async (settings: object = {}): Promise<string> => ((await (await fetch(`${gateways.alone!.url}/key/generate`, { method: 'POST', headers: { authorization: `Bearer ${masterKey}` }, body: JSON.stringify(settings) })).json()) as { key: string }).key;
const manage = async (path: string, body: object, key = masterKey, on: keyof typeof gateways = 'alone') => (await fetch(gateways[on]!.url + path, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: JSON.stringify(body) })).status;
const texts = (answer: string): string => [...answer.matchAll(/"(?:content|text|delta)":"([^"]*)"/g)].map(([, text]) => text).join('');

describe('the response cache (LLM-4)', () => {
  it.each([
    ['chat completions', paths.chat, {}], ['a stream of chat completions', paths.chat, { stream: true }], ['messages in front of chat completions', paths.messages, {}], ['a translated stream of messages', paths.messages, { stream: true }],
    ['a stream of messages', paths.messages, { stream: true, model: 'claude' }], ['responses', paths.responses, {}], ['a stream of responses', paths.responses, { stream: true }],
  ])('gives %s again, byte for byte, for nothing', async (_, path, more) => {
    const content = fresh();
    const first = await ask(content, { path, more });
    expect([first.status, first.again]).toEqual([200, false]);
    const second = await ask(content, { path, more });
    expect([second.status, second.text, second.again, second.headers.get('content-type')]).toEqual([200, first.text, true, first.headers.get('content-type')]);
    expect(second.headers.get('x-litellm-cache-key')).toBe(first.headers.get('x-litellm-cache-key'));
    expect(texts(first.text)).toMatch(/answer \d/);
    expect(chat.requests.length + claude.requests.length).toBe(1);
    expect(await gateways.alone!.rowOf(first.headers)).toMatchObject({ status: 'completed', uncachedInput: 100, cost: expect.closeTo(0.11, 8) as number });
    expect(await gateways.alone!.rowOf(second.headers)).toMatchObject({ status: 'cached', uncachedInput: 0, output: 0, cost: 0, provider: (await gateways.alone!.rowOf(first.headers)).provider, model: (await gateways.alone!.rowOf(first.headers)).model });
  });

  it('gives nobody another\'s answer', async () => {
    const content = fresh();
    const [one, two] = [await makeKey(), await makeKey()];
    const answers = [await ask(content), await ask(content, { key: one }), await ask(content, { key: two })];
    expect(answers.map(({ again }) => again)).toEqual([false, false, false]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(3);
    expect((await ask(content, { key: one })).text).toBe(answers[1]!.text);
    // What a key may not use any more, it is not given any more.
    await manage('/key/update', { key: one, models: ['claude'] });
    expect((await ask(content, { key: one })).status).toBe(403);
  });

  it('tells apart what makes another answer', async () => {
    const content = fresh();
    await ask(content);
    const others: Asked[] = [
      { more: { temperature: 0.5 } }, { more: { stream: true } }, { more: { model: 'claude' } }, { path: paths.messages }, { path: paths.messages, headers: { 'anthropic-beta': 'x' } },
      { more: { cache: { namespace: 'other' } } }, { more: { tags: ['mine'] } }, { headers: { 'x-litellm-tags': 'other' } },
    ];
    for (const asked of others) expect((await ask(content, asked)).again, JSON.stringify(asked)).toBe(false);
    expect((await ask(content, { more: { cache: { namespace: 'other' } } })).again).toBe(true);
  });

  it('does as a call says, and no provider hears of it', async () => {
    const content = fresh();
    await ask(content, { more: { cache: { 'no-store': true } } });
    expect((await ask(content)).again).toBe(false);
    const renewed = await ask(content, { more: { cache: { 'no-cache': true } } });
    expect(renewed.again).toBe(false);
    expect((await ask(content)).text).toBe(renewed.text);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect((await ask(content, { more: { cache: { 's-maxage': 1 } } })).again).toBe(false);
    expect((await ask(content, { more: { cache: { 's-maxage': 100 } } })).again).toBe(true);
    const short = fresh();
    await ask(short, { more: { cache: { ttl: 1.5 } } });
    expect((await ask(short)).again).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 1_550));
    expect((await ask(short)).again).toBe(false);
    expect(chat.requests.some(({ raw }) => raw.includes('"cache"'))).toBe(false);
    expect((await ask(content, { more: { cache: { ttl: 'long' } } })).status).toBe(400);
    await ask(content, { on: 'without', more: { cache: { 'no-cache': true } } });
    expect(chat.requests.at(-1)!.raw).not.toContain('"cache"');
  });

  it('keeps no error, nothing cut, nothing very large and nothing that was left early', async () => {
    for (const [script, more] of [[() => ({ status: 400, error: { error: { message: 'odd' } } }), {}], [() => ({ text: 'one two three four', cutAfter: 3 }), { stream: true }], [() => ({ status: 503, error: { error: { message: 'busy' } } }), { stream: true }]] as [UpstreamScript, object][]) {
      const content = fresh();
      chat.use(script);
      await ask(content, { more });
      chat.use(counting);
      const answer = await ask(content, { more });
      expect([answer.status, answer.again]).toEqual([200, false]);
    }
    const large = fresh();
    chat.use(() => ({ text: 'x'.repeat(2_200_000) }));
    for (let time = 0; time < 2; time++) expect((await ask(large)).again).toBe(false);
    const content = fresh();
    chat.use(() => ({ text: 'a long answer that is said slowly', paceMs: 40 }));
    const controller = new AbortController();
    const response = await fetch(gateways.alone!.url + paths.chat, { method: 'POST', signal: controller.signal, headers: { authorization: `Bearer ${masterKey}` }, body: JSON.stringify({ model: 'chat', max_tokens: 50, stream: true, messages: [{ role: 'user', content }] }) });
    await response.body!.getReader().read();
    controller.abort();
    chat.use(counting);
    expect((await ask(content, { more: { stream: true } })).again).toBe(false);
  });

  it('is shared by instances, and says at the start what is not as written', async () => {
    const content = fresh();
    const first = await ask(content, { on: 'one', more: { stream: true } });
    await expect.poll(async () => (await ask(content, { on: 'two', more: { stream: true } })).again).toBe(true);
    expect((await ask(content, { on: 'two', more: { stream: true } })).text).toBe(first.text);
    expect(await manage('/cache/delete', { keys: [first.headers.get('x-litellm-cache-key')] }, masterKey, 'two')).toBe(200);
    expect((await ask(content, { on: 'one', more: { stream: true } })).again).toBe(false);
    expect(gateways.one!.lines.filter((line) => line.includes('LITELLM_CONFIG'))).toEqual([
      expect.stringMatching(/cache_params\.type is "redis": answers are kept in what the gateway's instances share/), expect.stringContaining('cache_params.host has no effect here'), expect.stringContaining('cache_params.port has no effect here'),
    ]);
  });

  it('is only for calls that ask for it where the file says so, and for the calls it names', async () => {
    const content = fresh();
    await ask(content, { on: 'asked' });
    const answers = [await ask(content, { on: 'asked' }), await ask(content, { on: 'asked', more: { cache: { 'use-cache': true } } }), await ask(content, { on: 'asked', more: { cache: { 'use-cache': true } } })];
    expect(answers.map(({ again }) => again)).toEqual([false, false, true]);
    const other = fresh();
    for (let time = 0; time < 2; time++) expect((await ask(other, { on: 'asked', path: paths.responses, more: { cache: { 'use-cache': true } } })).again).toBe(false);
    expect(gateways.asked!.lines.join('\n')).toContain('names "atranscription", whose answers are not cached here');
  });

  it('answers a run only when it asks for it', async () => {
    const { token } = await gateways.alone!.resolve('somebody', 'chat');
    const content = fresh();
    for (let time = 0; time < 2; time++) expect((await ask(content, { key: token })).again).toBe(false);
    const wanted = { key: token, more: { cache: { 'use-cache': true } } };
    expect([(await ask(content, wanted)).again, (await ask(content, wanted)).again]).toEqual([false, true]);
  });

  it('is managed with the master key', async () => {
    const content = fresh();
    const { headers } = await ask(content);
    const key = headers.get('x-litellm-cache-key');
    expect(await manage('/cache/delete', { keys: [key] }, await makeKey())).toBe(403);
    expect(await manage('/cache/delete', { keys: ['*'] })).toBe(400);
    expect([await manage('/cache/delete', { keys: [key] }), (await ask(content)).again, (await ask(content)).again]).toEqual([200, false, true]);
    expect([await manage('/cache/flushall', {}), (await ask(content)).again]).toEqual([200, false]);
    expect([(await fetch(`${gateways.one!.url}/cache/ping`, { headers: { authorization: `Bearer ${masterKey}` } })).status, (await fetch(`${gateways.without!.url}/cache/ping`, { headers: { authorization: `Bearer ${masterKey}` } })).status]).toEqual([200, 503]);
  });
});
