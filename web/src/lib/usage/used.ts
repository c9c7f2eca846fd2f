import type { RunUsage } from '@deskhand/contracts';

export const noUsage: Readonly<RunUsage> = { calls: 0, input_tokens: 0, cached_tokens: 0, output_tokens: 0, reasoning_tokens: 0, cost: 0, unpriced_calls: 0 };

/** With one more call, as the event that tells of it states it. */
export function withCall(usage: RunUsage, call: { input_tokens: number; output_tokens: number; cached_tokens?: number | undefined; reasoning_tokens?: number | undefined; cost: number | null }): RunUsage {
  return {
    calls: usage.calls + 1, input_tokens: usage.input_tokens + call.input_tokens, cached_tokens: usage.cached_tokens + (call.cached_tokens ?? 0), output_tokens: usage.output_tokens + call.output_tokens,
    reasoning_tokens: usage.reasoning_tokens + (call.reasoning_tokens ?? 0), cost: usage.cost + (call.cost ?? 0), unpriced_calls: usage.unpriced_calls + (call.cost === null ? 1 : 0),
  };
}
