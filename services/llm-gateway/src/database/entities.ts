import { defineEntity, p, type InferEntity } from '@deskhand/platform/database';
import type { ExtraBudget } from '../keys/extra-budgets.ts';

/** A user's provider. */
export const providerEntity = defineEntity({
  name: 'Provider',
  tableName: 'providers',
  properties: {
    id: p.string().primary(),
    userId: p.string(),
    provider: p.string(),
    /** Encrypted with the master key, bound to user and provider. */
    encryptedKey: p.string(),
    endpointUrl: p.string().nullable(),
    modelName: p.string().nullable(),
    isDefault: p.boolean(),
    /** Unix milliseconds. */
    createdAt: p.bigint('number'),
    updatedAt: p.bigint('number'),
  },
});
export type ProviderRow = InferEntity<typeof providerEntity>;

/** One model call, whatever became of it. */
export const usageEntity = defineEntity({
  name: 'Usage',
  /** A view: a call is kept with the numbers of what it has in common with others (`usage/shared-facts.ts`). */
  tableName: 'usage',
  properties: {
    id: p.string().primary(),
    /** Unix milliseconds. */
    startedAt: p.bigint('number'),
    /** Whose call; null for the master key's. */
    userId: p.string().nullable(),
    conversationId: p.string().nullable(),
    runId: p.string().nullable(),
    /** The virtual key, its user, its team and its job; null for calls without one. */
    keyHash: p.string().nullable(),
    keyUser: p.string().nullable(),
    keyTeam: p.string().nullable(),
    keyJob: p.string().nullable(),
    /** Which program called, where it is known: Deskhand's own agent, or a coding agent. */
    agent: p.string().nullable(),
    /** The configured model's name that was asked for; null where none was. */
    modelGroup: p.string().nullable(),
    /** Whose key paid: `user` is one of the user's own, `caller` a subscription; null in rows of older versions. */
    source: p.string().nullable(),
    provider: p.string(),
    model: p.string(),
    wire: p.string(),
    stream: p.boolean(),
    /** completed · cached: an answer that was given before · refused: an error status · failed: no answer · cut: the provider broke off · cancelled: the client left · lost: this process died. */
    status: p.string(),
    httpStatus: p.integer().nullable(),
    uncachedInput: p.bigint('number'),
    cacheRead: p.bigint('number'),
    cacheWrite5m: p.bigint('number').fieldName('cache_write5m'),
    cacheWrite1h: p.bigint('number').fieldName('cache_write1h'),
    output: p.bigint('number'),
    reasoning: p.bigint('number'),
    /** The provider did not say (all of) what was used. */
    estimated: p.boolean(),
    /** US dollars; null when the price is not known. */
    cost: p.float().nullable(),
    firstByteMs: p.float().nullable(),
    durationMs: p.float(),
  },
});
export type UsageRow = InferEntity<typeof usageEntity>;

/** A virtual key. The key itself is nowhere: only its SHA-256. */
export const virtualKeyEntity = defineEntity({
  name: 'VirtualKey',
  tableName: 'virtual_keys',
  properties: {
    hash: p.string().primary(),
    /** First and last letters, to know it by. */
    name: p.string(),
    alias: p.string().nullable(),
    userId: p.string().nullable(),
    teamId: p.string().nullable(),
    jobId: p.string().nullable(),
    /** Empty: all. */
    models: p.json<string[]>(),
    aliases: p.json<Record<string, string>>(),
    rpm: p.integer().nullable(),
    tpm: p.integer().nullable(),
    maxParallel: p.integer().nullable(),
    /** Unix milliseconds. */
    expiresAt: p.bigint('number').nullable(),
    blocked: p.boolean(),
    metadata: p.json<Record<string, unknown>>(),
    /** Beside the one that every key has. What is spent of each is in `budgets`. */
    extraBudgets: p.json<ExtraBudget[]>(),
    createdAt: p.bigint('number'),
  },
});
export type VirtualKeyRow = InferEntity<typeof virtualKeyEntity>;

export interface TeamMember {
  role: 'admin' | 'user';
  user_id?: string | undefined;
  user_email?: string | undefined;
}

/** A user or a team of virtual keys, in LiteLLM's sense, or a job: a name to put keys and a budget under. */
export const holderEntity = defineEntity({
  name: 'Holder',
  tableName: 'key_holders',
  properties: {
    kind: p.string().$type<'user' | 'team' | 'job'>().primary(),
    id: p.string().primary(),
    alias: p.string().nullable(),
    email: p.string().nullable(),
    models: p.json<string[]>(),
    /** Who belongs to a team. It says who is who; what they may is in their keys. */
    members: p.json<TeamMember[]>(),
    /** For all of its keys together. */
    rpm: p.integer().nullable(),
    tpm: p.integer().nullable(),
    maxParallel: p.integer().nullable(),
    blocked: p.boolean(),
    metadata: p.json<Record<string, unknown>>(),
    createdAt: p.bigint('number'),
  },
});
export type HolderRow = InferEntity<typeof holderEntity>;

/** Money of a key, a user, a team, a job or a conversation (`key:…`, `user:…`, `team:…`, `job:…`, `conversation:…`), in US dollars. */
export const budgetEntity = defineEntity({
  name: 'Budget',
  tableName: 'budgets',
  properties: {
    id: p.string().primary(),
    /** Null: counted, not capped. */
    max: p.float().nullable(),
    spend: p.float(),
    /** Leased by instances, and so as good as spent. */
    leased: p.float(),
    windowMs: p.bigint('number').nullable(),
    resetsAt: p.bigint('number').nullable(),
  },
});
export type BudgetRow = InferEntity<typeof budgetEntity>;

export const budgetLeaseEntity = defineEntity({
  name: 'BudgetLease',
  tableName: 'budget_leases',
  properties: { budgetId: p.string().primary(), instance: p.string().primary(), amount: p.float() },
});

/** A model that was added while running. */
export const modelEntity = defineEntity({
  name: 'Model',
  tableName: 'models',
  properties: {
    id: p.string().primary(),
    group: p.string().fieldName('group_name'),
    /** LiteLLM's `litellm_params` as they were given, keys among them: JSON, encrypted with the master key, bound to the id. */
    encryptedParameters: p.string(),
    /** `model_info`. */
    info: p.json<Record<string, unknown>>(),
    /** Unix milliseconds. */
    createdAt: p.bigint('number'),
    updatedAt: p.bigint('number'),
  },
});
export type ModelRow = InferEntity<typeof modelEntity>;

/** Counts the changes of something that every instance keeps in memory: who has read an older count reads again. */
export const revisionEntity = defineEntity({
  name: 'Revision',
  tableName: 'revisions',
  properties: { of: p.string().fieldName('subject').primary(), count: p.bigint('number').fieldName('changes') },
});
