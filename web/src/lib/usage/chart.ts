import type { UsageSum } from '@deskhand/contracts';
import type { Measure } from './measure.ts';

/** One share of the bars: a model, or all others together. */
export interface Share {
  name: string;
  /** A token of tokens.css. */
  colour: string;
  /** By day, in the chart's order. */
  amounts: readonly number[];
  total: number;
}

export interface Chart {
  days: readonly string[];
  /** The largest first, the others last. */
  shares: readonly Share[];
  /** By day. */
  totals: readonly number[];
}

const sharesOfTheirOwn = 5;
export const rest = 'Others';

/** Sums by day, those by model, and those by day of each of the largest models, as bars that stand on each other. */
export function chartOf(days: readonly string[], byDay: readonly UsageSum[], byDayOf: ReadonlyMap<string, readonly UsageSum[]>, { of }: Measure): Chart {
  const amounts = (rows: readonly UsageSum[]): number[] => {
    const found = new Map(rows.map((row) => [row.day, of(row)]));
    return days.map((day) => found.get(day) ?? 0);
  };
  const totals = amounts(byDay);
  const own = [...byDayOf].map(([name, rows]): Omit<Share, 'colour'> => {
    const list = amounts(rows);
    return { name, amounts: list, total: list.reduce((sum, amount) => sum + amount, 0) };
  }).filter(({ total }) => total > 0).sort((one, other) => other.total - one.total);
  // Sums of money are not exact to the last bit.
  const left = totals.map((total, index) => Math.max(0, total - own.reduce((sum, share) => sum + share.amounts[index]!, 0))).map((amount, index) => (amount < totals[index]! * 1e-9 ? 0 : amount));
  const leftTotal = left.reduce((sum, amount) => sum + amount, 0);
  const shares: Share[] = own.map((share, index) => ({ ...share, colour: `var(--share-${index + 1})` }));
  return { days, totals, shares: leftTotal > 0 ? [...shares, { name: rest, colour: 'var(--share-rest)', amounts: left, total: leftTotal }] : shares };
}

/** The models that get a share of their own. */
export function largest(byModel: readonly UsageSum[], measure: Measure): string[] {
  return [...byModel].filter((row) => measure.of(row) > 0).sort((one, other) => measure.of(other) - measure.of(one)).slice(0, sharesOfTheirOwn).map(({ model }) => model ?? '');
}
