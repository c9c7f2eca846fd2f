import { hash } from 'node:crypto';
import { entryOf } from '../entry-of.ts';
import type { Budget } from '../budgets/budget-ledger.ts';
import { patternOf } from '../configuration/read-gateway-file.ts';
import { WireError } from '../wire/wire-format.ts';

export interface LimitedHolder {
  kind: 'user' | 'team' | 'job';
  id: string;
  rpm: number | null;
  tpm: number | null;
  maxParallel: number | null;
}

/** A virtual key as a call needs to know it. */
export interface VirtualKey {
  hash: string;
  userId: string | null;
  teamId: string | null;
  jobId: string | null;
  /** What its key, its user, its team and its job allow; an empty list allows everything. */
  models: readonly (readonly string[])[];
  aliases: Readonly<Record<string, string>>;
  rpm: number | null;
  tpm: number | null;
  maxParallel: number | null;
  expiresAt: number | null;
  blocked: boolean;
  /** US dollars that it spent, as far as this instance knows. */
  spend: number;
  /** Of those that have a maximum. */
  budgets: readonly Budget[];
  /** Its user, its team and its job, where they have limits: those hold for all of their keys together. */
  holders: readonly LimitedHolder[];
}

/** Whom a key's calls are counted for. */
export type KeyPayers = Pick<VirtualKey, 'hash' | 'userId' | 'teamId' | 'jobId'>;

export const payersOf = ({ hash, userId, teamId, jobId }: VirtualKey): KeyPayers => ({ hash, userId, teamId, jobId });

export const hashOf = (key: string): string => hash('sha256', key);

/** The model that a key's call is for, its own aliases followed. Throws `WireError` when the key may not be used for that. */
export function modelFor(key: VirtualKey, asked: string): string {
  const model = entryOf(key.aliases, asked) ?? asked;
  for (const allowed of key.models) if (!mayUse(allowed, model)) throw new WireError('forbidden', `This key may not use the model ${asked.slice(0, 200)}. It may use ${allowed.slice(0, 20).join(', ')}.`, 'model', 'key_model_access_denied');
  return model;
}

/** `all-team-models`: the key's team, whose own list counts beside this one, says which. */
export function mayUse(allowed: readonly string[], model: string): boolean {
  return allowed.length === 0 || allowed.some((name) => name === model || name === 'all-proxy-models' || name === 'all-team-models' || (name.includes('*') && patternOf(name).test(model)));
}
