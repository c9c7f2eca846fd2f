import type { BudgetRow } from '../database/entities.ts';
import type { VirtualKey } from './virtual-keys.ts';

const prefix = 'run:';

/** The name under which the budgets of a run are remembered, as those of virtual keys are under their hash. */
export const runHolder = (userId: string, conversationId: string): string => `${prefix}${userId}/${conversationId}`;

export const isRunHolder = (hash: string): boolean => hash.startsWith(prefix);

export function runOf(hash: string): { userId: string; conversationId: string } | null {
  if (!isRunHolder(hash)) return null;
  const at = hash.lastIndexOf('/');
  return { userId: hash.slice(prefix.length, at), conversationId: hash.slice(at + 1) };
}

/** A run is held to its budgets as a key is, and to nothing else. */
export function heldByRun(hash: string, userId: string, budgets: readonly Pick<BudgetRow, 'id' | 'max'>[]): VirtualKey {
  return {
    hash, userId, teamId: null, jobId: null, models: [], aliases: {}, rpm: null, tpm: null, maxParallel: null, expiresAt: null, blocked: false, spend: 0, holders: [], budgets: budgets.flatMap(({ id, max }) => (max == null ? [] : [{ id, max }])),
  };
}
