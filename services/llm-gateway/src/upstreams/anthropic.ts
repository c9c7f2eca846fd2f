import type { CalledFormat } from '../wire/formats.ts';
import type { Dialect } from '../wire/translation.ts';
import { claudeDialect } from './model-dialects.ts';
import { splitUrl } from './url-parts.ts';
import type { Endpoint, ModelUpstream, OutgoingCall, PreparedCall } from './upstream.ts';

const version = '2023-06-01';
const oauthBeta = 'oauth-2025-04-20';
/** Tokens of subscriptions begin so; they travel as bearer tokens. */
const oauthToken = /^sk-ant-oat/;

/** Anthropic, and everyone who speaks its format. */
export class AnthropicUpstream implements ModelUpstream {
  readonly provider = 'anthropic';
  readonly embeddings = null;
  readonly dialect: Dialect;
  readonly secrets: readonly string[];
  private readonly origin: string;
  private readonly root: string;

  constructor(readonly model: string, readonly baseUrl: string, private readonly key: string | null, private readonly extraHeaders: Record<string, string>, baseModel: string = model) {
    this.dialect = claudeDialect(baseModel);
    this.secrets = key === null ? [] : [key];
    const { origin, path } = splitUrl(baseUrl);
    this.origin = origin;
    this.root = path.replace(/\/v1(\/messages)?$/, '');
  }

  formatFor(): CalledFormat {
    return 'anthropic-messages';
  }

  serves(endpoint: Endpoint): boolean {
    return endpoint === 'messages' || endpoint === 'count-tokens';
  }

  bodyChanges(_endpoint: Endpoint, body: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return body.model === this.model ? {} : { model: this.model };
  }

  prepare({ endpoint, clientHeaders }: OutgoingCall): PreparedCall {
    return { origin: this.origin, path: `${this.root}/v1/messages${endpoint === 'count-tokens' ? '/count_tokens' : ''}`, headers: { 'anthropic-version': version, ...clientHeaders, ...this.credential(clientHeaders['anthropic-beta']), ...this.extraHeaders } };
  }

  decoder(): null {
    return null;
  }

  private credential(betas: string | undefined): Record<string, string> {
    if (this.key === null) return {};
    if (!oauthToken.test(this.key)) return { 'x-api-key': this.key };
    return { authorization: `Bearer ${this.key}`, 'anthropic-beta': betas === undefined || betas === '' ? oauthBeta : betas.includes(oauthBeta) ? betas : `${betas},${oauthBeta}` };
  }
}
