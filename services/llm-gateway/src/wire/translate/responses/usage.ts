import { inputTokens, type TokenUsage } from '../../token-usage.ts';
import type { Fields } from '../fields.ts';

/** Usage as responses state it: `input_tokens` with what caches gave and took. */
export function writeResponsesUsage(usage: TokenUsage): Fields {
  const input = inputTokens(usage);
  return {
    input_tokens: input, input_tokens_details: { cached_tokens: usage.cacheRead, cache_write_tokens: usage.cacheWrite5m + usage.cacheWrite1h },
    output_tokens: usage.output, output_tokens_details: { reasoning_tokens: usage.reasoning }, total_tokens: input + usage.output,
  };
}
