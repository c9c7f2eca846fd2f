import { inputTokens, type TokenUsage } from '../../token-usage.ts';
import type { Fields } from '../fields.ts';

/** Usage as OpenAI states it: `prompt_tokens` with what caches gave and took. */
export function writeChatUsage(usage: TokenUsage): Fields {
  const prompt = inputTokens(usage);
  return {
    prompt_tokens: prompt, completion_tokens: usage.output, total_tokens: prompt + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cacheRead, cache_write_tokens: usage.cacheWrite5m + usage.cacheWrite1h }, completion_tokens_details: { reasoning_tokens: usage.reasoning },
  };
}
