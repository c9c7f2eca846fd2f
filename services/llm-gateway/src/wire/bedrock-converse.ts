import { count, isRecord, type TokenUsage } from './token-usage.ts';
import type { Wire } from './wire-format.ts';

/** Where Bedrock's Converse states usage. Its input excludes what caches gave or took. */
export const bedrockConverse: Pick<Wire, 'answerUsage' | 'usageEvent'> = {
  answerUsage: (answer) => (isRecord(answer) ? readUsage(answer.usage) : null),

  usageEvent(data) {
    const usage = isRecord(data) ? readUsage(data.usage) : null;
    return { usage, final: usage !== null, onlyUsage: false };
  },
};

function readUsage(usage: unknown): TokenUsage | null {
  if (!isRecord(usage)) return null;
  const [input, output] = [count(usage.inputTokens), count(usage.outputTokens)];
  if (input === undefined && output === undefined) return null;
  return { uncachedInput: input ?? 0, cacheRead: count(usage.cacheReadInputTokens) ?? 0, cacheWrite5m: count(usage.cacheWriteInputTokens) ?? 0, cacheWrite1h: 0, output: output ?? 0, reasoning: 0 };
}
