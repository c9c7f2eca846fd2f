// Real: nats-server, SQLite, HTTP, the openai and @anthropic-ai/sdk packages, LiteLLM's configuration file. Scripted: the providers' answers.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { masterKey, prepareGround, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';
import { startUpstream, type ScriptedUpstream, type UpstreamScript } from './upstream.ts';

let ground: GatewayGround;
let gateway: RunningGateway;
let one: ScriptedUpstream;
let two: ScriptedUpstream;
let claude: ScriptedUpstream;
const folder = mkdtempSync(join(tmpdir(), 'deskhand-config-'));
const places = ['', '-busy', '-broken', '-small', '-full', '-cut', '-keys', '-left'] as const;
const says = (text: string): UpstreamScript => () => ({ text, usage: { uncachedInput: 1_000, cacheRead: 0, output: 100 } });

beforeAll(async () => {
  ground = await prepareGround();
  [one, two, claude] = await Promise.all([startUpstream({ format: 'openai-chat', script: says('one') }), startUpstream({ format: 'openai-chat', script: says('two') }), startUpstream({ format: 'anthropic-messages', script: says('claude') })]);
  const file = join(folder, 'config.yaml');
  const entry = (name: string, model: string, base: string, more = ''): string => `  - model_name: ${name}\n    litellm_params: { model: ${model}, api_base: "${base}", api_key: sk-configured-key-of-tests${more} }\n`;
  // What is cooled in a test stays so: each has groups of its own.
  const groups = (of: string): string => [
    entry(`pair${of}`, 'openai/first', `${one.url}/v1`, ', order: 1, input_cost_per_token: 0.000002, output_cost_per_token: 0.00001'), entry(`pair${of}`, 'openai/second', `${two.url}/v1`, ', order: 2'),
    entry(`alone${of}`, 'openai/alone', `${one.url}/v1`), entry(`spare${of}`, 'anthropic/claude-spare', claude.url),
  ].join('');
  const fallbacks = (from: string): string => places.map((of) => `{ ${from}${of}: [spare${of}] }`).join(', ');
  const tiers = [entry('tiers', 'openai/free', `${one.url}/v1`, ', tags: [free]'), entry('tiers', 'openai/usual', `${two.url}/v1`, ', tags: [default]'), entry('tiers', 'anthropic/paid', claude.url, ', tags: [paid]'), entry('vip', 'anthropic/vip', claude.url, ', tags: [paid]')].join('');
  writeFileSync(file, `model_list:\n${places.map(groups).join('')}${tiers}
router_settings:
  enable_tag_filtering: true
  num_retries: 1
  allowed_fails: 0
  cooldown_time: 60
  fallbacks: [${fallbacks('alone')}]
  context_window_fallbacks: [${fallbacks('pair')}]
  model_group_alias: { nickname: pair }
`);
  gateway = await runGateway(ground, { LITELLM_CONFIG: file, ALLOWED_PRIVATE_HOSTS: [one, two, claude].map(({ host }) => host).join(','), FIRST_BYTE_TIMEOUT_MS: 5_000 });
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  await Promise.all([one, two, claude].map(async (upstream) => upstream?.close()));
  await ground?.close();
  rmSync(folder, { recursive: true, force: true });
});

afterEach(() => {
  one.use(says('one'));
  two.use(says('two'));
  claude.use(says('claude'));
  for (const upstream of [one, two, claude]) upstream.requests.length = 0;
});

const openai = () => new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: masterKey, maxRetries: 0 });
const ask = async (model: string) => {
  const { data, response } = await openai().chat.completions.create({ model, messages: [{ role: 'user', content: 'hi' }] }).withResponse();
  return { text: data.choices[0]!.message.content, headers: response.headers, header: (name: string) => response.headers.get(`x-litellm-${name}`) };
};
/** What was accounted for calls of a group, once there is something. */
const rowsOfGroup = async (group: string) => {
  const rows = async () => (await gateway.usage()).filter(({ modelGroup }) => modelGroup === group);
  await expect.poll(async () => (await rows()).length).toBeGreaterThan(0);
  return rows();
};
const stream = async (model: string) => {
  let text = '';
  for await (const chunk of await openai().chat.completions.create({ model, stream: true, messages: [{ role: 'user', content: 'hi' }] })) text += chunk.choices[0]?.delta.content ?? '';
  return text;
};

describe('models of a configuration file (LLM-2, LLM-3)', () => {
  it('are chosen by the tags of a call, of which no provider hears', async () => {
    const send = async (path: string, body: object, headers: Record<string, string> = {}) => {
      for (const upstream of [one, two, claude]) upstream.requests.length = 0;
      const answer = await fetch(`${gateway.url}${path}`, { method: 'POST', headers: { authorization: `Bearer ${masterKey}`, 'content-type': 'application/json', ...headers }, body: JSON.stringify({ model: 'tiers', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }], ...body }) });
      const seen = [one, two, claude].flatMap(({ requests }) => requests.map((request) => request.body));
      return { status: answer.status, text: await answer.text(), seen };
    };
    const free = await send('/v1/chat/completions', { tags: ['free'], fallbacks: ['spare'], num_retries: 1, litellm_metadata: { trace: 'x' } });
    expect([free.status, free.text, free.seen.length]).toEqual([200, expect.stringContaining('one'), 1]);
    expect(free.seen[0]).toMatchObject({ model: 'free' });
    for (const name of ['tags', 'fallbacks', 'num_retries', 'litellm_metadata', 'metadata']) expect(free.seen[0]).not.toHaveProperty(name);
    const paid = await send('/v1/messages', { metadata: { tags: ['paid'], user_id: 'u' } });
    expect([paid.status, paid.seen]).toMatchObject([200, [{ model: 'paid', metadata: { user_id: 'u' } }]]);
    expect(paid.seen[0]!.metadata).toEqual({ user_id: 'u' });
    expect((await send('/v1/chat/completions', {}, { 'x-litellm-tags': 'x, free' })).seen).toMatchObject([{ model: 'free' }]);
    expect((await send('/v1/chat/completions', {})).seen).toMatchObject([{ model: 'usual' }]);
    const nobody = await send('/v1/chat/completions', { model: 'vip', tags: ['free'] });
    expect([nobody.status, nobody.text, nobody.seen]).toEqual([400, expect.stringContaining('No deployment of vip is for the tags free.'), []]);
  });

  it('are listed, asked by name and alias, and accounted for by their own prices', async () => {
    const { data } = await openai().models.list();
    expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining(['pair', 'alone', 'spare', 'nickname']));
    const answer = await ask('nickname');
    expect([answer.text, answer.header('model-group'), answer.header('attempted-retries'), answer.header('model-api-base')]).toEqual(['one', 'pair', '0', `${one.url}/v1`]);
    expect(one.requests[0]).toMatchObject({ model: 'first' });
    const row = await gateway.rowOf(answer.headers);
    expect(row).toMatchObject({ provider: 'openai', model: 'first', status: 'completed' });
    expect(row.cost).toBeCloseTo(1_000 * 0.000002 + 100 * 0.00001, 8);
  });

  it('go on with the next deployment when one is overloaded or gone, and the client never knows', async () => {
    one.use(() => ({ status: 503, error: { error: { message: 'busy', type: 'server_error' } } }));
    const answer = await ask('pair-busy');
    expect([answer.text, answer.header('attempted-retries')]).toEqual(['two', '1']);
    // Cooled: the next call does not even ask it.
    one.requests.length = 0;
    expect(await stream('pair-busy')).toBe('two');
    expect(one.requests).toHaveLength(0);
  });

  it('fall back to another group, in another format, streaming too', async () => {
    one.use(() => ({ status: 500, error: { error: { message: 'broken' } } }));
    expect(await stream('alone-broken')).toBe('claude');
    const answer = await ask('alone-broken');
    expect([answer.text, answer.header('attempted-fallbacks'), answer.header('model-group')]).toEqual(['claude', '1', 'spare-broken']);
    expect(one.requests).toHaveLength(4);
  });

  it('fall back by reason when the context window is too small', async () => {
    one.use(() => ({ status: 400, error: { error: { message: 'This model\'s maximum context length is 8192 tokens', code: 'context_length_exceeded' } } }));
    expect((await ask('pair-small')).text).toBe('claude');
    expect(two.requests).toHaveLength(0);
  });

  it('pass on what only the client can change, word for word, without another try', async () => {
    one.use(() => ({ status: 400, error: { error: { message: 'Invalid schema for function \'get_billing_info\'', type: 'invalid_request_error' } } }));
    for (let calls = 1; calls <= 2; calls++) {
      await expect(ask('pair')).rejects.toMatchObject({ status: 400, message: expect.stringContaining('get_billing_info') as string });
      // Nor is it cooled for what a client's tool is called.
      expect([one.requests.length, two.requests.length]).toEqual([calls, 0]);
    }
    await expect(ask('nothing-here')).rejects.toMatchObject({ status: 404 });
  });

  it('tell the last failure when nothing is left, and keep one row of it', async () => {
    for (const upstream of [one, claude]) upstream.use(() => ({ status: 529, error: { error: { message: 'overloaded', type: 'overloaded_error' } } }));
    await expect(ask('alone-full')).rejects.toMatchObject({ status: expect.toSatisfy((status: number) => status >= 500) as number });
    expect(await rowsOfGroup('alone-full')).toMatchObject([{ status: 'refused' }]);
  });

  it('13. never try again, and never fall back, once the client has a byte', async () => {
    one.use(() => ({ text: 'one two three four five six', cutAfter: 4 }));
    await expect(stream('pair-cut')).rejects.toThrow();
    expect(two.requests).toHaveLength(0);
    await expect(stream('alone-cut')).rejects.toThrow();
    expect(claude.requests).toHaveLength(0);
    expect(one.requests).toHaveLength(2);
  });

  it('serve clients of the other format', async () => {
    const client = new Anthropic({ baseURL: gateway.url, apiKey: masterKey, maxRetries: 0 });
    const answer = await client.messages.create({ model: 'pair', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] });
    expect(answer.content).toMatchObject([{ type: 'text', text: 'one' }]);
  });

  it('can be chosen by a run', async () => {
    const route = await gateway.resolve('somebody', 'pair');
    expect(route).toMatchObject({ wire: 'openai-chat', model: 'pair' });
    const client = new OpenAI({ baseURL: `${route.base_url}/v1`, apiKey: route.token, maxRetries: 0 });
    expect((await client.chat.completions.create({ model: route.model, messages: [{ role: 'user', content: 'hi' }] })).choices[0]!.message.content).toBe('one');
    await expect(client.chat.completions.create({ model: 'spare', messages: [{ role: 'user', content: 'hi' }] })).rejects.toMatchObject({ status: 404 });
  });

  it('SECURITY 13: their keys are in no answer and no log', async () => {
    one.use(() => ({ status: 401, error: { error: { message: 'Incorrect API key provided: sk-configured-key-of-tests' } } }));
    two.use(() => ({ status: 401, error: { error: { message: 'Incorrect API key provided: sk-configured-key-of-tests' } } }));
    const failure = await ask('pair-keys').catch((error: unknown) => error as Error);
    expect(JSON.stringify(failure)).not.toContain('sk-configured-key-of-tests');
    expect(String(failure)).not.toContain('sk-configured-key-of-tests');
    expect(gateway.lines.join('\n')).not.toContain('sk-configured-key-of-tests');
  });

  it('a client that leaves between two attempts ends the call', async () => {
    for (const upstream of [one]) upstream.use(() => ({ status: 429, headers: { 'retry-after': '3' }, error: { error: { message: 'slow down' } } }));
    const controller = new AbortController();
    const asked = fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', signal: controller.signal, headers: { authorization: `Bearer ${masterKey}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'alone-left', messages: [{ role: 'user', content: 'hi' }] }) });
    await expect.poll(() => one.requests.length).toBe(1);
    controller.abort();
    await expect(asked).rejects.toThrow();
    expect(await rowsOfGroup('alone-left')).toMatchObject([{ status: 'cancelled' }]);
    expect(one.requests).toHaveLength(1);
  });
});

describe('what a file says of sizes, limits and parameters', () => {
  let checked: RunningGateway;
  beforeAll(async () => {
    const file = join(folder, 'checked.yaml');
    const place = (model: string, info = '') => `litellm_params: { <<: *place, model: ${model} }, model_info: { ${info} }`;
    writeFileSync(file, `place: &place { api_base: "${one.url}/v1", api_key: k }
model_list:
  - { model_name: small, ${place('openai/small', 'max_input_tokens: 20')} }
  - { model_name: pictured, ${place('openai/pictured', 'max_input_tokens: 2000')} }
  - { model_name: once, litellm_params: { <<: *place, model: openai/once, rpm: 1 } }
  - { model_name: reasons, ${place('openai/gpt-5.5')} }
router_settings: { enable_pre_call_checks: true }
litellm_settings: { drop_params: true }
general_settings: { always_include_stream_usage: true }
`);
    checked = await runGateway(ground, { LITELLM_CONFIG: file, ALLOWED_PRIVATE_HOSTS: one.host });
  }, 60_000);
  afterAll(async () => checked?.close());

  const send = async (path: string, body: object) => {
    const answer = await fetch(`${checked.url}${path}`, { method: 'POST', headers: { authorization: `Bearer ${masterKey}`, 'content-type': 'application/json' }, body: JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], ...body }) });
    return { status: answer.status, retryAfter: answer.headers.get('retry-after'), body: (await answer.json()) as Record<string, unknown> };
  };

  it('is said in the words that clients shorten a conversation for, where a call is too long', async () => {
    const long = [{ role: 'user', content: 'word '.repeat(100) }];
    expect(await send('/v1/messages', { model: 'small', max_tokens: 9, messages: long })).toMatchObject({ status: 400, retryAfter: null, body: { type: 'error', error: { type: 'invalid_request_error', message: expect.stringMatching(/^prompt is too long: \d+ tokens > 20 maximum/) as string } } });
    expect(await send('/v1/chat/completions', { model: 'small', messages: long })).toMatchObject({ status: 400, body: { error: { code: 'context_length_exceeded' } } });
    expect(one.requests).toHaveLength(0);
    const picture = { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(100_000)}` } };
    expect((await send('/v1/chat/completions', { model: 'pictured', messages: [{ role: 'user', content: [picture] }] })).status).toBe(200);
  });

  it('is waited for until the minute is over, where a limit is used up', async () => {
    let [left, refused] = [0, await send('/v1/chat/completions', { model: 'once' })];
    // A minute may end between two calls.
    for (let calls = 0; calls < 3 && refused.status === 200; calls++) {
      left = 60 - (Date.now() % 60_000) / 1_000;
      refused = await send('/v1/chat/completions', { model: 'once' });
    }
    expect(refused.status).toBe(429);
    expect(Number(refused.retryAfter)).toBeGreaterThan(left - 3);
    expect(Number(refused.retryAfter)).toBeLessThanOrEqual(Math.ceil(left));
  });

  it('is said of a stream\'s usage to clients that did not ask for it, unless they said no', async () => {
    const usageOf = async (more: object) => {
      const answer = await fetch(`${checked.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${masterKey}` }, body: JSON.stringify({ model: 'pictured', stream: true, messages: [{ role: 'user', content: 'hi' }], ...more }) });
      return /"usage":\{"prompt_tokens":1000,/.test(await answer.text());
    };
    expect([await usageOf({}), await usageOf({ stream_options: { include_usage: false } })]).toEqual([true, false]);
  });

  it('is left out, where a model is known to refuse it', async () => {
    expect((await send('/v1/chat/completions', { model: 'reasons', temperature: 0.2, max_tokens: 50, seed: 1 })).status).toBe(200);
    const [{ body } = { body: {} }] = one.requests;
    expect(body).toMatchObject({ model: 'gpt-5.5', max_completion_tokens: 50, seed: 1 });
    expect([Object.hasOwn(body, 'temperature'), Object.hasOwn(body, 'max_tokens')]).toEqual([false, false]);
  });
});

it('LLM-9: a file that cannot be followed stops the start, with the line and the name', async () => {
  const file = join(folder, 'bad.yaml');
  writeFileSync(file, 'model_list:\n  - model_name: a\n    litellm_params:\n      model: nobody/x\n');
  await expect(runGateway(ground, { LITELLM_CONFIG: file })).rejects.toThrow(/line 4: .*The provider "nobody"/);
  writeFileSync(file, 'model_list:\n  - model_name: a\n    litellm_params: { model: azure/x }\n');
  await expect(runGateway(ground, { LITELLM_CONFIG: file })).rejects.toThrow(/api_base is missing for the model "azure\/x"/);
});
