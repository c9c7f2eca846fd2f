import { describe, expect, it } from 'vitest';
import { dayText, hourText, usageRange } from './usage-range.ts';

const range = (from?: string, to?: string): [string, string] => {
  const { from: first, to: end } = usageRange(from, to, Date.parse('2026-11-21T07:20:00Z'));
  return [hourText(first), hourText(end)];
};

describe('a range of time', () => {
  it('is the last thirty days, today included, when nothing is said', () => {
    expect(range()).toEqual(['2026-10-23T00:00:00.000Z', '2026-11-21T08:00:00.000Z']);
  });
  it('includes a day as its end, and the whole hours that times are in', () => {
    expect(range('2026-11-01', '2026-11-01')).toEqual(['2026-11-01T00:00:00.000Z', '2026-11-02T00:00:00.000Z']);
    expect(range('2026-11-01T10:59:00+02:00', '2026-11-01T10:00:01Z')).toEqual(['2026-11-01T08:00:00.000Z', '2026-11-01T11:00:00.000Z']);
    expect(dayText(20_000)).toBe('2024-10-04');
  });
  it('does not end before it begins, and is not endless', () => {
    expect(() => range('2026-11-02', '2026-11-01')).toThrow('ends before it begins');
    expect(() => range('2026-11-02T10:00:00Z', '2026-11-02T10:00:00Z')).toThrow('ends before it begins');
    expect(() => range('2025-01-01')).toThrow('400 days');
  });
});
