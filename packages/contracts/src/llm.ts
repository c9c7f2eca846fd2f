import { z } from 'zod';
import { defineEvent, defineRequest } from './contract.ts';

export const wireFormat = z.enum(['openai-chat', 'anthropic-messages']);
export type WireFormat = z.infer<typeof wireFormat>;

export const providerName = z.enum(['openai', 'anthropic', 'google', 'mistral']);
export type ProviderName = z.infer<typeof providerName>;

/** A user's provider as every API shows it: the key can be written, never read. */
export const providerView = z.object({
  id: z.string(), provider: providerName, endpoint_url: z.string().nullable(), model_name: z.string().nullable(), is_default: z.boolean(), has_api_key: z.literal(true),
});
export type ProviderView = z.infer<typeof providerView>;

export const modelView = z.object({
  /** `<provider>/<model>`, as a conversation names it. */
  id: z.string(),
  provider: z.string(),
  label: z.string(),
  /** Built in, follows a script, needs no key: interfaces must say so. */
  scripted: z.boolean(),
});
export type ModelView = z.infer<typeof modelView>;

const user = { user_id: z.string() };
const byGateway = { owner: 'llm-gateway', callers: ['gateway'] } as const;

export const llm = {
  /**
   * Which model a run speaks to and how. The token stands for this run at the model gateway; it is no provider key.
   * `NOT_FOUND`: no such model or provider, the message says what to do.
   */
  resolve: defineRequest('llm.route.resolve', {
    owner: 'llm-gateway', callers: ['agent'], idempotent: true,
    input: z.object({ ...user, conversation_id: z.string(), run_id: z.string(), provider: z.string().nullable(), model_name: z.string().nullable() }),
    output: z.object({ wire: wireFormat, base_url: z.string(), token: z.string(), model: z.string(), label: z.string(), scripted: z.boolean(), context_window: z.number().int().nullable() }),
    errors: ['NOT_FOUND', 'UNAVAILABLE'],
  }),
  models: defineRequest('llm.model.list', { ...byGateway, idempotent: true, input: z.object(user), output: z.object({ models: z.array(modelView), default_model: z.string() }) }),
  providers: defineRequest('llm.provider.list', { ...byGateway, idempotent: true, input: z.object(user), output: z.array(providerView) }),
  /** X25519 public key (base64url, raw 32 bytes) that provider keys are sealed to before they travel; see sealing.ts of platform. */
  sealingKey: defineRequest('llm.sealing-key.get', { ...byGateway, idempotent: true, input: z.object({}), output: z.object({ public_key: z.string() }) }),
  /** Adds or replaces the user's provider of that name. Without `sealed_api_key` the stored key stays. */
  saveProvider: defineRequest('llm.provider.save', {
    ...byGateway, idempotent: true,
    input: z.object({ ...user, provider: providerName, sealed_api_key: z.string().optional(), endpoint_url: z.string().max(2_000).nullable().optional(), model_name: z.string().max(200).nullable().optional(), is_default: z.boolean().optional() }),
    output: providerView, errors: ['BAD_INPUT'],
  }),
  removeProvider: defineRequest('llm.provider.remove', { ...byGateway, input: z.object({ ...user, provider: providerName }), output: z.object({}), errors: ['NOT_FOUND'] }),
  /** One small real call. A refusal by the provider is an answer (`ok: false` with its words), not an error. */
  testProvider: defineRequest('llm.provider.test', {
    ...byGateway, timeoutMs: 30_000, input: z.object({ ...user, provider: providerName }), output: z.object({ ok: z.boolean(), message: z.string(), duration_ms: z.number() }), errors: ['NOT_FOUND'],
  }),
} as const;

/** One model call is accounted for. `cost` is in US dollars; null when the model's price is not known. */
export const usageRecorded = defineEvent('usage.{call_id}.recorded', {
  owner: 'llm-gateway', consumers: ['conversations'], stream: 'USAGE',
  data: z.object({
    call_id: z.string(), user_id: z.string(), conversation_id: z.string(), run_id: z.string(), model: z.string(),
    input_tokens: z.number().int(), output_tokens: z.number().int(), cached_tokens: z.number().int(), reasoning_tokens: z.number().int(), cost: z.number().nullable(),
  }),
});

const toInstances = { owner: 'llm-gateway', consumers: ['llm-gateway'] } as const;
/** Names one process of the model gateway; another one after every start. */
const instance = { instance: z.string() };

/** What instances of the model gateway tell each other. Whoever misses one of these acts a moment later; no limit depends on them. */
export const gatewayInstances = {
  /** An instance is there now and asks what the others have learned. */
  joined: defineEvent('model-gateway.{instance}.joined', { ...toInstances, data: z.object(instance) }),
  /** Failures of deployments since the last time, and for how long those rest that failed too often. */
  learned: defineEvent('model-gateway.{instance}.learned', { ...toInstances, data: z.object({ ...instance, deployments: z.array(z.object({ id: z.string(), failures: z.number().int(), rests_ms: z.number() })) }) }),
  /** An instance found nothing left of a limit: whoever holds what it does not need gives it back. */
  wanted: defineEvent('model-gateway.{instance}.wanted', { ...toInstances, data: z.object({ ...instance, limit: z.string(), question: z.string() }) }),
  /** The answer of each of the others, also when it is nothing. */
  returned: defineEvent('model-gateway.{instance}.returned', { ...toInstances, data: z.object({ ...instance, question: z.string(), amount: z.number() }) }),
  /** Virtual keys, their users or teams were changed: what is remembered of them is old. */
  keysChanged: defineEvent('model-gateway.{instance}.keys-changed', { ...toInstances, data: z.object(instance) }),
} as const;
