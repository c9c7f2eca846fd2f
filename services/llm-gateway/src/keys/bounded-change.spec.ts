import { describe, expect, it } from 'vitest';
import { boundedChange } from './bounded-change.ts';
import { KeyRules } from './key-rules.ts';

const rules = new KeyRules({ max_budget: 5 }, { max_budget: 10, budget_duration: '30d', rpm_limit: 60, duration: '90d' });
const day = 86_400_000;
const inDays = (days: number): string => new Date(Date.now() + days * day).toISOString();

describe('the file\'s bounds of keys that administrators make in the web app', () => {
  it.each<[string, object]>([['max_budget', { max_budget: 10.5 }], ['budget_seconds', { budget_seconds: 31 * 86_400 }], ['rpm_limit', { rpm_limit: 61 }], ['expires_at', { expires_at: inDays(91) }]])('refuse what is above one, and name it: %s', (field, change) => {
    for (const isNew of [true, false]) expect(() => boundedChange(change, isNew, rules)).toThrow(expect.objectContaining({ code: 'BAD_INPUT', details: { field }, message: expect.stringContaining(`${field} may be `) as string }));
  });

  it('leave what is below them, a date that was reckoned by another clock too', () => {
    const change = { alias: 'a', max_budget: 10, budget_seconds: 86_400, rpm_limit: 0, expires_at: new Date(Date.now() + 90 * day + 20_000).toISOString(), tpm_limit: null };
    expect(boundedChange(change, true, rules)).toEqual(change);
  });

  it('are what a key gets that is left open; of one that there is, only where that is said', () => {
    const made = boundedChange({ alias: 'a', max_budget: null }, true, rules);
    expect(made).toMatchObject({ alias: 'a', max_budget: 10, budget_seconds: 30 * 86_400, rpm_limit: 60 });
    expect(Date.parse(made.expires_at!) - Date.now()).toBeCloseTo(90 * day + 60_000, -4);
    expect(boundedChange({ blocked: true, rpm_limit: null }, false, rules)).toEqual({ blocked: true, rpm_limit: 60 });
    expect(boundedChange({ rpm_limit: null }, true, new KeyRules())).toEqual({ rpm_limit: null });
  });
});
