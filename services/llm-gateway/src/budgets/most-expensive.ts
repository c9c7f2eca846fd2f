import type { UsageRow } from '../database/entities.ts';
import type { EndedCall } from '../usage/model-call.ts';
import { noUsage } from '../wire/token-usage.ts';

/** One place where a call may end up, as far as its price depends on it. */
export type PricedPlace = Pick<EndedCall, 'baseUrl' | 'officialPrices' | 'prices' | 'baseModel'> & { provider: string; model: string };

type Cost = number | null;
type CostOf = (call: EndedCall) => Cost | Promise<Cost>;
type Most = number | { unknown: string };

/** The most that a call of this size can cost at any of these places; the name of one whose price nobody knows. A promise only where a cost is one. */
export function mostExpensive(places: readonly PricedPlace[], input: number, output: number, costOf: CostOf): Most | Promise<Most> {
  const startedAt = Date.now();
  const costs: (Cost | Promise<Cost>)[] = [];
  for (const place of places) {
    const { provider, model, baseUrl, officialPrices, prices, baseModel } = place;
    // Writing to a cache costs more than reading anew; which of it happens is not known before.
    for (const kind of ['uncachedInput', 'cacheWrite5m', 'cacheWrite1h'] as const) {
      const row = { ...noUsage, output, provider, model, startedAt } as UsageRow;
      row[kind] = input;
      costs.push(costOf({ row, baseUrl, officialPrices, prices, baseModel }));
    }
  }
  const asked = costs.some((cost) => cost instanceof Promise);
  return asked ? Promise.all(costs.map(async (cost) => cost)).then((known) => largest(known, places)) : largest(costs as Cost[], places);
}

function largest(costs: readonly Cost[], places: readonly PricedPlace[]): Most {
  let most = 0;
  for (const [index, cost] of costs.entries()) {
    const { provider, model } = places[Math.floor(index / 3)]!;
    if (cost === null) return { unknown: `${provider}/${model}` };
    most = Math.max(most, cost);
  }
  return most;
}

/** How many answers it asks for. */
export function answersOf(body: Readonly<Record<string, unknown>>): number {
  return Math.max(1, ...[body.n, body.best_of].filter((count) => typeof count === 'number' && Number.isInteger(count)) as number[]);
}

