import type { UsageRow } from '../database/entities.ts';
import type { EndedCall } from '../usage/model-call.ts';

/** One place where a call may end up, as far as its price depends on it. */
export type PricedPlace = Pick<EndedCall, 'baseUrl' | 'officialPrices' | 'prices' | 'baseModel'> & { provider: string; model: string };

type Cost = number | null;
type CostOf = (call: EndedCall) => Cost | Promise<Cost>;
type Most = number | { unknown: string };

/** What a call may take at most. `forAnHour`: its input may be kept in a cache for that long. */
export interface MostTokens {
  input: number;
  output: number;
  forAnHour: boolean;
}

/** The most that a call of this size can cost at any of these places; the name of one whose price nobody knows. A promise only where a cost is one. */
export function mostExpensive(places: readonly PricedPlace[], { input, output, forAnHour }: MostTokens, costOf: CostOf): Most | Promise<Most> {
  const startedAt = Date.now();
  let most = 0 as Most | Promise<Most>;
  for (const place of places) {
    // Writing to a cache costs more than reading anew; which of it happens is not known before.
    for (const kind of forAnHour ? kinds : shortKinds) {
      const { provider, model, baseUrl, officialPrices, prices, baseModel } = place;
      const of = (wanted: (typeof kinds)[number]): number => (kind === wanted ? input : 0);
      const row = { provider, model, startedAt, uncachedInput: of('uncachedInput'), cacheRead: 0, cacheWrite5m: of('cacheWrite5m'), cacheWrite1h: of('cacheWrite1h'), output, reasoning: 0 } as UsageRow;
      const cost = costOf({ row, baseUrl, officialPrices, prices, baseModel });
      most = most instanceof Promise || cost instanceof Promise ? laterOf(most, cost, place) : larger(most, cost, place);
    }
  }
  return most;
}

const shortKinds = ['uncachedInput', 'cacheWrite5m'] as const;
const kinds = [...shortKinds, 'cacheWrite1h'] as const;

async function laterOf(most: Most | Promise<Most>, cost: Cost | Promise<Cost>, place: PricedPlace): Promise<Most> {
  const [known, found] = await Promise.all([most, cost]);
  return larger(known, found, place);
}

function larger(most: Most, cost: Cost, { provider, model }: PricedPlace): Most {
  if (typeof most !== 'number') return most;
  return cost === null ? { unknown: `${provider}/${model}` } : Math.max(most, cost);
}
