// Real: the openai and @anthropic-ai/sdk packages, the running product with its model gateway's process. Scripted: the providers behind it, each of another format than the package speaks.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startUpstream, type ScriptedUpstream, type UpstreamScript } from '../../services/llm-gateway/test/upstream.ts';
import { startProduct, type RunningProduct } from '../product.ts';

let product: RunningProduct;
let chat: ScriptedUpstream;
let messages: ScriptedUpstream;
let folder: string;
const schema = { type: 'object' as const, properties: { colour: { type: 'string' } }, required: ['colour'], additionalProperties: false };
const picture = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const cities = ['Zürich', '東京'];

/** Asks for the weather of two cities at once, tells what it was told; names the colour of a picture that it was really given. */
const script: UpstreamScript = ({ step, tools, results, raw }) => {
  if (tools.has('weather') && step === 0) return { reasoning: 'Two at once.', text: 'I ask.', toolCalls: cities.map((city) => ({ name: 'weather', arguments: { city } })), usage: { uncachedInput: 30, cacheRead: 70, output: 12 } };
  if (tools.has('weather')) return { text: `It is ${results.map((result) => result.text).join(' and ')}.`, usage: { uncachedInput: 5, output: 6 } };
  return { text: JSON.stringify({ colour: raw.includes(picture) ? 'red' : 'unseen' }) };
};

beforeAll(async () => {
  chat = await startUpstream({ format: 'openai-chat', key: 'sk-upstream-key', script });
  messages = await startUpstream({ format: 'anthropic-messages', key: 'sk-upstream-key', script });
  folder = mkdtempSync(join(tmpdir(), 'deskhand-packages-'));
  const file = join(folder, 'config.yaml');
  writeFileSync(file, `model_list:
  - {model_name: chat-model, litellm_params: {model: openai/gpt-test, api_base: "${chat.url}/v1", api_key: sk-upstream-key}}
  - {model_name: messages-model, litellm_params: {model: anthropic/claude-test, api_base: "${messages.url}", api_key: sk-upstream-key}}
`);
  product = await startProduct({ variables: { LITELLM_CONFIG: file, DESKHAND_ALLOWED_PRIVATE_HOSTS: `${chat.host},${messages.host}` } });
}, 120_000);

afterAll(async () => {
  await product?.stop();
  await Promise.all([chat?.close(), messages?.close()]);
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}, 60_000);

const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const weatherOf = (city: string): string => (city === 'Zürich' ? 'sunny' : 'raining');

describe('the openai package in front of a provider of messages', () => {
  const client = () => new OpenAI({ baseURL: `${product.llmUrl}/v1`, apiKey: product.llmKey, maxRetries: 0 });

  it('LLM-1: chat completions with streamed tools, run by the package itself', async () => {
    const asked: string[] = [];
    const runner = client().chat.completions.runTools({
      model: 'messages-model', stream: true, messages: [{ role: 'user', content: 'How is the weather?' }],
      tools: [{ type: 'function', function: { name: 'weather', description: 'Weather of a city', parameters, parse: JSON.parse, function: ({ city }: { city: string }) => (asked.push(city), weatherOf(city)) } }],
    });
    expect(await runner.finalContent()).toBe('It is sunny and raining.');
    expect(asked).toEqual(cities);
  }, 30_000);

  it('LLM-1: responses, streamed, with the reasoning and the calls sent back', async () => {
    const tools = [{ type: 'function' as const, name: 'weather', strict: false, parameters }];
    const first = await client().responses.stream({ model: 'messages-model', input: 'How is the weather?', tools }).finalResponse();
    const calls = first.output.filter((item) => item.type === 'function_call');
    expect(calls.map((call) => JSON.parse(call.arguments) as unknown)).toEqual(cities.map((city) => ({ city })));
    expect(first.usage).toMatchObject({ input_tokens: 100, input_tokens_details: { cached_tokens: 70 }, output_tokens: 12 });
    const said = first.output.map(({ parsed_arguments: _, ...item }: any) => item as OpenAI.Responses.ResponseInputItem);
    const second = await client().responses.create({ model: 'messages-model', tools, input: [{ role: 'user', content: 'How is the weather?' }, ...said, ...calls.map((call) => ({ type: 'function_call_output' as const, call_id: call.call_id, output: weatherOf((JSON.parse(call.arguments) as { city: string }).city) }))] });
    expect(second.output_text).toBe('It is sunny and raining.');
  }, 30_000);

  it('LLM-1: a picture and a structured answer', async () => {
    const parsed = await client().chat.completions.parse({
      model: 'messages-model', response_format: { type: 'json_schema', json_schema: { name: 'seen', schema, strict: true } },
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Which colour?' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${picture}` } }] }],
    });
    expect(JSON.parse(parsed.choices[0]!.message.content!)).toEqual({ colour: 'red' });
    expect(messages.requests.at(-1)!.body.output_config).toEqual({ format: { type: 'json_schema', schema } });
  }, 30_000);
});

describe('the @anthropic-ai/sdk package in front of a provider of chat completions', () => {
  const client = () => new Anthropic({ baseURL: product.llmUrl, authToken: product.llmKey, apiKey: null, maxRetries: 0 });

  it('LLM-1: streamed thinking and tools, results with a picture', async () => {
    const tools: Anthropic.Tool[] = [{ name: 'weather', input_schema: { ...parameters, type: 'object' } }];
    const question: Anthropic.MessageParam = { role: 'user', content: 'How is the weather?' };
    const stream = client().messages.stream({ model: 'chat-model', max_tokens: 500, tools, messages: [question] });
    const inputs: unknown[] = [];
    stream.on('contentBlock', (block) => { if (block.type === 'tool_use') inputs.push(block.input); });
    const first = await stream.finalMessage();
    expect(inputs).toEqual(cities.map((city) => ({ city })));
    expect(first).toMatchObject({ stop_reason: 'tool_use', content: [{ type: 'thinking', thinking: 'Two at once.' }, { type: 'text', text: 'I ask.' }, { type: 'tool_use' }, { type: 'tool_use' }], usage: { input_tokens: 30, cache_read_input_tokens: 70, output_tokens: 12 } });
    const results = first.content.flatMap((block): Anthropic.ToolResultBlockParam[] => (block.type === 'tool_use' ? [{ type: 'tool_result', tool_use_id: block.id, content: [{ type: 'text', text: weatherOf((block.input as { city: string }).city) }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: picture } }] }] : []));
    const second = await client().messages.stream({ model: 'chat-model', max_tokens: 500, tools, messages: [question, { role: 'assistant', content: first.content }, { role: 'user', content: results }] }).finalText();
    expect(second).toBe('It is sunny and raining.');
    expect(chat.requests.at(-1)!.raw.split(picture).length - 1).toBe(2);
  }, 30_000);

  it('LLM-1: a picture and a structured answer; tokens are counted', async () => {
    const ask: Anthropic.MessageParam[] = [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: picture } }, { type: 'text', text: 'Which colour?' }] }];
    const answer = await client().messages.create({ model: 'chat-model', max_tokens: 100, output_config: { format: { type: 'json_schema', schema } }, messages: ask });
    expect(answer.content).toMatchObject([{ type: 'text', text: '{"colour":"red"}' }]);
    expect(chat.requests.at(-1)!.body.response_format).toMatchObject({ type: 'json_schema', json_schema: { strict: true, schema } });
    expect((await client().messages.countTokens({ model: 'chat-model', messages: ask })).input_tokens).toBeGreaterThan(100);
  }, 30_000);
});
