import { DeclaredError, type llmKeys, type ReceivedOf } from '@deskhand/contracts';
import type { KeyRules } from './key-rules.ts';

export type WantedChange = Omit<ReceivedOf<typeof llmKeys.change>, 'id'>;

/** For clocks that differ. */
const grace = 60_000;

/** The fields of the web app, LiteLLM's names for them, and what a bound of those is here. */
const fields = [
  ['max_budget', 'max_budget', Number], ['rpm_limit', 'rpm_limit', Number], ['tpm_limit', 'tpm_limit', Number], ['max_parallel_requests', 'max_parallel_requests', Number],
  ['budget_seconds', 'budget_duration', (ms: number) => ms / 1_000], ['expires_at', 'duration', (ms: number) => new Date(Date.now() + ms + grace).toISOString()],
] as const;

/** The change as far as the file's bounds allow it: what is left open is the bound. Throws `BAD_INPUT` for what is above one. */
export function boundedChange(change: WantedChange, isNew: boolean, rules: KeyRules): WantedChange {
  const held: Record<string, unknown> = {};
  for (const [field, name, of] of fields) {
    const most = rules.most(name);
    if (most === null || (change[field] === undefined && !isNew)) continue;
    const bound = of(most);
    held[field] = change[field] ?? bound;
    if (sizeOf(change[field] ?? bound) > sizeOf(bound)) throw new DeclaredError('BAD_INPUT', `${field} may be ${bound} at most here (upperbound_key_generate_params).`, { field });
  }
  return { ...change, ...held };
}

const sizeOf = (value: number | string): number => (typeof value === 'string' ? Date.parse(value) : value);
