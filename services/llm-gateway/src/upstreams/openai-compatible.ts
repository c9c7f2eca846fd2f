import type { ApiFormat, CalledFormat } from '../wire/formats.ts';
import { isRecord } from '../wire/token-usage.ts';
import type { Dialect } from '../wire/translation.ts';
import { compatibleDialect, openaiDialect, reasons } from './model-dialects.ts';
import { joined, splitUrl } from './url-parts.ts';
import type { Endpoint, ModelUpstream, OutgoingCall, PreparedCall } from './upstream.ts';

const paths: Partial<Record<Endpoint, string>> = { chat: '/chat/completions', responses: '/responses', embeddings: '/embeddings' };

export interface OpenAiAddress {
  provider: string;
  model: string;
  /** The API's root. */
  base: string;
  key: string | null;
  organization: string | null;
  extraHeaders: Record<string, string>;
  /** `openai/responses/NAME`: called by responses whatever a client speaks. */
  onlyResponses: boolean;
}

/** OpenAI's own service. */
const isOpenAi = (base: string): boolean => new URL(base).hostname.endsWith('api.openai.com');

/** OpenAI, and everyone who speaks its format. */
export class OpenAiCompatibleUpstream implements ModelUpstream {
  readonly embeddings = 'openai';
  readonly provider: string;
  readonly model: string;
  readonly baseUrl: string;
  readonly dialect: Dialect;
  readonly secrets: readonly string[];
  private readonly origin: string;
  private readonly root: string;
  private readonly official: boolean;
  private readonly headers: Record<string, string>;

  constructor(private readonly address: OpenAiAddress) {
    this.provider = address.provider;
    this.model = address.model;
    this.baseUrl = address.base;
    this.secrets = address.key === null ? [] : [address.key];
    this.official = address.provider === 'openai' && isOpenAi(address.base);
    this.dialect = this.official ? openaiDialect(address.model) : compatibleDialect(address.provider, address.model);
    ({ origin: this.origin, path: this.root } = splitUrl(address.base));
    this.headers = { ...(address.key !== null && { authorization: `Bearer ${address.key}` }), ...(address.organization !== null && { 'openai-organization': address.organization }), ...address.extraHeaders };
  }

  /** OpenAI's models that reason think on across calls of tools only in responses. */
  formatFor(client: ApiFormat): CalledFormat {
    if (this.address.onlyResponses) return 'openai-responses';
    if (client === 'openai-responses') return this.official ? client : 'openai-chat';
    return client === 'anthropic-messages' && this.official && reasons(this.model) ? 'openai-responses' : 'openai-chat';
  }

  serves(endpoint: Endpoint): boolean {
    return endpoint === 'responses' ? this.official || this.address.onlyResponses : paths[endpoint] !== undefined;
  }

  bodyChanges(endpoint: Endpoint, body: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return { ...(body.model !== this.model && { model: this.model }), ...(endpoint === 'chat' && chatChanges(body, this.dialect)) };
  }

  prepare({ endpoint, clientHeaders }: OutgoingCall): PreparedCall {
    return { origin: this.origin, path: joined(this.root, paths[endpoint] ?? ''), headers: { ...clientHeaders, ...this.headers } };
  }

  decoder(): null {
    return null;
  }
}

/** What a chat completion's body needs for this dialect: usage asked for in streams, and Mistral's names. */
export function chatChanges(body: Readonly<Record<string, unknown>>, dialect: Dialect): Record<string, unknown> {
  if (dialect.streamUsage === false) {
    // Mistral answers 422 to both fields; it states usage unasked, in its last event with content.
    const limit = body.max_completion_tokens === undefined ? {} : { max_completion_tokens: undefined, max_tokens: body.max_completion_tokens };
    return { ...(body.stream_options !== undefined && { stream_options: undefined }), ...limit };
  }
  const asked = isRecord(body.stream_options) ? body.stream_options : {};
  return { ...(body.stream === true && asked.include_usage !== true && { stream_options: { ...asked, include_usage: true } }), ...newerLimit(body, dialect) };
}

/** OpenAI's models that reason refuse the older name of an output limit. */
function newerLimit({ max_tokens: older, max_completion_tokens: newer }: Readonly<Record<string, unknown>>, { sampling, maxTokensField }: Dialect): Record<string, unknown> {
  return older === undefined || sampling !== false || maxTokensField === 'max_tokens' ? {} : { max_tokens: undefined, max_completion_tokens: newer ?? older };
}
