// Real: nats-server, SQLite, HTTP, the openai and @anthropic-ai/sdk packages, each in front of a provider that speaks another format than they do. Scripted: the providers' answers.
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { masterKey, prepareGround, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';
import { startUpstream, type ScriptedUpstream, type UpstreamScript } from './upstream.ts';

let ground: GatewayGround;
let gateway: RunningGateway;
let chatUpstream: ScriptedUpstream;
let messagesUpstream: ScriptedUpstream;
const user = 'user-1';
const usage = { uncachedInput: 100, cacheRead: 40, output: 20 };
const schema = { type: 'object', properties: { answer: { type: 'number' } }, required: ['answer'], additionalProperties: false };
const picture = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const script: UpstreamScript = (request) => {
  if (request.userText === 'refuse') return { status: 429, headers: { 'retry-after': '1' }, error: { error: { message: 'Slow down please', type: 'rate_limit_error' } } };
  if (request.userText === 'cut') return { text: 'one two three four five six', cutAfter: 6 };
  if (request.userText === 'number') return { text: '{"answer":42}', usage };
  if (request.step === 0 && request.tools.has('read')) return { reasoning: 'I should look.', text: 'Let me look. ', toolCalls: [{ name: 'read', arguments: { path: '/workspace/a "b" \n.txt' } }, { name: 'read', arguments: { path: '/ü/🐧' } }], usage };
  return { text: `You said: ${request.userText} ${request.results.map((result) => result.text).join('|')} 🐧`, usage: { uncachedInput: 11, cacheRead: 5, output: 7, reasoning: 3 } };
};

beforeAll(async () => {
  ground = await prepareGround();
  chatUpstream = await startUpstream({ format: 'openai-chat', script, key: 'sk-upstream-openai-key' });
  messagesUpstream = await startUpstream({ format: 'anthropic-messages', script, key: 'sk-upstream-anthropic-key' });
  gateway = await runGateway(ground, { ALLOWED_PRIVATE_HOSTS: `${chatUpstream.host},${messagesUpstream.host}` });
  await gateway.addProvider(user, 'openai', { key: 'sk-upstream-openai-key', endpoint: chatUpstream.url, model: 'gpt-test' });
  await gateway.addProvider(user, 'anthropic', { key: 'sk-upstream-anthropic-key', endpoint: messagesUpstream.url, model: 'claude-test' });
});

afterAll(async () => {
  await gateway?.close();
  await Promise.all([chatUpstream?.close(), messagesUpstream?.close()]);
  await ground?.close();
});

const calls = [{ path: '/workspace/a "b" \n.txt' }, { path: '/ü/🐧' }];

describe('the openai package in front of a provider of messages', () => {
  const client = async () => {
    const route = await gateway.resolve(user, 'anthropic/claude-test');
    return { route, model: route.model, openai: new OpenAI({ baseURL: `${route.base_url}/v1`, apiKey: route.token, maxRetries: 0 }) };
  };
  const tools = [{ type: 'function' as const, function: { name: 'read', parameters: { type: 'object', properties: { path: { type: 'string' } } } } }];

  it('LLM-1: streams chat completions with thinking, parallel calls and their results; the call is accounted for', async () => {
    const { route, model, openai } = await client();
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'hello' }];
    const runner = openai.chat.completions.stream({ model, tools, messages, stream_options: { include_usage: true } });
    const first = await runner.finalChatCompletion();
    const said = first.choices[0]!.message;
    expect(said.content).toBe('Let me look. ');
    expect(said.tool_calls?.map((call) => call.type === 'function' && (JSON.parse(call.function.arguments) as unknown))).toEqual(calls);
    expect(first.choices[0]!.finish_reason).toBe('tool_calls');
    expect(first.usage).toMatchObject({ prompt_tokens: 140, prompt_tokens_details: { cached_tokens: 40 }, completion_tokens: 20 });
    const { data: second, response, request_id: requestId } = await openai.chat.completions.create({ model, tools, messages: [...messages, said, ...said.tool_calls!.map((call, index) => ({ role: 'tool' as const, tool_call_id: call.id, content: `result ${index}` }))] }).withResponse();
    expect([requestId, requestId === response.headers.get('x-litellm-call-id')]).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), true]);
    expect(second.choices[0]!.message.content).toBe('You said: hello result 0|result 1 🐧');
    expect(messagesUpstream.requests.at(-1)!.body).toMatchObject({ system: [{ type: 'text', text: 'Be brief.' }], max_tokens: 32_000 });
    await gateway.rowOf(response.headers);
    const rows = (await gateway.usageRows(2)).filter((row) => row.runId === route.run_id);
    expect(rows.map(({ uncachedInput, cacheRead, output, wire, status }) => ({ uncachedInput, cacheRead, output, wire, status }))).toEqual([
      { uncachedInput: 100, cacheRead: 40, output: 20, wire: 'openai-chat', status: 'completed' }, { uncachedInput: 11, cacheRead: 5, output: 7, wire: 'openai-chat', status: 'completed' },
    ]);
  });

  it('LLM-1: completes a prompt in the older format, streaming too', async () => {
    const { route, model, openai } = await client();
    const whole = await openai.completions.create({ model, prompt: 'once', max_tokens: 50, stop: ['END'] });
    expect(whole).toMatchObject({ object: 'text_completion', id: expect.stringMatching(/^cmpl-/) as string, choices: [{ index: 0, text: 'You said: once  🐧', finish_reason: 'stop', logprobs: null }], usage: { prompt_tokens: 16, completion_tokens: 7, total_tokens: 23 } });
    expect(messagesUpstream.requests.at(-1)!.body).toMatchObject({ messages: [{ role: 'user', content: [{ type: 'text', text: 'once' }] }], max_tokens: 50, stop_sequences: ['END'] });
    let text = '';
    let usage: unknown = null;
    for await (const chunk of await openai.completions.create({ model, prompt: ['again'], stream: true, stream_options: { include_usage: true } })) {
      text += chunk.choices[0]?.text ?? '';
      usage = chunk.usage ?? usage;
    }
    expect([text, usage]).toMatchObject(['You said: again  🐧', { completion_tokens: 7 }]);
    for (const more of [{ prompt: ['a', 'b'] }, { prompt: [1, 2] }, { prompt: 'a', suffix: 'b' }, { prompt: 'a', n: 2 }, { prompt: 'a', echo: true }] as const) await expect(openai.completions.create({ model, ...more } as OpenAI.CompletionCreateParamsNonStreaming)).rejects.toMatchObject({ status: 400 });
    expect((await openai.completions.create({ model, prompt: 'refuse' }).catch((error: unknown) => error))).toMatchObject({ status: 429, message: expect.stringContaining('Slow down please') as string });
    await expect.poll(async () => (await gateway.usage()).filter(({ runId, wire, status }) => runId === route.run_id && wire === 'openai-completions' && status === 'completed').length).toBe(2);
    const builtIn = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: masterKey, maxRetries: 0 });
    expect((await builtIn.completions.create({ model: 'mock/echo', prompt: 'hello' })).choices[0]!.text).toBe('hello');
  });

  it('LLM-1: pictures and structured output', async () => {
    const { model, openai } = await client();
    const parsed = await openai.chat.completions.parse({
      model, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${picture}` } }, { type: 'text', text: 'number' }] }],
      response_format: { type: 'json_schema', json_schema: { name: 'number', schema, strict: true } },
    });
    expect(JSON.parse(parsed.choices[0]!.message.content!)).toEqual({ answer: 42 });
    const { body } = messagesUpstream.requests.at(-1)!;
    expect(body).toMatchObject({ output_config: { format: { type: 'json_schema', schema } }, messages: [{ content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: picture } }, { type: 'text', text: 'number' }] }] });
  });

  it('LLM-1: what a response said may be named in the next request instead of repeated, by its owner', async () => {
    const { model, openai } = await client();
    const tools = [{ type: 'function' as const, name: 'read', strict: false, parameters: { type: 'object' } }];
    for (const first of [await openai.responses.create({ model, tools, input: 'hello' }), await openai.responses.stream({ model, tools, input: 'hello' }).finalResponse()]) {
      const named = first.output.map((item): OpenAI.Responses.ResponseInputItem => (item.type === 'function_call' ? item : { type: 'item_reference', id: item.id! }));
      expect(named.map(({ type }) => type)).toEqual(['item_reference', 'item_reference', 'function_call', 'function_call']);
      const results = first.output.flatMap((item) => (item.type === 'function_call' ? [{ type: 'function_call_output' as const, call_id: item.call_id, output: 'done' }] : []));
      const input = [{ role: 'user' as const, content: 'hello' }, ...named, ...results];
      expect((await openai.responses.create({ model, tools, input })).output_text).toBe('You said: hello done|done 🐧');
      expect(messagesUpstream.requests.at(-1)!.body.messages).toMatchObject([{ role: 'user' }, { role: 'assistant', content: [{ type: 'text', text: 'Let me look. ' }, { type: 'tool_use' }, { type: 'tool_use' }] }, { role: 'user' }]);
      const other = await gateway.resolve('somebody-else', 'mock/echo');
      const theirs = new OpenAI({ baseURL: `${other.base_url}/v1`, apiKey: other.token, maxRetries: 0 });
      await expect(theirs.responses.create({ model: other.model, input })).rejects.toMatchObject({ status: 400, param: 'input.1.id' });
    }
    const echo = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: masterKey, maxRetries: 0 });
    const ask = async (id: string) => echo.responses.create({ model: 'mock/echo', input: [{ role: 'user', content: 'one' }, { type: 'item_reference', id }, { role: 'user', content: 'two' }] });
    const [kept, left] = [await echo.responses.create({ model: 'mock/echo', input: 'one' }), await echo.responses.create({ model: 'mock/echo', input: 'one', store: false })].map((response) => response.output[0]!.id!);
    expect((await ask(kept!)).output_text).toBe('two');
    await expect(ask(left!)).rejects.toMatchObject({ status: 400, message: expect.stringContaining('"store": false') as string });
  });

  it('LLM-1: streams responses with reasoning and calls, statelessly there and back', async () => {
    const { model, openai } = await client();
    const functions = [{ type: 'function' as const, name: 'read', strict: false, parameters: { type: 'object', properties: { path: { type: 'string' } } } }];
    const stream = openai.responses.stream({ model, tools: functions, input: 'hello', reasoning: { effort: 'high' }, store: false, include: ['reasoning.encrypted_content'] });
    const deltas: string[] = [];
    stream.on('response.output_text.delta', (event) => deltas.push(event.delta));
    const first = await stream.finalResponse();
    expect(deltas.join('')).toBe('Let me look. ');
    expect(first.output.map((item) => item.type)).toEqual(['reasoning', 'message', 'function_call', 'function_call']);
    const called = first.output.filter((item) => item.type === 'function_call');
    expect(called.map((call) => JSON.parse(call.arguments) as unknown)).toEqual(calls);
    expect(first.usage).toMatchObject({ input_tokens: 140, output_tokens: 20, total_tokens: 160, input_tokens_details: { cached_tokens: 40 } });
    // What the typed accumulator parsed beside the arguments is not part of the format.
    const items = first.output.map(({ parsed_arguments: _, ...item }: any) => item as OpenAI.Responses.ResponseInputItem);
    const second = await openai.responses.create({ model, tools: functions, input: [{ role: 'user', content: 'hello' }, ...items, ...called.map((call, index) => ({ type: 'function_call_output' as const, call_id: call.call_id, output: `result ${index}` }))] });
    expect(second.output_text).toBe('You said: hello result 0|result 1 🐧');
    expect(second.status).toBe('completed');
  });

  it('gets refusals and broken streams as its own errors', async () => {
    const { model, openai } = await client();
    const refused = await openai.chat.completions.create({ model, messages: [{ role: 'user', content: 'refuse' }] }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OpenAI.RateLimitError);
    expect(refused).toMatchObject({ status: 429, message: expect.stringContaining('Slow down please') as string });
    expect((refused as InstanceType<typeof OpenAI.RateLimitError>).headers?.get('retry-after')).toBe('1');
    const read = async (): Promise<void> => {
      for await (const _ of await openai.chat.completions.create({ model, stream: true, messages: [{ role: 'user', content: 'cut' }] }));
    };
    await expect(read()).rejects.toThrow(/closed the connection|too early/);
    const responses = await openai.responses.create({ model, stream: true, input: 'cut' });
    const types: string[] = [];
    for await (const event of responses) types.push(event.type);
    expect(types.at(-1)).toBe('response.failed');
    expect(types).not.toContain('response.completed');
  });
});

describe('the openai package\'s responses in front of a provider of chat completions', () => {
  it('LLM-1: streams, calls, and a structured answer', async () => {
    const route = await gateway.resolve(user, 'openai/gpt-test');
    const openai = new OpenAI({ baseURL: `${route.base_url}/v1`, apiKey: route.token, maxRetries: 0 });
    const first = await openai.responses.stream({ model: route.model, input: 'hello', tools: [{ type: 'function', name: 'read', strict: false, parameters: { type: 'object', properties: {} } }] }).finalResponse();
    expect(first.output.flatMap((item) => (item.type === 'function_call' ? [JSON.parse(item.arguments) as unknown] : []))).toEqual(calls);
    const parsed = await openai.responses.parse({ model: route.model, input: 'number', text: { format: { type: 'json_schema', name: 'number', schema, strict: true } } });
    expect(JSON.parse(parsed.output_text)).toEqual({ answer: 42 });
    expect(chatUpstream.requests.at(-1)!.body).toMatchObject({ response_format: { type: 'json_schema', json_schema: { name: 'number', schema, strict: true } } });
  });
});

describe('the @anthropic-ai/sdk package in front of a provider of chat completions', () => {
  const client = async () => {
    const route = await gateway.resolve(user, 'openai/gpt-test');
    return { model: route.model, anthropic: new Anthropic({ baseURL: route.base_url, authToken: route.token, apiKey: null, maxRetries: 0 }) };
  };
  const tools: Anthropic.Tool[] = [{ name: 'read', input_schema: { type: 'object', properties: { path: { type: 'string' } } } }];

  it('LLM-1: streams thinking, text and parallel calls, and takes results with pictures', async () => {
    const { model, anthropic } = await client();
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'hello' }];
    const stream = anthropic.messages.stream({ model, max_tokens: 100, tools, messages, system: 'Be brief.' });
    const heard: string[] = [];
    stream.on('text', (text) => heard.push(text));
    const first = await stream.finalMessage();
    expect(heard.join('')).toBe('Let me look. ');
    expect(first.content.map((block) => block.type)).toEqual(['thinking', 'text', 'tool_use', 'tool_use']);
    expect(first.content.flatMap((block) => (block.type === 'tool_use' ? [block.input] : []))).toEqual(calls);
    expect(first).toMatchObject({ stop_reason: 'tool_use', usage: { input_tokens: 100, cache_read_input_tokens: 40, output_tokens: 20 } });
    const results = first.content.flatMap((block, index): Anthropic.ToolResultBlockParam[] => (block.type === 'tool_use' ? [{ type: 'tool_result', tool_use_id: block.id, content: index === 2 ? [{ type: 'text', text: 'shot' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: picture } }] : 'second' }] : []));
    const second = await anthropic.messages.create({ model, max_tokens: 100, tools, messages: [...messages, { role: 'assistant', content: first.content }, { role: 'user', content: results }] });
    expect(second.content).toMatchObject([{ type: 'text' }]);
    const sent = chatUpstream.requests.at(-1)!.body.messages as { role: string; content: unknown }[];
    expect(sent.map((message) => message.role)).toEqual(['user', 'assistant', 'tool', 'tool', 'user']);
    expect(sent.at(-1)!.content).toMatchObject([{ type: 'text' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${picture}` } }]);
  });

  it('LLM-1: structured output', async () => {
    const { model, anthropic } = await client();
    const answer = await anthropic.messages.create({ model, max_tokens: 100, output_config: { format: { type: 'json_schema', schema } }, messages: [{ role: 'user', content: 'number' }] });
    expect(answer.content[0]).toMatchObject({ type: 'text', text: '{"answer":42}' });
    expect(chatUpstream.requests.at(-1)!.body).toMatchObject({ response_format: { type: 'json_schema', json_schema: { strict: true, schema } } });
  });

  it('gets refusals and broken streams as its own errors', async () => {
    const { model, anthropic } = await client();
    const refused = await anthropic.messages.create({ model, max_tokens: 5, messages: [{ role: 'user', content: 'refuse' }] }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Anthropic.RateLimitError);
    expect((refused as InstanceType<typeof Anthropic.RateLimitError>).error).toMatchObject({ type: 'error', error: { type: 'rate_limit_error', message: 'Slow down please' } });
    await expect(anthropic.messages.stream({ model, max_tokens: 5, messages: [{ role: 'user', content: 'cut' }] }).finalMessage()).rejects.toThrow(/closed the connection|too early/);
  });
});
