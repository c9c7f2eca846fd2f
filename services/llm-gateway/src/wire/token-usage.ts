/**
 * What a model call used, counted once whatever the provider's own way of counting: every input token is in exactly one of
 * the four input fields, and `reasoning` is a part of `output`.
 */
export interface TokenUsage {
  uncachedInput: number;
  cacheRead: number;
  /** Written to a cache that lasts five minutes, or the provider's default. */
  cacheWrite5m: number;
  cacheWrite1h: number;
  output: number;
  reasoning: number;
}

export const noUsage: Readonly<TokenUsage> = { uncachedInput: 0, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0, output: 0, reasoning: 0 };

/**
 * What is known of a call's usage with what was stated since. A later statement that no longer tells cache writes by their
 * age tells their sum, which is not to be added to what was known of the older ones.
 */
export function mergedUsage(known: TokenUsage | null, stated: Partial<TokenUsage>): TokenUsage {
  const merged = { ...noUsage, ...known, ...stated };
  if (known !== null && stated.cacheWrite5m !== undefined && stated.cacheWrite1h === undefined) merged.cacheWrite5m = Math.max(0, stated.cacheWrite5m - known.cacheWrite1h);
  return merged;
}

export const inputTokens = (usage: TokenUsage): number => usage.uncachedInput + usage.cacheRead + usage.cacheWrite5m + usage.cacheWrite1h;

/** A count from outside: whole and not negative, or absent. */
export function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.min(Math.round(value), 1e12) : undefined;
}

export const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
