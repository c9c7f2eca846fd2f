import { describe, expect, it } from 'vitest';
import { idleStep } from './idle.service.ts';

const now = Date.parse('2026-11-21T12:00:00.000Z');
const minute = 60_000;
const quiet = { active: false, parked_since: null };
const parked = (ms: number) => ({ active: false, parked_since: new Date(now - ms).toISOString() });

describe('an idle computer', () => {
  it.each([
    ['is left alone while a run is active', { active: true, parked_since: null }, 1_000 * minute, 'nothing'],
    ['is left alone for a minute', quiet, minute - 1, 'nothing'],
    ['is paused after a minute', quiet, minute, 'pause'],
    ['is stopped after its time', quiet, 10 * minute, 'stop'],
    ['of a parked run is paused', parked(20 * minute), 20 * minute, 'pause'],
    ['of a parked run is paused for a day at most', parked(24 * 60 * minute + 1), 24 * 60 * minute, 'stop'],
  ] as const)('%s', (_, activity, idleMs, step) => {
    expect(idleStep(activity, idleMs, 10 * minute, now)).toBe(step);
  });

  it('is stopped without a pause when the time is shorter than that', () => {
    expect(idleStep(quiet, 2_000, 2_000, now)).toBe('stop');
    expect(idleStep(parked(5_000), 2_000, 2_000, now)).toBe('pause');
  });
});
