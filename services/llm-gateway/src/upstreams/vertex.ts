import type { CalledFormat } from '../wire/formats.ts';
import type { Dialect } from '../wire/translation.ts';
import type { BearerToken } from './bearer-token.ts';
import { claudeDialect, compatibleDialect } from './model-dialects.ts';
import { chatChanges } from './openai-compatible.ts';
import { splitUrl } from './url-parts.ts';
import type { Endpoint, ModelUpstream, OutgoingCall, PreparedCall } from './upstream.ts';

const anthropicVersion = 'vertex-2023-10-16';

export interface VertexAddress {
  model: string;
  /** Null: the location's own address. */
  base: string | null;
  project: string;
  location: string;
  token: BearerToken;
  secrets: readonly string[];
  extraHeaders: Record<string, string>;
}

function hostOf(location: string): string {
  if (location === 'global') return 'https://aiplatform.googleapis.com';
  return location === 'us' || location === 'eu' ? `https://aiplatform.${location}.rep.googleapis.com` : `https://${location}-aiplatform.googleapis.com`;
}

/** Vertex: Claude by its raw prediction, embeddings by prediction, everything else through the endpoint that speaks OpenAI's format. */
export class VertexUpstream implements ModelUpstream {
  readonly provider = 'vertex_ai';
  readonly embeddings: 'vertex' | null;
  readonly model: string;
  readonly baseUrl: string;
  readonly dialect: Dialect;
  readonly secrets: readonly string[];
  private readonly claude: boolean;
  private readonly origin: string;
  private readonly root: string;

  constructor(private readonly address: VertexAddress) {
    this.claude = address.model.startsWith('claude-');
    this.embeddings = !this.claude && /embedding/.test(address.model) ? 'vertex' : null;
    this.model = this.claude || this.embeddings !== null || address.model.includes('/') ? address.model : `google/${address.model}`;
    this.baseUrl = address.base ?? hostOf(address.location);
    this.secrets = address.secrets;
    this.dialect = this.claude ? claudeDialect(address.model) : compatibleDialect('vertex_ai', address.model);
    const { origin, path } = splitUrl(this.baseUrl);
    this.origin = origin;
    this.root = `${path.replace(/\/v1$/, '')}/v1/projects/${encodeURIComponent(address.project)}/locations/${encodeURIComponent(address.location)}`;
  }

  formatFor(): CalledFormat {
    return this.claude ? 'anthropic-messages' : 'openai-chat';
  }

  serves(endpoint: Endpoint): boolean {
    if (this.embeddings !== null) return endpoint === 'embeddings';
    return this.claude ? endpoint === 'messages' || endpoint === 'count-tokens' : endpoint === 'chat';
  }

  bodyChanges(endpoint: Endpoint, body: Readonly<Record<string, unknown>>): Record<string, unknown> {
    if (endpoint === 'embeddings') return {};
    if (endpoint === 'count-tokens') return { model: this.model };
    if (this.claude) return { model: undefined, anthropic_version: anthropicVersion };
    return { ...(body.model !== this.model && { model: this.model }), ...chatChanges(body, this.dialect) };
  }

  prepare({ endpoint, stream, clientHeaders }: OutgoingCall): PreparedCall | Promise<PreparedCall> {
    const prepared = (token: string): PreparedCall => ({ origin: this.origin, path: this.path(endpoint, stream), headers: { ...clientHeaders, authorization: `Bearer ${token}`, ...this.address.extraHeaders } });
    const token = this.address.token.current();
    return typeof token === 'string' ? prepared(token) : token.then(prepared);
  }

  decoder(): null {
    return null;
  }

  private path(endpoint: Endpoint, stream: boolean): string {
    if (endpoint === 'embeddings') return `${this.root}/publishers/google/models/${encodeURIComponent(this.model.replace(/^google\//, ''))}:predict`;
    if (!this.claude) return `${this.root}/endpoints/openapi/chat/completions`;
    const models = `${this.root}/publishers/anthropic/models`;
    return endpoint === 'count-tokens' ? `${models}/count-tokens:rawPredict` : `${models}/${encodeURIComponent(this.model)}:${stream ? 'streamRawPredict' : 'rawPredict'}`;
  }
}
