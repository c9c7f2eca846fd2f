import type { CacheSettings } from '../cache/cache-settings.ts';
import type { KeyRules } from '../keys/key-rules.ts';
import type { DeploymentParameters } from '../upstreams/upstream.ts';

/** What LiteLLM's `config.yaml` says, as far as it is followed here. Times are seconds, as in the file. */
export interface GatewayFile {
  models: ModelEntry[];
  router: RouterSettings;
  /** `general_settings.master_key`. */
  masterKey: string | null;
  /** `general_settings.litellm_key_header_name`, in small letters: where a key is looked for first. */
  keyHeader: string | null;
  /** `general_settings.max_request_size_mb`, in bytes. */
  maximumBodyBytes: number | null;
  /** Streams end with their usage whether a client asked for it or not. */
  alwaysUsage: boolean;
  /** `general_settings.pass_through_endpoints`. */
  passThrough: PassThroughEntry[];
  /** `litellm_settings.cache`; null: answers are not kept. */
  cache: CacheSettings | null;
  /** What keys that are made get, and may get. */
  keyRules: KeyRules;
  /** One line for everything that is in the file and does nothing here, with its line number. */
  notes: string[];
}

/** A path that leads to another address, as LiteLLM's file describes one. */
export interface PassThroughEntry {
  path: string;
  target: string;
  headers: Readonly<Record<string, string>>;
  forwardHeaders: boolean;
  subpaths: boolean;
  /** `auth: false`. */
  withoutKey: boolean;
  line: number;
}

/** One deployment of a model: where it is, and what is known of it. */
export interface ModelEntry {
  /** `model_info.id`, or made of its contents: the same in every instance and after every start. */
  id: string;
  /** `model_name`: entries of one name share the load. `openai/*` stands for all of a provider's. */
  group: string;
  parameters: DeploymentParameters;
  limits: DeploymentLimits;
  /** What its requests say, by the names of chat completions, where a client does not. */
  defaults: Readonly<Record<string, unknown>>;
  /** US dollars a token; what is null is from the price list. Null itself: nobody configured this, it is the way to a provider of a person's own or the server's. */
  prices: Prices | null;
  /** The model that prices and limits are looked up for, when the deployment's name does not say it. */
  baseModel: string | null;
  mode: string | null;
  /** `model_info` as it was given. */
  info: Readonly<Record<string, unknown>>;
  /** Line in the file; 0 of one that was added while running. */
  line: number;
}

export interface DeploymentLimits {
  rpm: number | null;
  tpm: number | null;
  maxParallelRequests: number | null;
  timeout: number | null;
  streamTimeout: number | null;
  maxRetries: number | null;
  weight: number | null;
  /** Lower comes first; the next only when none of it can be asked. */
  order: number | null;
  tags: readonly string[];
  maxInputTokens: number | null;
}

export interface Prices {
  input: number | null;
  output: number | null;
  cacheRead: number | null;
  cacheWrite: number | null;
  /** Of writes that last an hour, where they cost something else. */
  cacheWriteHour?: number | null;
}

export const routingStrategies = ['simple-shuffle', 'least-busy', 'usage-based-routing', 'latency-based-routing'] as const;
export type RoutingStrategy = (typeof routingStrategies)[number];

/** Kinds of failures that policies count apart, by LiteLLM's names. */
export const policyKinds = ['BadRequestError', 'AuthenticationError', 'TimeoutError', 'RateLimitError', 'ContentPolicyViolationError', 'InternalServerError'] as const;
export type PolicyKind = (typeof policyKinds)[number];

export type Fallbacks = Readonly<Record<string, readonly string[]>>;

export interface RouterSettings {
  strategy: RoutingStrategy;
  retries: number;
  timeout: number;
  streamTimeout: number | null;
  allowedFails: number;
  cooldown: number;
  cooldowns: boolean;
  retryPolicy: Partial<Record<PolicyKind, number>>;
  allowedFailsPolicy: Partial<Record<PolicyKind, number>>;
  fallbacks: Fallbacks;
  contextWindowFallbacks: Fallbacks;
  contentPolicyFallbacks: Fallbacks;
  /** Tried for every group after its own. */
  defaultFallbacks: readonly string[];
  /** Other groups that one call may be given to. */
  maxFallbacks: number;
  /** Seconds between two attempts at the same deployment, at least. */
  retryAfter: number;
  aliases: Readonly<Record<string, string>>;
  /** Aliases that no list of models shows. */
  hiddenAliases: readonly string[];
  preCallChecks: boolean;
  tagFiltering: boolean;
  /** One tag of a call is enough; else a deployment must have them all. */
  anyTag: boolean;
}

export const defaultRouter: RouterSettings = {
  strategy: 'simple-shuffle', retries: 2, timeout: 600, streamTimeout: null, allowedFails: 3, cooldown: 5, cooldowns: true, retryPolicy: {}, allowedFailsPolicy: {},
  fallbacks: {}, contextWindowFallbacks: {}, contentPolicyFallbacks: {}, defaultFallbacks: [], maxFallbacks: 5, retryAfter: 0, aliases: {}, hiddenAliases: [], preCallChecks: false, tagFiltering: false, anyTag: true,
};
