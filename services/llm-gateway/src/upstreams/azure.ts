import type { ApiFormat, CalledFormat } from '../wire/formats.ts';
import type { Dialect } from '../wire/translation.ts';
import type { BearerToken } from './bearer-token.ts';
import { openaiDialect, reasons } from './model-dialects.ts';
import { chatChanges } from './openai-compatible.ts';
import { splitUrl } from './url-parts.ts';
import type { Endpoint, ModelUpstream, OutgoingCall, PreparedCall } from './upstream.ts';

const paths: Partial<Record<Endpoint, string>> = { chat: '/chat/completions', responses: '/responses', embeddings: '/embeddings' };

export interface AzureAddress {
  deployment: string;
  base: string;
  /** Null, `v1`, `latest` or `preview`: the API without dated versions. */
  apiVersion: string | null;
  key: string | null;
  token: BearerToken | null;
  secrets: readonly string[];
  extraHeaders: Record<string, string>;
  /** The model behind the deployment. */
  baseModel: string;
  onlyResponses: boolean;
}

/** Azure OpenAI: dated versions have a path for each deployment; the newer API has the deployment in the body. */
export class AzureUpstream implements ModelUpstream {
  readonly provider = 'azure';
  readonly embeddings = 'openai';
  readonly model: string;
  readonly baseUrl: string;
  readonly dialect: Dialect;
  readonly secrets: readonly string[];
  private readonly origin: string;
  private readonly root: string;
  private readonly dated: boolean;

  constructor(private readonly address: AzureAddress) {
    this.model = address.deployment;
    this.baseUrl = address.base;
    this.secrets = address.secrets;
    this.dialect = openaiDialect(address.baseModel);
    const { origin, path } = splitUrl(address.base);
    this.origin = origin;
    this.root = path.replace(/\/openai(\/v1|\/deployments\/.*)?$/, '');
    this.dated = address.apiVersion !== null && /^\d/.test(address.apiVersion);
  }

  formatFor(client: ApiFormat): CalledFormat {
    if (this.address.onlyResponses || client === 'openai-responses') return 'openai-responses';
    return client === 'anthropic-messages' && reasons(this.address.baseModel) ? 'openai-responses' : 'openai-chat';
  }

  serves(endpoint: Endpoint): boolean {
    return paths[endpoint] !== undefined;
  }

  bodyChanges(endpoint: Endpoint, body: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return { ...(body.model !== this.model && { model: this.model }), ...(endpoint === 'chat' && chatChanges(body, this.dialect)) };
  }

  prepare({ endpoint, clientHeaders }: OutgoingCall): PreparedCall | Promise<PreparedCall> {
    const { key, token, extraHeaders } = this.address;
    const prepared = (credential: Record<string, string>): PreparedCall => ({ origin: this.origin, path: this.path(endpoint), headers: { ...clientHeaders, ...credential, ...extraHeaders } });
    if (key !== null) return prepared({ 'api-key': key });
    if (token === null) return prepared({});
    const current = token.current();
    return typeof current === 'string' ? prepared({ authorization: `Bearer ${current}` }) : current.then((value) => prepared({ authorization: `Bearer ${value}` }));
  }

  decoder(): null {
    return null;
  }

  private path(endpoint: Endpoint): string {
    const { apiVersion, deployment } = this.address;
    const end = paths[endpoint] ?? '';
    if (!this.dated) return `${this.root}/openai/v1${end}${apiVersion === 'preview' ? '?api-version=preview' : ''}`;
    const place = endpoint === 'responses' ? '' : `/deployments/${encodeURIComponent(deployment)}`;
    return `${this.root}/openai${place}${end}?api-version=${encodeURIComponent(apiVersion ?? '')}`;
  }
}
