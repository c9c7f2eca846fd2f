import { describe, expect, it } from 'vitest';
import { WireError } from '../wire/wire-format.ts';
import { KeyRules } from './key-rules.ts';

const rules = new KeyRules({ max_budget: 5, duration: '30d', models: ['fast'], team_id: 'web' }, { max_budget: 10, budget_duration: '30d', rpm_limit: 60, duration: '1mo' });

describe('what the file says of keys that are made', () => {
  it('fills in what is left out: first what is usual, then what is the most', () => {
    expect(rules.ofNew({})).toEqual({ max_budget: 5, duration: '30d', models: ['fast'], team_id: 'web', budget_duration: '30d', rpm_limit: 60 });
    expect(rules.ofNew({ max_budget: 10, models: [], team_id: null, rpm_limit: 0, tpm_limit: null, duration: '4w' })).toEqual({ max_budget: 10, models: [], team_id: 'web', rpm_limit: 0, tpm_limit: null, duration: '4w', budget_duration: '30d' });
  });

  it.each<object>([{ max_budget: 10.01 }, { budget_duration: '31d' }, { rpm_limit: 61 }, { duration: '720h', max_budget: 11 }])('refuses what is above a bound: %j', (given) => {
    for (const set of [() => rules.ofNew(given), () => rules.ofChange(given)]) expect(set).toThrow(WireError);
  });

  it('of a key that there is changes only what is said, and takes no bound away', () => {
    expect(rules.ofChange({ blocked: true, rpm_limit: null, tpm_limit: null, max_budget: 1, models: null })).toEqual({ blocked: true, rpm_limit: 60, tpm_limit: null, max_budget: 1, models: null });
  });

  it('says the most of each, durations in milliseconds', () => {
    expect((['max_budget', 'duration', 'tpm_limit'] as const).map((name) => rules.most(name))).toEqual([10, 30 * 86_400_000, null]);
  });

  it('changes nothing where there are none', () => {
    const given = { max_budget: null, rpm_limit: 5, duration: undefined };
    expect([new KeyRules().ofNew(given), new KeyRules().ofChange(given)]).toEqual([given, given]);
  });
});
