import { z } from 'zod';
import { defineRequest } from './contract.ts';

/** Money that may be spent in a window. US dollars. */
export const budgetView = z.object({
  /** Null: counted from when it was set, not capped. */
  max_budget: z.number().nullable(),
  /** Of the calls that are over, in the window that runs now. */
  spend: z.number(),
  left: z.number().nullable(),
  /** Length of a window; null: it never begins anew. */
  budget_seconds: z.number().int().nullable(),
  budget_resets_at: z.iso.datetime().nullable(),
});
export type BudgetView = z.infer<typeof budgetView>;

/** What is absent stays as it is. */
export const budgetChange = z.object({ max_budget: z.number().min(0).max(1e9).nullable(), budget_seconds: z.number().int().min(60).max(10 * 366 * 86_400).nullable().optional() });

/** Whose: a user's is over what the installation pays for their runs and virtual keys, a conversation's over all its model calls. */
const of = { kind: z.enum(['user', 'conversation']), id: z.string().min(1).max(300) };
const byGateway = { owner: 'llm-gateway', callers: ['gateway'], idempotent: true } as const;

export const budgets = {
  get: defineRequest('llm.budget.get', { ...byGateway, input: z.object(of), output: budgetView }),
  /** Holds on every instance within two seconds. */
  set: defineRequest('llm.budget.set', { ...byGateway, input: budgetChange.extend(of), output: budgetView }),
} as const;
