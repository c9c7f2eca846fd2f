import { describe, expect, it } from 'vitest';
import { compatibleDialect, openaiDialect } from '../upstreams/model-dialects.ts';
import { chatChanges } from '../upstreams/openai-compatible.ts';
import { anthropicMessages } from './anthropic-messages.ts';
import { bodyWith } from './body-edit.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiResponses } from './openai-responses.ts';

describe('usage in one way of counting', () => {
  it('OpenAI: prompt tokens include cached ones, reasoning is a part of the output', () => {
    const usage = { prompt_tokens: 1_000, completion_tokens: 200, total_tokens: 1_200, prompt_tokens_details: { cached_tokens: 600 }, completion_tokens_details: { reasoning_tokens: 150 } };
    expect(openaiChat.answerUsage({ usage })).toEqual({ uncachedInput: 400, cacheRead: 600, cacheWrite5m: 0, cacheWrite1h: 0, output: 200, reasoning: 150 });
  });

  it('OpenAI format of others: reasoning that only the total shows, DeepSeek\'s cache field', () => {
    expect(openaiChat.answerUsage({ usage: { prompt_tokens: 10, completion_tokens: 20, total_tokens: 500 } })).toMatchObject({ uncachedInput: 10, output: 490, reasoning: 470 });
    expect(openaiChat.answerUsage({ usage: { prompt_tokens: 10, completion_tokens: 2, prompt_cache_hit_tokens: 8 } })).toMatchObject({ uncachedInput: 2, cacheRead: 8 });
    expect(openaiChat.answerUsage({ usage: { prompt_tokens: 10, completion_tokens: 2, cached_tokens: 8 } })).toMatchObject({ uncachedInput: 2, cacheRead: 8 });
    expect(openaiChat.answerUsage({ usage: { prompt_tokens: 10, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 5 }, cache_creation_input_tokens: 4 } })).toMatchObject({ uncachedInput: 1, cacheRead: 5, cacheWrite5m: 4 });
  });

  it('Anthropic: input tokens exclude the cache, writes by age', () => {
    const usage = { input_tokens: 50, cache_read_input_tokens: 900, cache_creation_input_tokens: 70, cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 40 }, output_tokens: 12 };
    expect(anthropicMessages.answerUsage({ usage })).toEqual({ uncachedInput: 50, cacheRead: 900, cacheWrite5m: 30, cacheWrite1h: 40, output: 12 });
    expect(anthropicMessages.answerUsage({ usage: { input_tokens: 1, output_tokens: 2, cache_creation_input_tokens: 5 } })).toEqual({ uncachedInput: 1, cacheWrite5m: 5, output: 2 });
  });

  it('Anthropic: a conversation that was shortened first is paid, too', () => {
    const iterations = [{ type: 'compaction', input_tokens: 180_000, output_tokens: 3_500, cache_read_input_tokens: 7 }, { type: 'message', input_tokens: 23_000, output_tokens: 1_000 }];
    expect(anthropicMessages.answerUsage({ usage: { input_tokens: 23_000, cache_read_input_tokens: 0, output_tokens: 1_000, iterations } })).toEqual({ uncachedInput: 203_000, cacheRead: 7, output: 4_500 });
    expect(anthropicMessages.usageEvent({ type: 'message_delta', usage: { output_tokens: 1_000, iterations } }).usage).toEqual({ output: 4_500 });
  });

  it('takes nothing from nonsense', () => {
    for (const answer of [null, 1, 'x', [], {}, { usage: null }, { usage: 'x' }, { usage: { prompt_tokens: '5', completion_tokens: -1 } }, { usage: { input_tokens: Number.NaN } }]) {
      expect(openaiChat.answerUsage(answer)).toBeNull();
      expect(anthropicMessages.answerUsage(answer)).toBeNull();
    }
  });
});

describe('a response that nobody waits for (LLM-5)', () => {
  it.each([true, 'true', 1, {}])('is refused, for nobody would hear what it cost: %j', (background) => {
    expect(() => openaiResponses.readRequest({ model: 'm', input: 'hi', background })).toThrow(expect.objectContaining({ kind: 'bad-request', param: 'background', code: 'not_supported' }));
  });

  it.each([false, null, undefined])('is not meant by %j', (background) => {
    expect(openaiResponses.readRequest({ model: 'm', input: 'hi', background })).toMatchObject({ model: 'm' });
  });
});

describe('a body for the provider', () => {
  const edited = (text: string, changes: Record<string, unknown>) => bodyWith(Buffer.from(text), JSON.parse(text) as Record<string, unknown>, changes).toString();

  it('stays the same bytes, gets one more field, or is written anew', () => {
    const text = '{ "model" : "a", "x": [1.0, {"}": "}"}] }  \n';
    expect(edited(text, {})).toBe(text);
    expect(edited(text, { stream_options: { include_usage: true } })).toBe('{ "model" : "a", "x": [1.0, {"}": "}"}] ,"stream_options":{"include_usage":true}}');
    expect(JSON.parse(edited(text, { model: 'b', stream_options: 1 }))).toEqual({ model: 'b', x: [1, { '}': '}' }], stream_options: 1 });
    expect(edited('{}', { model: 'b' })).toBe('{"model":"b"}');
    expect(edited('{"a":1,"b":2}', { a: undefined })).toBe('{"b":2}');
  });

  it('asks OpenAI-format providers for usage, keeping other stream options', () => {
    const body = { model: 'm', stream: true, messages: [], stream_options: { include_obfuscation: false } };
    const facts = openaiChat.readRequest(body);
    expect(facts).toEqual({ model: 'm', stream: true, wantsUsage: false });
    expect(JSON.parse(bodyWith(Buffer.from(JSON.stringify(body)), body, chatChanges(body, openaiDialect('m'))).toString())).toEqual({ ...body, stream_options: { include_obfuscation: false, include_usage: true } });
  });

  it('leaves out what Mistral refuses', () => {
    const body = { model: 'm', stream: true, messages: [], stream_options: { include_usage: true }, max_completion_tokens: 5 };
    expect(JSON.parse(bodyWith(Buffer.from(JSON.stringify(body)), body, chatChanges(body, compatibleDialect('mistral', 'm'))).toString())).toEqual({ model: 'm', stream: true, messages: [], max_tokens: 5 });
  });
});
