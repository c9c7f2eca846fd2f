import type { UsageSum } from '@deskhand/contracts';
import { describe, expect, it } from 'vitest';
import { chartOf, largest, rest } from './chart.ts';
import { measures, roundUp } from './measure.ts';
import { daysOf, problemOf, rangeOf } from './range.ts';

const sum = (more: Partial<UsageSum>): UsageSum => ({ calls: 1, failed_calls: 0, input_tokens: 10, cached_tokens: 0, cache_write_tokens: 0, output_tokens: 5, reasoning_tokens: 0, cost: 0, unpriced_calls: 0, ...more });
const cost = measures[0]!;

describe('the chart of usage', () => {
  it('stacks the largest models and the rest, days without anything too', () => {
    const days = daysOf({ from: '2026-11-19', to: '2026-11-21' });
    const chart = chartOf(days, [sum({ day: '2026-11-19', cost: 0.3 }), sum({ day: '2026-11-21', cost: 5 })], new Map([['a', [sum({ day: '2026-11-19', cost: 0.1 }), sum({ day: '2026-11-21', cost: 1 })]], ['b', [sum({ day: '2026-11-21', cost: 2 })]], ['c', []]]), cost);
    expect(chart.totals).toEqual([0.3, 0, 5]);
    expect(chart.shares.map(({ name }) => name)).toEqual(['b', 'a', rest]);
    expect(chart.shares.at(-1)!.amounts.map((amount) => Math.round(amount * 1e6) / 1e6)).toEqual([0.2, 0, 2]);
    expect(largest([sum({ model: 'a', cost: 1 }), sum({ model: 'b', cost: 3 }), sum({ model: 'c' }), ...Array.from({ length: 9 }, (_, index) => sum({ model: `m${index}`, cost: 0.1 }))], cost)).toEqual(['b', 'a', 'm0', 'm1', 'm2']);
  });

  it('has no rest where rounding is all that is left', () => {
    const chart = chartOf(['2026-11-21'], [sum({ day: '2026-11-21', cost: 0.1 + 0.2 })], new Map([['a', [sum({ day: '2026-11-21', cost: 0.3 })]]]), cost);
    expect(chart.shares.map(({ name }) => name)).toEqual(['a']);
  });

  it('has an axis with a round end', () => {
    expect([0, 0.0034, 0.9, 1, 1.1, 23, 251, 4_999].map(roundUp)).toEqual([1, 0.005, 1, 1, 2, 25, 500, 5_000]);
  });
});

describe('a range', () => {
  it('ends today', () => {
    const now = Date.parse('2026-11-21T23:59:00Z');
    expect([rangeOf('7', now), rangeOf('month', now)]).toEqual([{ from: '2026-11-15', to: '2026-11-21' }, { from: '2026-11-01', to: '2026-11-21' }]);
    expect(daysOf(rangeOf('30', now))).toHaveLength(30);
  });
  it('says what is wrong with it', () => {
    expect([{ from: '', to: '2026-11-21' }, { from: '2026-11-22', to: '2026-11-21' }, { from: '2024-01-01', to: '2026-11-21' }, { from: '2026-11-21', to: '2026-11-21' }].map(problemOf)).toEqual(['Choose both days.', 'The first day is after the last one.', 'A range is 400 days at most.', null]);
  });
});
