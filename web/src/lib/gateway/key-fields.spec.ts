import type { KeyHolderView, VirtualKeyView } from '@deskhand/contracts';
import { describe, expect, it } from 'vitest';
import { keyBody, keyChange, keyFieldsOf, keysNamed } from './key-fields.ts';

const now = Date.parse('2026-11-21T12:00:00Z');
const stored = (more: Partial<VirtualKeyView> = {}): VirtualKeyView => ({
  id: 'k', name: 'sk-...abcd', alias: 'build machine', user_id: null, team_id: 'gone', job_id: null, models: ['one, with a comma', 'fast'], rpm_limit: 60, tpm_limit: null, max_parallel_requests: null,
  expires_at: '2026-12-21T12:00:00.000Z', blocked: false, created_at: '2026-11-21T12:00:00.000Z', spend: 0, max_budget: null, budget_seconds: 86_400, budget_resets_at: null, extra_budgets: [], ...more,
});

describe('the form of a virtual key', () => {
  it('sends what was filled in', () => {
    expect(keyBody({ ...keyFieldsOf(null), alias: ' ci ', models: 'fast, , claude/*', budget: '2.5', window: '86400', tpm: '1000' }, now)).toEqual({
      alias: 'ci', models: ['fast', 'claude/*'], max_budget: 2.5, budget_seconds: 86_400, rpm_limit: null, tpm_limit: 1_000, max_parallel_requests: null, team_id: null, expires_at: '2027-02-19T12:00:00.000Z',
    });
  });

  it('LLM-5: a change says what was changed and nothing else', () => {
    const before = stored();
    const change = (more: Partial<ReturnType<typeof keyFieldsOf>>): unknown => keyChange({ ...keyFieldsOf(before), ...more }, before, now);
    expect(change({})).toEqual({});
    expect(change({ rpm: '' })).toEqual({ rpm_limit: null });
    expect(change({ budget: '5' })).toEqual({ max_budget: 5, budget_seconds: 86_400 });
    expect(change({ expires: 'never' })).toEqual({ expires_at: null });
    expect(change({ models: 'fast', team: '' })).toEqual({ models: ['fast'], team_id: null });
  });
});

it('finds keys by name, letters, and whom they belong to', () => {
  const keys = [stored({ id: '1' }), stored({ id: '2', alias: null, name: 'sk-...WXYZ', team_id: 'web' })];
  const team: KeyHolderView = { kind: 'team', id: 'web', alias: 'Web People', models: [], blocked: false, spend: 0, max_budget: null, budget_seconds: null, budget_resets_at: null };
  expect(['', ' BUILD', 'wxyz', 'people', 'nobody'].map((wanted) => keysNamed(wanted, keys, [team]).map(({ id }) => id))).toEqual([['1', '2'], ['1'], ['2'], ['2'], []]);
});
