import type { TokenUsage } from '../../token-usage.ts';
import type { Fields } from '../fields.ts';

/** Usage as Anthropic states it: `input_tokens` without what caches gave or took. */
export function writeAnthropicUsage(usage: TokenUsage): Fields {
  return {
    input_tokens: usage.uncachedInput,
    cache_creation_input_tokens: usage.cacheWrite5m + usage.cacheWrite1h,
    cache_read_input_tokens: usage.cacheRead,
    cache_creation: { ephemeral_5m_input_tokens: usage.cacheWrite5m, ephemeral_1h_input_tokens: usage.cacheWrite1h },
    output_tokens: usage.output,
    ...(usage.reasoning > 0 && { output_tokens_details: { thinking_tokens: usage.reasoning } }),
  };
}
