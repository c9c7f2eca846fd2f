import { z } from 'zod';
import { defineRequest } from './contract.ts';

const limit = z.number().int().min(0).max(1e9).nullable();
const amount = z.number().min(0).max(1e9).nullable();
const name = z.string().trim().min(1).max(300);

/** US dollars. `spend` is what the calls that are over have cost in the window that runs now. */
const money = { spend: z.number(), max_budget: z.number().nullable(), budget_seconds: z.number().int().nullable(), budget_resets_at: z.iso.datetime().nullable() };

/** A virtual key of the model gateway. The key itself is kept nowhere. */
export const virtualKeyView = z.object({
  /** Its SHA-256. */
  id: z.string(),
  /** First and last letters. */
  name: z.string(),
  alias: z.string().nullable(), user_id: z.string().nullable(), team_id: z.string().nullable(), job_id: z.string().nullable(),
  /** Empty: every model. */
  models: z.array(z.string()),
  rpm_limit: limit, tpm_limit: limit, max_parallel_requests: limit,
  expires_at: z.iso.datetime().nullable(), blocked: z.boolean(), created_at: z.iso.datetime(),
  ...money,
  /** Others of its own, over other windows or for one model only. */
  extra_budgets: z.array(z.object({ model: z.string().nullable(), ...money })),
});
export type VirtualKeyView = z.infer<typeof virtualKeyView>;

/** A user, a team or a job that keys belong to: a name with a budget over all of them. */
export const keyHolderView = z.object({ kind: z.enum(['user', 'team', 'job']), id: z.string(), alias: z.string().nullable(), models: z.array(z.string()), blocked: z.boolean(), ...money });
export type KeyHolderView = z.infer<typeof keyHolderView>;

/** What is absent stays as it is; null takes it away. */
export const virtualKeyChange = z.object({
  alias: name.nullable(), user_id: name.nullable(), team_id: name.nullable(), models: z.array(name).max(1_000), rpm_limit: limit, tpm_limit: limit, max_parallel_requests: limit,
  max_budget: amount, budget_seconds: z.number().int().min(1).max(10 * 366 * 86_400).nullable(), expires_at: z.iso.datetime().nullable(), blocked: z.boolean(),
}).partial();

/** A key has a name, so that people know it by more than its letters. */
export const newVirtualKey = virtualKeyChange.extend({ alias: name });

const byGateway = { owner: 'llm-gateway', callers: ['gateway'] } as const;
const page = { limit: z.number().int().min(1).max(200).default(50), offset: z.number().int().min(0).default(0) };

/** Virtual keys, for administrators. */
export const llmKeys = {
  /** Newest first. */
  list: defineRequest('llm.virtual-key.list', { ...byGateway, idempotent: true, input: z.object(page), output: z.object({ keys: z.array(virtualKeyView), total: z.number().int(), holders: z.array(keyHolderView) }) }),
  /** The key is in this answer and nowhere else, ever. */
  make: defineRequest('llm.virtual-key.make', { ...byGateway, input: newVirtualKey, output: z.object({ key: z.string(), view: virtualKeyView }), errors: ['BAD_INPUT', 'CONFLICT'] }),
  change: defineRequest('llm.virtual-key.change', { ...byGateway, input: virtualKeyChange.extend({ id: z.string().max(100) }), output: virtualKeyView, errors: ['BAD_INPUT', 'CONFLICT', 'NOT_FOUND'] }),
  remove: defineRequest('llm.virtual-key.remove', { ...byGateway, input: z.object({ id: z.string().max(100) }), output: z.object({}), errors: ['NOT_FOUND'] }),
} as const;
