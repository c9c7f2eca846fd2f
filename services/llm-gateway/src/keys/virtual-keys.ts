import { hash } from 'node:crypto';
import { entryOf } from '../entry-of.ts';
import type { Budget } from '../budgets/budget-ledger.ts';
import { patternOf } from '../configuration/read-gateway-file.ts';
import { WireError } from '../wire/wire-format.ts';

export interface LimitedHolder {
  kind: 'user' | 'team';
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
  /** What its key, its user and its team allow; an empty list allows everything. */
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
  /** Its user and its team, where they have limits: those hold for all of their keys together. */
  holders: readonly LimitedHolder[];
}

export const hashOf = (key: string): string => hash('sha256', key);

/** The model that a key's call is for, its own aliases followed. Throws `WireError` when the key may not be used, or not for that. */
export function modelFor(key: VirtualKey, asked: string, now: number = Date.now()): string {
  if (key.blocked) throw new WireError('unauthenticated', 'This key is blocked.', null, 'key_blocked');
  if (key.expiresAt !== null && key.expiresAt <= now) throw new WireError('unauthenticated', 'This key has expired.', null, 'expired_key');
  const model = entryOf(key.aliases, asked) ?? asked;
  for (const allowed of key.models) if (!mayUse(allowed, model)) throw new WireError('forbidden', `This key may not use the model ${asked.slice(0, 200)}. It may use ${allowed.slice(0, 20).join(', ')}.`, 'model', 'key_model_access_denied');
  return model;
}

export function mayUse(allowed: readonly string[], model: string): boolean {
  return allowed.length === 0 || allowed.some((name) => name === model || name === 'all-proxy-models' || (name.includes('*') && patternOf(name).test(model)));
}
