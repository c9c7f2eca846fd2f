import { describe, expect, it } from 'vitest';
import type { UsageRow } from '../database/entities.ts';
import type { UpstreamFormat } from '../wire/formats.ts';
import { StreamSniffer } from '../wire/stream-sniffer.ts';
import { noUsage, type TokenUsage } from '../wire/token-usage.ts';
import { usageReaders } from '../wire/usage-readers.ts';
import { PriceTable } from './price-table.ts';

interface Vendor {
  format: UpstreamFormat;
  provider: string;
  model: string;
  /** Null: the vendor's own address, known by its name. */
  base: string | null;
  /** An answer as the vendor gives it, and the events in which it states the same. */
  answer: object;
  events: readonly object[];
  tokens: Partial<TokenUsage>;
  /** US dollars, computed by hand from the list price a million tokens. */
  dollars: number;
}

const chat = (provider: string, base: string | null, model: string, usage: object, tokens: Partial<TokenUsage>, dollars: number): Vendor => ({
  format: 'openai-chat', provider, base, model, tokens, dollars, answer: { choices: [{ message: { content: 'Hi' } }], usage }, events: [{ choices: [{ delta: { content: 'Hi' } }], usage: null }, { choices: [], usage }],
});
const messages = (provider: string, base: string | null, model: string, usage: Record<string, unknown>, tokens: Partial<TokenUsage>, dollars: number): Vendor => ({
  format: 'anthropic-messages', provider, base, model, tokens, dollars, answer: { content: [], usage },
  // The beginning knows the input; the end states the output up to there, and no longer tells writes by their age.
  events: [{ type: 'message_start', message: { usage: { ...usage, output_tokens: 1 } } }, { type: 'content_block_delta' }, { type: 'message_delta', delta: {}, usage: { ...usage, cache_creation: undefined } }],
});

const vendors: Readonly<Record<string, Vendor>> = {
  // 200 × 5 $ + 1,000 × 0.50 $ + 350 × 30 $
  'OpenAI chat, cached and reasoning': chat('openai', null, 'gpt-5.5', { prompt_tokens: 1_200, completion_tokens: 350, total_tokens: 1_550, prompt_tokens_details: { cached_tokens: 1_000 }, completion_tokens_details: { reasoning_tokens: 200 } },
    { uncachedInput: 200, cacheRead: 1_000, output: 350, reasoning: 200 }, 0.012),
  // Above 272,000 tokens all of it costs more: 200,000 × 10 $ + 100,000 × 1 $ + 1,000 × 45 $
  'OpenAI chat, a long context': chat('openai', null, 'gpt-5.5', { prompt_tokens: 300_000, completion_tokens: 1_000, total_tokens: 301_000, prompt_tokens_details: { cached_tokens: 100_000 } }, { uncachedInput: 200_000, cacheRead: 100_000, output: 1_000 }, 2.145),
  // 500 × 5 $ + 1,500 × 0.50 $ + 400 × 30 $
  'OpenAI responses, cached and reasoning': responses({ input_tokens: 2_000, input_tokens_details: { cached_tokens: 1_500 }, output_tokens: 400, output_tokens_details: { reasoning_tokens: 256 }, total_tokens: 2_400 }, { uncachedInput: 500, cacheRead: 1_500, output: 400, reasoning: 256 }, 0.01525),
  // 100 × 1 $ + 2,000 × 0.10 $ + 300 × 1.25 $ + 400 × 2 $ + 50 × 5 $
  'Anthropic, cache read and both ages of writes': messages('anthropic', null, 'claude-haiku-4-5',
    { input_tokens: 100, cache_read_input_tokens: 2_000, cache_creation_input_tokens: 700, cache_creation: { ephemeral_5m_input_tokens: 300, ephemeral_1h_input_tokens: 400 }, output_tokens: 50 },
    { uncachedInput: 100, cacheRead: 2_000, cacheWrite5m: 300, cacheWrite1h: 400, output: 50 }, 0.001725),
  // 600 × 1.25 $ + 400 × 0.125 $ + 350 × 10 $; the 250 tokens of thoughts are in the total only
  'Gemini, cached and thoughts': chat('gemini', 'https://generativelanguage.googleapis.com/v1beta/openai', 'gemini-2.5-pro', { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_350, prompt_tokens_details: { cached_tokens: 400 } },
    { uncachedInput: 600, cacheRead: 400, output: 350, reasoning: 250 }, 0.0043),
  // 600 × 1.50 $ + 200 × 0.15 $ + 60 × 7.50 $
  'Mistral, cached': chat('mistral', null, 'mistral-medium-latest', { prompt_tokens: 800, completion_tokens: 60, total_tokens: 860, prompt_tokens_details: { cached_tokens: 200 } }, { uncachedInput: 600, cacheRead: 200, output: 60 }, 0.00138),
  // 360 × 0.27 $ + 640 × 0.07 $ + 200 × 1.10 $
  'DeepSeek, cache hits': chat('deepseek', 'https://api.deepseek.com/v1', 'deepseek-chat', { prompt_tokens: 1_000, prompt_cache_hit_tokens: 640, prompt_cache_miss_tokens: 360, completion_tokens: 200, total_tokens: 1_200, completion_tokens_details: { reasoning_tokens: 150 } },
    { uncachedInput: 360, cacheRead: 640, output: 200, reasoning: 150 }, 0.000362),
  // 400 × 3 $ + 100 × 0.75 $ + 100 × 15 $; its completion tokens leave the reasoning out
  'xAI, cached and reasoning': chat('xai', 'https://api.x.ai/v1', 'grok-4', { prompt_tokens: 500, completion_tokens: 40, total_tokens: 600, prompt_tokens_details: { cached_tokens: 100 }, completion_tokens_details: { reasoning_tokens: 60 } },
    { uncachedInput: 400, cacheRead: 100, output: 100, reasoning: 60 }, 0.002775),
  // 100 × 4.40 $ + 1,000 × 0.22 $ + 200 × 5.50 $ + 100 × 8.80 $ + 50 × 22 $
  'Bedrock, Claude': messages('bedrock', 'https://bedrock-runtime.us-east-1.amazonaws.com', 'us.anthropic.claude-opus-5-5-v1:0',
    { input_tokens: 100, cache_read_input_tokens: 1_000, cache_creation_input_tokens: 300, cache_creation: { ephemeral_5m_input_tokens: 200, ephemeral_1h_input_tokens: 100 }, output_tokens: 50 },
    { uncachedInput: 100, cacheRead: 1_000, cacheWrite5m: 200, cacheWrite1h: 100, output: 50 }, 0.00374),
  // 700 × 0.80 $ + 300 × 0.20 $ + 90 × 3.20 $
  'Bedrock, Nova by Converse': {
    format: 'bedrock-converse', provider: 'bedrock', base: 'https://bedrock-runtime.us-east-1.amazonaws.com', model: 'amazon.nova-pro-v1:0', tokens: { uncachedInput: 700, cacheRead: 300, output: 90 }, dollars: 0.000908,
    answer: { usage: { inputTokens: 700, outputTokens: 90, totalTokens: 1_090, cacheReadInputTokens: 300, cacheWriteInputTokens: 0 } },
    events: [{ type: 'messageStart' }, { type: 'metadata', usage: { inputTokens: 700, outputTokens: 90, totalTokens: 1_090, cacheReadInputTokens: 300 } }],
  },
  // 100 × 4 $ + 500 × 0.20 $ + 200 × 5 $ + 300 × 8 $ + 10 × 20 $; the list has no price of an hour's writes there: it is twice the input's
  'Vertex, Claude': messages('vertex_ai', 'https://us-east5-aiplatform.googleapis.com', 'claude-opus-5-5',
    { input_tokens: 100, cache_read_input_tokens: 500, cache_creation_input_tokens: 500, cache_creation: { ephemeral_5m_input_tokens: 200, ephemeral_1h_input_tokens: 300 }, output_tokens: 10 },
    { uncachedInput: 100, cacheRead: 500, cacheWrite5m: 200, cacheWrite1h: 300, output: 10 }, 0.0041),
  // 1,000 × 1.25 $ + 100 × 10 $
  'Vertex, Gemini': chat('vertex_ai', 'https://us-east5-aiplatform.googleapis.com', 'google/gemini-2.5-pro', { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 }, { uncachedInput: 1_000, output: 100 }, 0.00225),
  // 200 × 5 $ + 1,000 × 0.50 $ + 350 × 30 $
  'Azure OpenAI': chat('azure', 'https://acme.openai.azure.com', 'gpt-5.5', { prompt_tokens: 1_200, completion_tokens: 350, total_tokens: 1_550, prompt_tokens_details: { cached_tokens: 1_000 } }, { uncachedInput: 200, cacheRead: 1_000, output: 350 }, 0.012),
  // 1,000 × 0.15 $ + 300 × 0.60 $
  Groq: chat('groq', 'https://api.groq.com/openai/v1', 'openai/gpt-oss-120b', { prompt_tokens: 1_000, completion_tokens: 300, total_tokens: 1_300, queue_time: 0.01, completion_tokens_details: { reasoning_tokens: 120 } }, { uncachedInput: 1_000, output: 300, reasoning: 120 }, 0.00033),
  'Groq, where it is stated in its own place': {
    format: 'openai-chat', provider: 'groq', base: 'https://api.groq.com/openai/v1', model: 'openai/gpt-oss-120b', tokens: { uncachedInput: 1_000, output: 300 }, dollars: 0.00033,
    answer: { usage: { prompt_tokens: 1_000, completion_tokens: 300, total_tokens: 1_300 } },
    events: [{ choices: [{ delta: {} }], x_groq: { id: 'r' } }, { choices: [{ delta: {}, finish_reason: 'stop' }], x_groq: { id: 'r', usage: { prompt_tokens: 1_000, completion_tokens: 300, total_tokens: 1_300 } } }],
  },
  // 1,000 × 0.38 $ + 100 × 0.89 $
  OpenRouter: chat('openrouter', 'https://openrouter.ai/api/v1', 'deepseek/deepseek-chat', { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 }, { uncachedInput: 1_000, output: 100 }, 0.000469),
  // 500 × 0.88 $ + 100 × 0.88 $
  Together: chat('together_ai', 'https://api.together.xyz/v1', 'meta-llama/Llama-3.3-70B-Instruct-Turbo', { prompt_tokens: 500, completion_tokens: 100, total_tokens: 600 }, { uncachedInput: 500, output: 100 }, 0.000528),
};

function responses(usage: object, tokens: Partial<TokenUsage>, dollars: number): Vendor {
  return {
    format: 'openai-responses', provider: 'openai', base: null, model: 'gpt-5.5', tokens, dollars, answer: { object: 'response', usage },
    events: [{ type: 'response.created', response: { usage: null } }, { type: 'response.output_text.delta', delta: 'Hi' }, { type: 'response.completed', response: { usage } }],
  };
}

const table = new PriceTable();
const costOf = async ({ provider, base, model }: Vendor, usage: TokenUsage): Promise<number | null> =>
  table.cost({ baseUrl: base ?? 'https://its.own', officialPrices: base === null, row: { ...noUsage, ...usage, provider, model, startedAt: Date.UTC(2026, 10, 1, 12) } as UsageRow });

describe.each(Object.entries(vendors))('LLM-6: %s', (_, vendor) => {
  it('counts every token of an answer once, and the money is right', async () => {
    const usage = { ...noUsage, ...usageReaders[vendor.format].answerUsage(vendor.answer) };
    expect(usage).toEqual({ ...noUsage, ...vendor.tokens });
    expect(await costOf(vendor, usage)).toBeCloseTo(vendor.dollars, 10);
  });

  it('and of a stream, wherever it is cut into chunks', async () => {
    const stream = Buffer.from(vendor.events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''));
    for (const size of [1, 7, 64, stream.length]) {
      const sniffer = new StreamSniffer(usageReaders[vendor.format], false);
      for (let at = 0; at < stream.length; at += size) sniffer.push(stream.subarray(at, at + size));
      sniffer.end();
      expect({ usage: sniffer.usage, final: sniffer.final }).toEqual({ usage: { ...noUsage, ...vendor.tokens }, final: true });
    }
    expect(await costOf(vendor, { ...noUsage, ...vendor.tokens })).toBeCloseTo(vendor.dollars, 10);
  });
});

it('LLM-6: a deployment whose name says nothing is priced as the model behind it', async () => {
  const row = { ...noUsage, uncachedInput: 1_000, output: 100, provider: 'azure', model: 'our-deployment', startedAt: Date.UTC(2026, 10, 1) } as UsageRow;
  const place = { baseUrl: 'https://acme.openai.azure.com', officialPrices: false, row };
  expect(await table.cost(place)).toBeNull();
  // 1,000 × 5 $ + 100 × 30 $
  for (const baseModel of ['gpt-5.5', 'azure/gpt-5.5']) expect(await table.cost({ ...place, baseModel })).toBeCloseTo(0.008, 10);
});
