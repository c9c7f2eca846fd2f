import { describe, expect, it } from 'vitest';
import { percentile, scaled } from '../../../bench/benchmark.ts';
import type { Benchmark } from '../../../bench/benchmark.ts';
import { figureLine, measured, outOfBounds } from './figures.ts';

const benchmark: Benchmark = {
  name: 'tool',
  figures: [{ name: 'p50_ms', unit: 'ms', how: 'x', most: 100 }, { name: 'calls', unit: 'calls', how: 'y', least: 2 }],
  run: async () => ({}),
};

describe('figures', () => {
  it('prints one line a figure', () => {
    expect(measured(benchmark, { p50_ms: 12.345, calls: 20 }).map(figureLine)).toEqual(['tool.p50_ms  12.3 ms', 'tool.calls  20 calls']);
  });

  it('refuses a missing, a surplus and an unmeasured figure', () => {
    expect(() => measured(benchmark, { calls: 1 })).toThrow('no p50_ms');
    expect(() => measured(benchmark, { calls: 1, p50_ms: Number.NaN })).toThrow('no p50_ms');
    expect(() => measured(benchmark, { calls: 1, p50_ms: 1, other: 1 })).toThrow('other');
  });

  it('names figures outside their bounds', () => {
    expect(outOfBounds(measured(benchmark, { p50_ms: 101, calls: 1 }))).toEqual(['tool.p50_ms  101 ms is outside - to 100', 'tool.calls  1 calls is outside 2 to -']);
    expect(outOfBounds(measured(benchmark, { p50_ms: 100, calls: 2 }))).toEqual([]);
  });

  it('scales counts and picks percentiles by nearest rank', () => {
    expect(scaled(200, { size: 0.05 })).toBe(10);
    expect(scaled(4, { size: 0.05 })).toBe(1);
    const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([percentile(samples, 0.5), percentile(samples, 0.95), percentile([7], 0.5)]).toEqual([50, 95, 7]);
    expect(percentile([], 0.5)).toBeNaN();
  });
});
