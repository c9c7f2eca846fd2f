import { expect, it } from 'vitest';
import type { UsageRow } from '../database/entities.ts';
import { noUsage } from '../wire/token-usage.ts';
import { Metrics } from './metrics.ts';

const rowOf = (more: Partial<UsageRow>): UsageRow => ({ id: 'x', provider: 'openai', model: 'gpt-5.5', status: 'completed', ...noUsage, cost: 0.5, firstByteMs: 200, durationMs: 3_000, ...more } as UsageRow);

it('OPS-3: calls, tokens by kind, dollars and durations by model and outcome', () => {
  const metrics = new Metrics();
  metrics.begin();
  metrics.begin();
  metrics.end();
  metrics.stored([
    rowOf({ uncachedInput: 10, cacheRead: 20, cacheWrite5m: 3, cacheWrite1h: 4, output: 50, reasoning: 30 }), rowOf({ uncachedInput: 1, output: 1, cost: 0.25 }), rowOf({ status: 'failed', cost: 0, firstByteMs: null, durationMs: 90_000 }),
    rowOf({ model: 'a"b\nc', cost: null, output: 5 }),
  ]);
  const lines = metrics.render().split('\n');
  const model = 'provider="openai",model="gpt-5.5"';
  for (const line of [
    `deskhand_llm_calls_total{${model},status="completed"} 2`, `deskhand_llm_calls_total{${model},status="failed"} 1`, `deskhand_llm_tokens_total{${model},kind="input"} 11`, `deskhand_llm_tokens_total{${model},kind="cache_read"} 20`,
    `deskhand_llm_tokens_total{${model},kind="cache_write"} 7`, `deskhand_llm_tokens_total{${model},kind="output"} 51`, `deskhand_llm_reasoning_tokens_total{${model}} 30`, `deskhand_llm_cost_dollars_total{${model}} 0.75`,
    'deskhand_llm_unpriced_calls_total{provider="openai",model="a\\"b\\nc"} 1', 'deskhand_llm_calls_running 1', `deskhand_llm_call_seconds_bucket{${model},le="2.5"} 0`, `deskhand_llm_call_seconds_bucket{${model},le="5"} 2`,
    `deskhand_llm_call_seconds_bucket{${model},le="+Inf"} 3`, `deskhand_llm_call_seconds_sum{${model}} 96`, `deskhand_llm_first_byte_seconds_count{${model}} 2`,
  ]) expect(lines).toContain(line);
});

it('has no end of labels for callers to fill', () => {
  const metrics = new Metrics();
  metrics.stored(Array.from({ length: 500 }, (_, index) => rowOf({ model: `model-${index}` })));
  const calls = metrics.render().split('\n').filter((line) => line.startsWith('deskhand_llm_calls_total{'));
  expect(calls).toHaveLength(101);
  expect(calls.at(-1)).toBe('deskhand_llm_calls_total{provider="other",model="other",status="completed"} 400');
});
