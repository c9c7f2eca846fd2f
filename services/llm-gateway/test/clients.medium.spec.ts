// Real: nats-server, SQLite, HTTP, the openai and @anthropic-ai/sdk packages. Scripted: the providers' answers.
import Anthropic from '@anthropic-ai/sdk';
import { llm } from '@deskhand/contracts';
import OpenAI, { AzureOpenAI } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { masterKey, prepareGround, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';
import { startUpstream, type ScriptedUpstream, type UpstreamScript } from './upstream.ts';

let ground: GatewayGround;
let gateway: RunningGateway;
let openaiUpstream: ScriptedUpstream;
let anthropicUpstream: ScriptedUpstream;
let mistralUpstream: ScriptedUpstream;
const user = 'user-1';

const script: UpstreamScript = (request) => {
  if (request.step === 0 && request.tools.has('read')) return { reasoning: 'I should look.', text: 'Let me look. ', toolCalls: [{ name: 'read', arguments: { path: '/workspace/a "b" \n.txt' } }, { name: 'read', arguments: { path: '/ü/🐧' } }], usage: { uncachedInput: 100, cacheRead: 40, output: 20 } };
  return { text: `You said: ${request.userText} ${request.results.map((result) => result.text).join('|')} 🐧 and an ümlaut`, usage: { uncachedInput: 11, cacheRead: 5, output: 7, reasoning: 3 } };
};

beforeAll(async () => {
  ground = await prepareGround();
  openaiUpstream = await startUpstream({ format: 'openai-chat', script, key: 'sk-upstream-openai-key' });
  anthropicUpstream = await startUpstream({ format: 'anthropic-messages', script, key: 'sk-upstream-anthropic-key' });
  mistralUpstream = await startUpstream({ format: 'openai-chat', mistral: true, script: () => ({ text: 'bonjour', usage: { uncachedInput: 8, output: 2 } }) });
  gateway = await runGateway(ground, { ALLOWED_PRIVATE_HOSTS: `${openaiUpstream.host},${anthropicUpstream.host},${mistralUpstream.host}` });
  await gateway.addProvider(user, 'openai', { key: 'sk-upstream-openai-key', endpoint: openaiUpstream.url, model: 'test-model' });
  await gateway.addProvider(user, 'anthropic', { key: 'sk-upstream-anthropic-key', endpoint: anthropicUpstream.url, model: 'claude-test' });
});

afterAll(async () => {
  await gateway?.close();
  await Promise.all([openaiUpstream?.close(), anthropicUpstream?.close(), mistralUpstream?.close()]);
  await ground?.close();
});

describe('the openai package through the gateway', () => {
  const client = async () => {
    const route = await gateway.resolve(user, 'openai/test-model');
    return { route, openai: new OpenAI({ baseURL: `${route.base_url}/v1`, apiKey: route.token, maxRetries: 0 }) };
  };
  const tools = [{ type: 'function' as const, function: { name: 'read', parameters: { type: 'object' } } }];

  it('gets a whole answer, the call is accounted for once and announced', async () => {
    const { route, openai } = await client();
    const { data: answer, response } = await openai.chat.completions.create({ model: route.model, messages: [{ role: 'user', content: 'hello' }] }).withResponse();
    expect(answer.choices[0]?.message.content).toBe('You said: hello  🐧 and an ümlaut');
    expect(answer.usage).toMatchObject({ prompt_tokens: 16, completion_tokens: 7 });
    const row = await gateway.rowOf(response.headers);
    expect(row).toMatchObject({ runId: route.run_id, status: 'completed', provider: 'openai', model: 'test-model', userId: user, conversationId: route.conversation_id, uncachedInput: 11, cacheRead: 5, output: 7, reasoning: 3, estimated: false, cost: null, stream: false });
    await expect.poll(() => gateway.events.filter((event) => event.run_id === route.run_id)).toEqual([
      { call_id: row.id, user_id: user, conversation_id: route.conversation_id, run_id: route.run_id, model: 'openai/test-model', input_tokens: 16, output_tokens: 7, cached_tokens: 5, reasoning_tokens: 3, cost: null },
    ]);
  });

  it('streams text and parallel tool calls; usage is asked for upstream and not shown to a client that did not ask', async () => {
    const { route, openai } = await client();
    const stream = await openai.chat.completions.create({ model: route.model, stream: true, tools, messages: [{ role: 'user', content: 'hello' }] });
    let text = '';
    const calls: { name: string; arguments: string }[] = [];
    for await (const chunk of stream) {
      expect(chunk.choices.length).toBe(1);
      text += chunk.choices[0]?.delta.content ?? '';
      for (const call of chunk.choices[0]?.delta.tool_calls ?? []) {
        const known = (calls[call.index] ??= { name: '', arguments: '' });
        known.name += call.function?.name ?? '';
        known.arguments += call.function?.arguments ?? '';
      }
    }
    expect(text).toBe('Let me look. ');
    expect(calls.map((call) => JSON.parse(call.arguments) as unknown)).toEqual([{ path: '/workspace/a "b" \n.txt' }, { path: '/ü/🐧' }]);
    expect(openaiUpstream.requests.at(-1)?.body.stream_options).toEqual({ include_usage: true });
    await expect.poll(async () => (await gateway.usage()).find((row) => row.runId === route.run_id)).toMatchObject({ status: 'completed', uncachedInput: 100, cacheRead: 40, output: 20, stream: true, estimated: false });
  });

  it('shows usage to a client that asked for it', async () => {
    const { route, openai } = await client();
    const stream = await openai.chat.completions.create({ model: route.model, stream: true, stream_options: { include_usage: true }, messages: [{ role: 'user', content: 'hello' }] });
    let last;
    for await (const chunk of stream) last = chunk;
    expect(last?.usage).toMatchObject({ prompt_tokens: 16, completion_tokens: 7, prompt_tokens_details: { cached_tokens: 5 } });
  });

  it('sends the body on byte for byte when nothing has to change', async () => {
    const { route } = await client();
    const raw = `{"model": "${route.model}",\n "messages":[{"role":"user","content":"\\u00fc bytes"}], "odd_field": 1.50e1, "model_params": {"a": [1,2]}}`;
    const response = await fetch(`${gateway.url}/chat/completions`, { method: 'POST', headers: { 'x-api-key': route.token, 'content-type': 'application/json' }, body: raw });
    expect(response.status).toBe(200);
    expect(openaiUpstream.requests.at(-1)?.raw).toBe(raw);
    expect(openaiUpstream.requests.at(-1)?.headers['x-api-key']).toBeUndefined();
  });

  it('names the model in the path as Azure\'s libraries do, whatever the body names', async () => {
    const { route } = await client();
    const azure = (deployment?: string) => new AzureOpenAI({ endpoint: gateway.url, apiKey: route.token, apiVersion: '2024-10-21', maxRetries: 0, deployment });
    const messages = [{ role: 'user' as const, content: 'hello' }];
    for (const answer of [await azure().chat.completions.create({ model: route.model, messages }), await azure(route.model).chat.completions.create({ model: 'not this one', messages })]) expect(answer.choices[0]?.message.content).toContain('You said: hello');
    expect(openaiUpstream.requests.at(-1)).toMatchObject({ model: route.model, raw: JSON.stringify({ model: route.model, messages }) });
    const text = await azure().completions.create({ model: route.model, prompt: 'hello' });
    expect(text.choices[0]?.text).toContain('You said: hello');
    const engine = await fetch(`${gateway.url}/engines/${route.model}/chat/completions`, { method: 'POST', headers: { 'api-key': route.token }, body: JSON.stringify({ messages }) });
    expect(engine.status).toBe(200);
    await expect(azure('another/model').chat.completions.create({ model: route.model, messages })).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });

  it('passes an upstream error on in status and body', async () => {
    const { route, openai } = await client();
    openaiUpstream.use(() => ({ status: 429, error: '{"error":{"message":"Slow down, please","type":"rate_limit","code":"x"}}', headers: { 'retry-after': '1', 'set-cookie': 'a=b' } }));
    const error = await openai.chat.completions.create({ model: route.model, messages: [{ role: 'user', content: 'hello' }] }).catch((caught: unknown) => caught);
    openaiUpstream.use(script);
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect((error as InstanceType<typeof OpenAI.RateLimitError>).headers?.get('retry-after')).toBe('1');
    expect((error as InstanceType<typeof OpenAI.RateLimitError>).headers?.get('set-cookie')).toBeNull();
    expect((error as Error).message).toContain('Slow down, please');
    await expect.poll(async () => (await gateway.usage()).find((row) => row.runId === route.run_id)).toMatchObject({ status: 'refused', httpStatus: 429, output: 0, cost: 0 });
  });
});

describe('Mistral', () => {
  it('is not sent what it refuses, and its usage counts', async () => {
    await gateway.addProvider('user-m', 'mistral', { key: 'k', endpoint: mistralUpstream.url, model: 'm' });
    const route = await gateway.resolve('user-m', 'mistral/m');
    const openai = new OpenAI({ baseURL: route.base_url, apiKey: route.token, maxRetries: 0 });
    let text = '';
    for await (const chunk of await openai.chat.completions.create({ model: 'm', stream: true, stream_options: { include_usage: true }, max_completion_tokens: 9, messages: [{ role: 'user', content: 'x' }] })) text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe('bonjour');
    await expect.poll(async () => (await gateway.usage()).find((row) => row.runId === route.run_id)).toMatchObject({ provider: 'mistral', status: 'completed', uncachedInput: 8, output: 2, estimated: false });
  });
});

describe('the @anthropic-ai/sdk package through the gateway', () => {
  const client = async () => {
    const route = await gateway.resolve(user, 'claude-test', 'anthropic');
    return { route, anthropic: new Anthropic({ baseURL: route.base_url, apiKey: route.token, maxRetries: 0 }) };
  };
  const tools = [{ name: 'read', input_schema: { type: 'object' as const } }];

  it('gets a whole answer', async () => {
    const { route, anthropic } = await client();
    expect(route).toMatchObject({ wire: 'anthropic-messages', model: 'claude-test', scripted: false });
    const answer = await anthropic.messages.create({ model: route.model, max_tokens: 100, messages: [{ role: 'user', content: 'hello' }] });
    expect(answer.content).toMatchObject([{ type: 'text', text: 'You said: hello  🐧 and an ümlaut' }]);
    await expect.poll(async () => (await gateway.usage()).find((row) => row.runId === route.run_id)).toMatchObject({ status: 'completed', wire: 'anthropic-messages', uncachedInput: 11, cacheRead: 5, output: 7 });
  });

  it('streams thinking, text and tools, then goes on with their results', async () => {
    const { route, anthropic } = await client();
    const first = await anthropic.messages.stream({ model: route.model, max_tokens: 100, tools, messages: [{ role: 'user', content: 'hello' }] }).finalMessage();
    expect(first.stop_reason).toBe('tool_use');
    expect(first.content.map((block) => block.type)).toEqual(['thinking', 'text', 'tool_use', 'tool_use']);
    const results = first.content.flatMap((block) => (block.type === 'tool_use' ? [{ type: 'tool_result' as const, tool_use_id: block.id, content: `read ${(block.input as { path: string }).path}` }] : []));
    const second = await anthropic.messages.stream({ model: route.model, max_tokens: 100, tools, messages: [{ role: 'user', content: 'hello' }, { role: 'assistant', content: first.content }, { role: 'user', content: results }] }).finalMessage();
    expect(second.content.at(-1)).toMatchObject({ type: 'text', text: 'You said: hello read /workspace/a "b" \n.txt|read /ü/🐧 🐧 and an ümlaut' });
    await expect.poll(async () => (await gateway.usage()).filter((row) => row.runId === route.run_id && row.status === 'completed')).toHaveLength(2);
  });

  it('forwards anthropic headers and answers errors in its format', async () => {
    const { route } = await client();
    const anthropic = new Anthropic({ baseURL: route.base_url, authToken: route.token, apiKey: null, maxRetries: 0 });
    await anthropic.messages.create({ model: route.model, max_tokens: 10, messages: [{ role: 'user', content: 'x' }] }, { headers: { 'anthropic-beta': 'thing-2026-01-01', 'x-other': 'no' } });
    expect(anthropicUpstream.requests.at(-1)?.headers).toMatchObject({ 'anthropic-beta': 'thing-2026-01-01', 'anthropic-version': expect.stringMatching(/^20\d\d-/) as string, 'x-api-key': 'sk-upstream-anthropic-key' });
    expect(anthropicUpstream.requests.at(-1)?.headers).not.toHaveProperty('x-other');
    expect(anthropicUpstream.requests.at(-1)?.headers).not.toHaveProperty('authorization');
    const error = await anthropic.messages.create({ model: 'another', max_tokens: 10, messages: [{ role: 'user', content: 'x' }] }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Anthropic.NotFoundError);
    expect((error as InstanceType<typeof Anthropic.NotFoundError>).error).toMatchObject({ type: 'error', error: { type: 'not_found_error' } });
  });
});

describe('what each caller may use', () => {
  const post = async (path: string, key: string, body: object) => {
    const response = await fetch(gateway.url + path, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: JSON.stringify(body) });
    return { status: response.status, body: (await response.json()) as { error: { message: string; code: string; type: string; param: string | null } } };
  };
  const messages = [{ role: 'user', content: 'hi' }];

  it('speaks the client\'s format whatever the provider\'s is, refusals too', async () => {
    const route = await gateway.resolve(user, 'openai/test-model');
    expect(await post('/v1/messages', route.token, { model: route.model, max_tokens: 5, messages })).toMatchObject({ status: 200, body: { type: 'message', content: [{ type: 'text', text: expect.stringContaining('You said: hi') as string }], stop_reason: 'end_turn', usage: { input_tokens: 11, cache_read_input_tokens: 5, output_tokens: 7 } } });
    const other = await gateway.resolve(user, 'claude-test', 'anthropic');
    expect(await post('/v1/chat/completions', other.token, { model: other.model, messages })).toMatchObject({ status: 200, body: { object: 'chat.completion', usage: { prompt_tokens: 16 } } });
    expect(await post('/v1/responses', other.token, { model: other.model, input: 'hi' })).toMatchObject({ status: 200, body: { object: 'response', status: 'completed', usage: { input_tokens: 16, input_tokens_details: { cached_tokens: 5 } } } });
    expect(await post('/v1/messages', route.token, { model: route.model, max_tokens: 5, messages: [] })).toMatchObject({ status: 400, body: { type: 'error', error: { type: 'invalid_request_error', message: 'messages: at least one message is required' } } });
  });

  it('LLM-1: counts tokens: by the provider where it can, else about as many as there are', async () => {
    const route = await gateway.resolve(user, 'openai/test-model');
    const long = [{ role: 'user', content: 'word '.repeat(1_000) }];
    const counted = (await post('/v1/messages/count_tokens', route.token, { model: route.model, messages: long })) as unknown as { status: number; body: { input_tokens: number } };
    expect(counted.status).toBe(200);
    expect(counted.body.input_tokens).toBeGreaterThan(900);
    expect(counted.body.input_tokens).toBeLessThan(1_600);
    const other = await gateway.resolve(user, 'claude-test', 'anthropic');
    // This provider has no such endpoint; its own words come through.
    expect(await post('/v1/messages/count_tokens', other.token, { model: other.model, messages: long })).toMatchObject({ status: 404, body: { error: { message: 'Unknown path /v1/messages/count_tokens' } } });
    expect((await gateway.usage()).filter((row) => row.runId === other.run_id)).toEqual([]);
  });

  it('LLM-3: a user\'s provider is asked again before the client has a byte, and once only about what only the client can change', async () => {
    const route = await gateway.resolve(user, 'openai/test-model');
    let tries = 0;
    openaiUpstream.use(() => (++tries < 3 ? { status: 503, error: { error: { message: 'busy', type: 'server_error' } } } : { text: 'third time' }));
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${route.token}` }, body: JSON.stringify({ model: route.model, messages }) });
    expect([answer.status, answer.headers.get('x-litellm-attempted-retries'), answer.headers.get('x-litellm-model-id')]).toEqual([200, '2', 'openai/test-model']);
    expect(await answer.json()).toMatchObject({ choices: [{ message: { content: 'third time' } }] });
    await expect.poll(async () => (await gateway.usage()).filter((row) => row.runId === route.run_id).map(({ provider, model, status }) => [provider, model, status])).toEqual([['openai', 'test-model', 'completed']]);
    openaiUpstream.use(() => ({ status: 422, error: { error: { message: 'tools[0] is odd' } } }));
    const asked = openaiUpstream.requests.length;
    expect(await post('/v1/chat/completions', route.token, { model: route.model, messages })).toMatchObject({ status: 422, body: { error: { message: 'tools[0] is odd' } } });
    expect(openaiUpstream.requests).toHaveLength(asked + 1);
    openaiUpstream.use(script);
  });

  it('binds a run token to its model', async () => {
    const route = await gateway.resolve(user, 'openai/test-model');
    expect(await post('/v1/chat/completions', route.token, { model: 'gpt-4o', messages })).toMatchObject({ status: 404, body: { error: { code: 'model_not_found', param: 'model' } } });
    const models = await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${route.token}` } });
    expect(await models.json()).toMatchObject({ object: 'list', data: [{ id: 'openai/test-model' }] });
  });

  it('gives the master key the built-in models, not a user\'s providers', async () => {
    const list = (await (await fetch(`${gateway.url}/models`, { headers: { authorization: `Bearer ${masterKey}` } })).json()) as { data: { id: string }[] };
    expect(list.data.map((model) => model.id)).toEqual(['scripted/demo', 'mock/echo', 'mock/static']);
    expect(await post('/v1/chat/completions', masterKey, { model: 'openai/test-model', messages })).toMatchObject({ status: 404 });
    const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: masterKey });
    expect((await openai.chat.completions.create({ model: 'mock/echo', messages: [{ role: 'user', content: 'echo me' }] })).choices[0]?.message.content).toBe('echo me');
    await expect.poll(async () => (await gateway.usage()).find((row) => row.model === 'echo')).toMatchObject({ userId: null, runId: null, provider: 'mock', cost: 0 });
  });

  it('lists models and resolves every form of a name', async () => {
    const list = await gateway.gateway.request(llm.models, { user_id: user });
    expect(list.models.map((model) => model.id).slice(0, 5)).toEqual(['scripted/demo', 'mock/echo', 'mock/static', 'openai/test-model', 'anthropic/claude-test']);
    expect(list.default_model).toBe('openai/test-model');
    await gateway.addProvider(user, 'anthropic', { isDefault: true });
    expect((await gateway.gateway.request(llm.models, { user_id: user })).default_model).toBe('anthropic/claude-test');
    expect(await gateway.resolve(user, null)).toMatchObject({ model: 'claude-test' });
    await gateway.addProvider(user, 'openai', { isDefault: true });
    expect(await gateway.resolve(user, null)).toMatchObject({ model: 'test-model', label: 'OpenAI: test-model' });
    expect(await gateway.resolve(user, 'other', 'openai')).toMatchObject({ model: 'other', wire: 'openai-chat' });
    expect(await gateway.resolve('nobody', null)).toMatchObject({ model: 'scripted/demo', scripted: true });
    await expect(gateway.resolve('nobody', 'openai/gpt-5.5')).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('Settings') as string });
  });
});
