import type { UsageRow } from '../database/entities.ts';
import type { EndedCall } from '../usage/model-call.ts';
import { noUsage } from '../wire/token-usage.ts';

/** One place where a call may end up, as far as its price depends on it. */
export type PricedPlace = Pick<EndedCall, 'baseUrl' | 'officialPrices' | 'prices'> & { provider: string; model: string };

type CostOf = (call: EndedCall) => Promise<number | null>;

/** The most that a call of this size can cost at any of these places; the name of one whose price nobody knows. */
export async function mostExpensive(places: readonly PricedPlace[], input: number, output: number, costOf: CostOf): Promise<number | { unknown: string }> {
  let most = 0;
  for (const { provider, model, ...place } of places) {
    // Writing to a cache costs more than reading anew; which of it happens is not known before.
    for (const usage of [{ uncachedInput: input }, { cacheWrite5m: input }, { cacheWrite1h: input }]) {
      const row = { ...noUsage, ...usage, output, provider, model, startedAt: Date.now() } as UsageRow;
      const cost = await costOf({ row, ...place });
      if (cost === null) return { unknown: `${provider}/${model}` };
      most = Math.max(most, cost);
    }
  }
  return most;
}

/** The output limit that a body states, in whichever format; null: none. */
export function statedOutput(body: Readonly<Record<string, unknown>>): number | null {
  const stated = [body.max_completion_tokens, body.max_output_tokens, body.max_tokens].find((value) => typeof value === 'number' && value > 0);
  return stated === undefined ? null : (stated as number);
}

/** How many answers it asks for. */
export function answersOf(body: Readonly<Record<string, unknown>>): number {
  return typeof body.n === 'number' && Number.isInteger(body.n) && body.n > 1 ? body.n : 1;
}

/** Tokens that a request of so many bytes can be at most: hardly any text has shorter ones than two bytes. */
export const mostInput = (requestBytes: number): number => Math.ceil(requestBytes / 2);
