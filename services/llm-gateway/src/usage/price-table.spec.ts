import { describe, expect, it } from 'vitest';
import { noUsage, type TokenUsage } from '../wire/token-usage.ts';
import { PriceTable } from './price-table.ts';
import type { EndedCall } from './model-call.ts';

const table = new PriceTable();
const call = (provider: string, model: string, usage: Partial<TokenUsage>, more: Partial<EndedCall> = {}): EndedCall => ({
  baseUrl: 'https://api', officialPrices: true, ...more,
  row: {
    id: 'x', startedAt: Date.UTC(2026, 10, 1), userId: null, conversationId: null, runId: null, provider, model, wire: 'openai-chat', stream: true, status: 'completed', httpStatus: 200,
    ...noUsage, ...usage, estimated: false, cost: null, firstByteMs: null, durationMs: 1,
  } as EndedCall['row'],
});

describe('what calls cost', () => {
  it('cached tokens are counted once (GPT-5.5: 5 $ in, 0.5 $ cached, 30 $ out a million)', async () => {
    expect(await table.cost(call('openai', 'gpt-5.5', { uncachedInput: 800, cacheRead: 200, output: 10 }))).toBeCloseTo((800 * 5 + 200 * 0.5 + 10 * 30) / 1e6, 9);
  });

  it('cache writes by age (Claude Haiku 4.5: 1 $ in, 0.1 $ read, 1.25 $ and 2 $ written, 5 $ out)', async () => {
    const five = await table.cost(call('anthropic', 'claude-haiku-4-5', { uncachedInput: 1_000, cacheRead: 2_000, cacheWrite5m: 3_000, output: 100 }));
    expect(five).toBeCloseTo((1_000 + 2_000 * 0.1 + 3_000 * 1.25 + 100 * 5) / 1e6, 9);
    const hour = await table.cost(call('anthropic', 'claude-haiku-4-5', { uncachedInput: 1_000, cacheRead: 2_000, cacheWrite5m: 3_000, cacheWrite1h: 4_000, output: 100 }));
    expect(hour).toBeCloseTo((1_000 + 2_000 * 0.1 + 3_000 * 1.25 + 4_000 * 2 + 100 * 5) / 1e6, 9);
  });

  it('is what was configured, each kind of tokens by its own price', async () => {
    const usage = { uncachedInput: 1_000, cacheRead: 2_000, cacheWrite5m: 3_000, cacheWrite1h: 4_000, output: 100 };
    const cost = async (prices: EndedCall['prices']): Promise<number | null> => table.cost(call('anthropic', 'mine', usage, { prices }));
    expect(await cost({ input: 1, output: 5, cacheRead: 0.1, cacheWrite: 1.25, cacheWriteHour: 2 })).toBeCloseTo(1_000 + 200 + 3_750 + 8_000 + 500, 6);
    expect(await cost({ input: 1, output: 5, cacheRead: null, cacheWrite: 1.25, cacheWriteHour: null })).toBeCloseTo(1_000 + 2_000 + 3_750 + 5_000 + 500, 6);
  });

  it('is not known for a model or an address that nobody lists', async () => {
    expect(await table.cost(call('openai', 'my-model', { output: 5 }))).toBeNull();
    expect(await table.cost(call('openai', 'gpt-5.5', { output: 5 }, { officialPrices: false, baseUrl: 'http://127.0.0.1:8000/v1' }))).toBeNull();
  });

  it('is that of the name at an address that nobody lists, where an operator configured it and named no other', async () => {
    const open = { input: null, output: null, cacheRead: null, cacheWrite: null, cacheWriteHour: null };
    const through = { officialPrices: false, baseUrl: 'https://llm-proxy.example.com/v1', prices: open };
    expect(await table.cost(call('openai', 'gpt-5.5', { output: 5 }, through))).toBeCloseTo((5 * 30) / 1e6, 9);
    expect(await table.cost(call('openai', 'fast', { output: 5 }, { ...through, baseModel: 'gpt-5.5' }))).toBeCloseTo((5 * 30) / 1e6, 9);
    expect(await table.cost(call('openai', 'gpt-5.5', { output: 5 }, { ...through, prices: { ...open, output: 1 } }))).toBe(5);
    expect(await table.cost(call('openai', 'meta-llama/Llama-3.3-70B', { output: 5 }, through))).toBeNull();
    expect(await table.cost(call('hosted_vllm', 'gpt-5.5', { output: 5 }, through))).toBeNull();
    expect(await table.contextWindowAt('http://127.0.0.1:8000', 'anthropic', 'claude-haiku-4-5')).toBe(200_000);
  });

  it('is nothing for built-in models and for calls that used nothing', async () => {
    expect(await table.cost(call('scripted', 'demo', { output: 5 }, { baseUrl: null }))).toBe(0);
    expect(await table.cost(call('openai', 'my-model', {}))).toBe(0);
  });

  it('comes with context windows', async () => {
    expect(await table.contextWindow('anthropic', 'claude-haiku-4-5')).toBe(200_000);
    expect(await table.contextWindow('openai', 'nothing')).toBeNull();
    expect(await table.contextWindowAt('https://x.openai.azure.com', 'azure', 'azure/gpt-4o')).toBe(await table.contextWindowAt('https://x.openai.azure.com', 'azure', 'gpt-4o'));
    expect(await table.contextWindowAt('https://api.anthropic.com', 'anthropic', 'claude-haiku-4-5')).toBe(200_000);
  });
});
