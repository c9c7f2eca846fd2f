import { defineEntity, p, type InferEntity } from '@deskhand/platform/database';

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
  tableName: 'usage',
  properties: {
    id: p.string().primary(),
    /** Unix milliseconds. */
    startedAt: p.bigint('number'),
    /** Whose call; null for the master key's. */
    userId: p.string().nullable(),
    conversationId: p.string().nullable(),
    runId: p.string().nullable(),
    provider: p.string(),
    model: p.string(),
    wire: p.string(),
    stream: p.boolean(),
    /** completed · refused: an error status · failed: no answer · cut: the provider broke off · cancelled: the client left · lost: this process died. */
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
