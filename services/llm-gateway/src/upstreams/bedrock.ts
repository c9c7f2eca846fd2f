import type { CalledFormat } from '../wire/formats.ts';
import { isRecord } from '../wire/token-usage.ts';
import type { Dialect } from '../wire/translation.ts';
import { awsSigner, type AwsCredentials } from './aws-signer.ts';
import { claudeEvent, converseEvent } from './bedrock-events.ts';
import { EventStreamDecoder } from './event-stream-decoder.ts';
import { claudeDialect } from './model-dialects.ts';
import { splitUrl } from './url-parts.ts';
import type { Endpoint, ModelUpstream, OutgoingCall, PreparedCall, StreamDecoder } from './upstream.ts';

const anthropicVersion = 'bedrock-2023-05-31';
/** Fields of Anthropic's own service, which Bedrock answers with 400. */
const notTaken = ['model', 'stream', 'service_tier', 'container', 'mcp_servers', 'inference_geo', 'speed', 'context_management'] as const;
/** Betas that Bedrock knows; it refuses a call that names another. */
const betas = /^(computer-use-|token-efficient-tools-2025|interleaved-thinking-2025|output-128k-2025|dev-full-thinking-2025|context-1m-2025|effort-2025|tool-search-tool-2025|tool-examples-2025)/;

export interface BedrockAddress {
  /** A model's id, an inference profile's, or an ARN. */
  model: string;
  /** The model behind a profile whose name does not say it. */
  baseModel: string;
  region: string;
  /** Null: the region's own address. */
  base: string | null;
  credentials: AwsCredentials | { bearer: string };
  /** `bedrock/converse/NAME`. */
  converse: boolean;
  extraHeaders: Record<string, string>;
}

/** Bedrock: Claude in Anthropic's format, embeddings in their makers' formats, every other model by Converse. Signed with AWS keys, or with a Bedrock key. */
export class BedrockUpstream implements ModelUpstream {
  readonly provider = 'bedrock';
  readonly embeddings: 'titan' | 'cohere' | null;
  readonly model: string;
  readonly baseUrl: string;
  readonly dialect: Dialect;
  readonly secrets: readonly string[];
  private readonly claude: boolean;
  private readonly origin: string;
  private readonly root: string;
  private readonly authenticate: (path: string, headers: Record<string, string>, body: Buffer) => Record<string, string> | Promise<Record<string, string>>;

  constructor(address: BedrockAddress) {
    this.model = address.model;
    this.claude = !address.converse && /(^|[./])anthropic\.|^claude-/.test(address.baseModel);
    this.embeddings = /titan-embed-(text|g1)/.test(address.baseModel) ? 'titan' : /cohere\.embed-/.test(address.baseModel) ? 'cohere' : null;
    this.baseUrl = address.base ?? `https://bedrock-runtime.${address.region}.amazonaws.com`;
    this.dialect = /anthropic|claude/.test(address.baseModel) ? { ...claudeDialect(address.baseModel), cachePoints: 'all' } : /amazon\.nova/.test(address.baseModel) ? { cachePoints: 'texts' } : {};
    const { origin, path } = splitUrl(this.baseUrl);
    this.origin = origin;
    this.root = path;
    const { credentials, extraHeaders } = address;
    if ('bearer' in credentials) {
      this.secrets = [credentials.bearer];
      this.authenticate = (_path, headers) => ({ ...headers, authorization: `Bearer ${credentials.bearer}`, ...extraHeaders });
    } else {
      this.secrets = [credentials.secretAccessKey, ...(credentials.sessionToken === undefined ? [] : [credentials.sessionToken])];
      const sign = awsSigner(credentials, address.region, 'bedrock');
      this.authenticate = async (place, headers, body) => sign(origin, place, { ...headers, ...extraHeaders }, body);
    }
  }

  formatFor(): CalledFormat {
    return this.claude ? 'anthropic-messages' : 'bedrock-converse';
  }

  serves(endpoint: Endpoint): boolean {
    if (this.embeddings !== null) return endpoint === 'embeddings';
    return endpoint === (this.claude ? 'messages' : 'chat');
  }

  bodyChanges(endpoint: Endpoint, body: Readonly<Record<string, unknown>>, clientHeaders: Readonly<Record<string, string>>): Record<string, unknown> {
    if (endpoint === 'embeddings') return {};
    const changes: Record<string, unknown> = {};
    for (const name of notTaken) if (body[name] !== undefined) changes[name] = undefined;
    if (!this.claude) return changes;
    changes.anthropic_version = anthropicVersion;
    const asked = (clientHeaders['anthropic-beta'] ?? '').split(',').map((name) => name.trim()).filter((name) => betas.test(name));
    if (asked.length > 0) changes.anthropic_beta = asked;
    if (isRecord(body.metadata)) changes.metadata = undefined;
    return changes;
  }

  prepare({ endpoint, stream, body }: OutgoingCall): PreparedCall | Promise<PreparedCall> {
    const action = endpoint === 'embeddings' ? 'invoke' : this.claude ? (stream ? 'invoke-with-response-stream' : 'invoke') : stream ? 'converse-stream' : 'converse';
    const path = `${this.root}/model/${encodeURIComponent(this.model)}/${action}`;
    const headers = this.authenticate(path, { 'content-type': 'application/json', accept: stream ? 'application/vnd.amazon.eventstream' : 'application/json' }, body);
    const prepared = (ready: Record<string, string>): PreparedCall => ({ origin: this.origin, path, headers: ready });
    return headers instanceof Promise ? headers.then(prepared) : prepared(headers);
  }

  decoder(contentType: string): StreamDecoder | null {
    return /^application\/vnd\.amazon\.eventstream\b/i.test(contentType) ? new EventStreamDecoder(this.claude ? claudeEvent : converseEvent) : null;
  }
}
