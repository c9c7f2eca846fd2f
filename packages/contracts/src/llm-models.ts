import { z } from 'zod';
import { defineEvent, defineRequest } from './contract.ts';

const harmless = /(_per_token|_token_cost|_tokens|_token_limit)$/;

/**
 * Whether a parameter of `litellm_params` may be written and never read: it travels sealed, rests encrypted and is in no answer.
 * Judged by its name, so that the keys of providers that nobody here knows are kept as well.
 */
export function isSecretParameter(name: string): boolean {
  return name === 'extra_headers' || (/key|secret|token|password|passphrase|credential|authorization|headers|cookie/i.test(name) && !harmless.test(name));
}

const fields = z.record(z.string().max(200), z.unknown());

/** What calls and tests said of a model lately, as the instance that answers has seen it. Costs nothing to ask. */
export const modelHealth = z.object({
  /** `unknown`: not called since the start · `cooling`: failed, and is left alone until `cooled_until`. */
  state: z.enum(['unknown', 'answering', 'failing', 'cooling']),
  /** When that was seen. */
  at: z.iso.datetime().nullable(),
  /** Why it fails, in words. */
  reason: z.string().nullable(),
  cooled_until: z.iso.datetime().nullable(),
  /** Calls at work now. */
  active: z.number().int(),
  /** Milliseconds to the first byte, averaged. */
  first_byte_ms: z.number().nullable(),
});

/** One deployment of a model of the gateway's own: of its configuration file, or added while running. */
export const configuredModel = z.object({
  id: z.string(),
  /** The name that callers use; models of one name share the load. */
  model_name: z.string(),
  provider: z.string(),
  /** As the provider names it. */
  model: z.string(),
  source: z.enum(['file', 'database']),
  /** Line in the file. */
  line: z.number().int().nullable(),
  /** As they were given, without secrets. */
  litellm_params: fields,
  model_info: fields,
  /** Names of the secrets that are stored. */
  secrets: z.array(z.string()),
  api_base: z.string().nullable(),
  mode: z.string().nullable(),
  /** US dollars a token; null when nobody lists it. */
  prices: z.object({ input: z.number().nullable(), output: z.number().nullable(), cache_read: z.number().nullable(), configured: z.boolean() }),
  context_window: z.number().int().nullable(),
  health: modelHealth,
  /** Why it cannot be used at all. */
  problem: z.string().nullable(),
  /** Parameters that do nothing here. */
  unused: z.array(z.string()),
  created_at: z.iso.datetime().nullable(),
  updated_at: z.iso.datetime().nullable(),
});
export type ConfiguredModel = z.infer<typeof configuredModel>;

const modelName = z.string().trim().min(1).max(300);
/** `sealed_secrets`: a JSON object of secret parameters, sealed to the gateway's key. Null takes a field away. */
const changes = { model_name: modelName.optional(), litellm_params: fields.optional(), model_info: fields.optional(), sealed_secrets: z.string().max(200_000).optional() };
const byGateway = { owner: 'llm-gateway', callers: ['gateway'] } as const;

/** Models of the gateway's own, for administrators. `BAD_INPUT` names the field, in its details too. */
export const llmModels = {
  list: defineRequest('llm.configured-model.list', { ...byGateway, idempotent: true, input: z.object({}), output: z.object({ models: z.array(configuredModel), providers: z.array(z.string()) }) }),
  add: defineRequest('llm.configured-model.add', { ...byGateway, input: z.object({ ...changes, model_name: modelName }), output: configuredModel, errors: ['BAD_INPUT', 'CONFLICT'] }),
  /** What is absent stays. Secrets must be given again when the address changes. `CONFLICT`: it is in the file, or somebody else changed it meanwhile. */
  change: defineRequest('llm.configured-model.change', { ...byGateway, input: z.object({ id: z.string().max(300), ...changes }), output: configuredModel, errors: ['BAD_INPUT', 'CONFLICT', 'NOT_FOUND'] }),
  remove: defineRequest('llm.configured-model.remove', { ...byGateway, input: z.object({ id: z.string().max(300) }), output: z.object({}), errors: ['CONFLICT', 'NOT_FOUND'] }),
  /** One small real call. A refusal by the provider is an answer (`ok: false` with its words), not an error. */
  test: defineRequest('llm.configured-model.test', { ...byGateway, timeoutMs: 30_000, input: z.object({ id: z.string().max(300) }), output: z.object({ ok: z.boolean(), message: z.string(), duration_ms: z.number() }), errors: ['NOT_FOUND'] }),
} as const;

/** Models were added, changed or removed: every instance reads them again. */
export const modelsChanged = defineEvent('models.{instance}.changed', { owner: 'llm-gateway', consumers: ['llm-gateway'], data: z.object({ instance: z.string() }) });
