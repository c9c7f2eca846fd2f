import type { UsageRow } from '../database/entities.ts';
import type { EndedCall } from '../usage/model-call.ts';

/** One place where a call may end up, as far as its price depends on it. */
export type PricedPlace = Pick<EndedCall, 'baseUrl' | 'officialPrices' | 'prices' | 'baseModel'> & { provider: string; model: string };

type Cost = number | null;
type CostOf = (call: EndedCall) => Cost | Promise<Cost>;
type Most = number | { unknown: string };

/** The most that a call of this size can cost at any of these places; the name of one whose price nobody knows. A promise only where a cost is one. */
export function mostExpensive(places: readonly PricedPlace[], input: number, output: number, costOf: CostOf): Most | Promise<Most> {
  const startedAt = Date.now();
  let most = 0 as Most | Promise<Most>;
  for (const place of places) {
    // Writing to a cache costs more than reading anew; which of it happens is not known before.
    for (const kind of kinds) {
      const { provider, model, baseUrl, officialPrices, prices, baseModel } = place;
      const of = (wanted: typeof kind): number => (kind === wanted ? input : 0);
      const row = { provider, model, startedAt, uncachedInput: of('uncachedInput'), cacheRead: 0, cacheWrite5m: of('cacheWrite5m'), cacheWrite1h: of('cacheWrite1h'), output, reasoning: 0 } as UsageRow;
      const cost = costOf({ row, baseUrl, officialPrices, prices, baseModel });
      most = most instanceof Promise || cost instanceof Promise ? laterOf(most, cost, place) : larger(most, cost, place);
    }
  }
  return most;
}

const kinds = ['uncachedInput', 'cacheWrite5m', 'cacheWrite1h'] as const;

async function laterOf(most: Most | Promise<Most>, cost: Cost | Promise<Cost>, place: PricedPlace): Promise<Most> {
  const [known, found] = await Promise.all([most, cost]);
  return larger(known, found, place);
}

function larger(most: Most, cost: Cost, { provider, model }: PricedPlace): Most {
  if (typeof most !== 'number') return most;
  return cost === null ? { unknown: `${provider}/${model}` } : Math.max(most, cost);
}

/** How many answers it asks for. */
export function answersOf(body: Readonly<Record<string, unknown>>): number {
  return Math.max(1, wholeOf(body.n), wholeOf(body.best_of));
}

const wholeOf = (count: unknown): number => (Number.isInteger(count) ? (count as number) : 1);
