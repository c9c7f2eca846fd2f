import type { KeyHolderView, VirtualKeyView } from '@deskhand/contracts';
import type { Endpoints } from '../api/endpoints.ts';

type KeyBody = Parameters<Endpoints['makeVirtualKey']>[0];

/** What the form of a virtual key asks for, as text. */
export interface KeyFields {
  alias: string;
  /** With commas between them. */
  models: string;
  budget: string;
  /** Seconds; empty where the budget is for good. */
  window: string;
  rpm: string;
  tpm: string;
  parallel: string;
  team: string;
  /** Days from now, `never`, or `same` for what is stored. */
  expires: string;
}

const text = (value: number | null | undefined): string => (value == null ? '' : String(value));
const number = (value: string): number | null => (value.trim() === '' ? null : Number(value));

export function keyFieldsOf(key: VirtualKeyView | null): KeyFields {
  return {
    alias: key?.alias ?? '', models: key?.models.join(', ') ?? '', budget: text(key?.max_budget), window: text(key?.budget_seconds), rpm: text(key?.rpm_limit), tpm: text(key?.tpm_limit), parallel: text(key?.max_parallel_requests),
    team: key?.team_id ?? '', expires: key === null ? '90' : 'same',
  };
}

export function keyBody(fields: KeyFields, now: number): KeyBody {
  const expires = fields.expires === 'same' ? {} : { expires_at: fields.expires === 'never' ? null : new Date(now + Number(fields.expires) * 86_400_000).toISOString() };
  return {
    alias: fields.alias.trim(), models: fields.models.split(',').map((name) => name.trim()).filter((name) => name !== ''), max_budget: number(fields.budget), budget_seconds: fields.budget.trim() === '' ? null : number(fields.window),
    rpm_limit: number(fields.rpm), tpm_limit: number(fields.tpm), max_parallel_requests: number(fields.parallel), team_id: fields.team === '' ? null : fields.team, ...expires,
  };
}

/** Only what the person changed: the rest may have been changed elsewhere meanwhile, or be nothing that the form can say. */
export function keyChange(fields: KeyFields, before: VirtualKeyView, now: number): Partial<KeyBody> {
  const shown: Partial<Record<string, unknown>> = keyBody(keyFieldsOf(before), now);
  return Object.fromEntries(Object.entries(keyBody(fields, now)).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(shown[name])));
}

/** The keys that have these letters in their name or in that of whom they belong to; all of them for none. */
export function keysNamed(wanted: string, keys: readonly VirtualKeyView[], holders: readonly KeyHolderView[]): readonly VirtualKeyView[] {
  const letters = wanted.trim().toLowerCase();
  if (letters === '') return keys;
  const aliases = new Map(holders.map(({ kind, id, alias }) => [`${kind} ${id}`, alias]));
  const names = ({ alias, name, user_id, team_id, job_id }: VirtualKeyView): (string | null | undefined)[] => [alias, name, user_id, team_id, job_id, aliases.get(`user ${user_id}`), aliases.get(`team ${team_id}`), aliases.get(`job ${job_id}`)];
  return keys.filter((key) => names(key).some((one) => one?.toLowerCase().includes(letters)));
}
