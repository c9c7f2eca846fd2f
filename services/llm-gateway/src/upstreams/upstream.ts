import type { EmbeddingFormat } from '../wire/embeddings/embedding-sides.ts';
import type { ApiFormat, CalledFormat } from '../wire/formats.ts';
import type { Dialect } from '../wire/translation.ts';

/** What a provider can be asked for; the first three are the endpoints of the client formats. */
export type Endpoint = 'chat' | 'responses' | 'messages' | 'embeddings' | 'count-tokens';

/** The endpoint that a body of this format goes to. */
export const endpointOf: Readonly<Record<CalledFormat, Endpoint>> = { 'openai-chat': 'chat', 'openai-responses': 'responses', 'anthropic-messages': 'messages', 'bedrock-converse': 'chat' };

/** A deployment's way to its model, in the names of LiteLLM's `litellm_params`; others are not read here. */
export interface DeploymentParameters {
  /** `provider/name`; without a provider it is told by the name's beginning. */
  model: string;
  custom_llm_provider?: string;
  api_base?: string;
  api_key?: string;
  api_version?: string;
  organization?: string;
  extra_headers?: Record<string, string>;
  aws_access_key_id?: string;
  aws_secret_access_key?: string;
  aws_session_token?: string;
  aws_region_name?: string;
  aws_bedrock_runtime_endpoint?: string;
  /** A Bedrock key, used as a bearer token instead of a signature. */
  aws_bearer_token_bedrock?: string;
  vertex_project?: string;
  vertex_location?: string;
  /** A service account's JSON, as text. */
  vertex_credentials?: string;
  /** The model behind a deployment whose name does not say it. */
  base_model?: string;
  /** Microsoft Entra: a token instead of a key. */
  azure_ad_token?: string;
  tenant_id?: string;
  client_id?: string;
  client_secret?: string;
  /** Whether a client's parameters are left out that the model is known to refuse. */
  drop_params?: boolean;
}

export interface OutgoingCall {
  endpoint: Endpoint;
  /** The format of the body. */
  format: CalledFormat;
  stream: boolean;
  /** The final bytes: they are what is signed. */
  body: Buffer;
  /** The client's headers that belong to the vendor's format (`anthropic-beta` …), names in lower case. */
  clientHeaders: Readonly<Record<string, string>>;
}

export interface PreparedCall {
  origin: string;
  path: string;
  headers: Record<string, string>;
}

/** Turns a provider's own framing into an event stream (`text/event-stream`), chunk by chunk. */
export interface StreamDecoder {
  /** Throws `LineTooLong` or `BrokenFrame`. */
  push(bytes: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

/** One model at one provider: how it is addressed, signed and authenticated. Holds no connection. */
export interface ModelUpstream {
  /** As configured: `azure`, `bedrock`, … */
  readonly provider: string;
  /** As the provider names it. */
  readonly model: string;
  /** For finding prices, and for the header that names it. */
  readonly baseUrl: string;
  readonly dialect: Dialect;
  /** Values that may never be shown. */
  readonly secrets: readonly string[];
  /** The format to call it in for a client of that format: the same where the provider has it, so that bytes pass. */
  formatFor(client: ApiFormat): CalledFormat;
  serves(endpoint: Endpoint): boolean;
  /** How it is asked for embeddings; null: it has none. */
  readonly embeddings: EmbeddingFormat | null;
  /** Fields to set in a body of that endpoint's format, or to take out (`undefined`): the model's name, usage in streams, and what this provider wants otherwise. */
  bodyChanges(endpoint: Endpoint, body: Readonly<Record<string, unknown>>, clientHeaders: Readonly<Record<string, string>>): Record<string, unknown>;
  /** A promise only where a token must be fetched first. Rejects with `WireError` when there is none to be had. */
  prepare(call: OutgoingCall): PreparedCall | Promise<PreparedCall>;
  /** For an answer whose stream is not an event stream already, told by its content type; null: pass as it is. */
  decoder(contentType: string): StreamDecoder | null;
}
