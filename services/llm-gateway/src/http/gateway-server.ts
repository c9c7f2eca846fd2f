import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Log } from '@deskhand/platform';
import { ShortCalls } from '../incoming/short-calls.ts';
import { ShortRequest } from '../incoming/short-request.ts';
import type { Callers } from '../keys/callers.ts';
import type { PassThroughCalls } from '../pass-through/pass-through-calls.ts';
import type { Metrics } from '../usage/metrics.ts';
import { anthropicMessages } from '../wire/anthropic-messages.ts';
import { openaiChat } from '../wire/openai-chat.ts';
import { openaiCompletions } from '../wire/openai-completions.ts';
import { openaiResponses } from '../wire/openai-responses.ts';
import { asWireError, WireError, type Wire } from '../wire/wire-format.ts';
import { answerError, answerJson } from './answers.ts';
import type { CacheRoutes } from './cache-routes.ts';
import type { CallRequest, CallResponse } from './call-exchange.ts';
import { discardRest } from './discard.ts';
import type { EmbeddingCalls } from './embedding-calls.ts';
import type { KeyRoutes } from './key-routes.ts';
import type { ModelCalls } from './model-calls.ts';
import type { ModelList } from './model-list.ts';
import type { ModelRoutes } from './model-routes.ts';
import type { OperationRoutes } from './operation-routes.ts';
import { ClientGone } from './read-body.ts';
import type { TokenCounts } from './token-counts.ts';
import type { SpendRoutes } from './spend-routes.ts';

interface Endpoint {
  /** Null: any. */
  methods: readonly string[] | null;
  /** Whose errors it answers with. */
  wire: Wire;
  handle(request: IncomingMessage, response: ServerResponse): Promise<void> | void;
}

/** Where models are called; all take POST. */
type CallEndpoint = Pick<Endpoint, 'wire'> & { handle(request: CallRequest, response: CallResponse): Promise<void> };

export interface GatewayServerParts {
  calls: ModelCalls;
  counts: TokenCounts;
  embeddings: EmbeddingCalls;
  callers: Callers;
  keyRoutes: KeyRoutes;
  cacheRoutes: CacheRoutes;
  modelRoutes: ModelRoutes;
  operationRoutes: OperationRoutes;
  passThrough: PassThroughCalls;
  spendRoutes: SpendRoutes;
  models: ModelList;
  metrics: Metrics;
  log: Log;
  /** Where answers are kept, by LiteLLM's words; null: nowhere. */
  cacheType: string | null;
  /** Whether new calls are welcome; false while the service drains. */
  ready(): Promise<boolean>;
}

/** The HTTP API of the model gateway. */
export class GatewayServer {
  private readonly server: Server;
  private readonly short: ShortCalls;
  private readonly callEndpoints: ReadonlyMap<string, CallEndpoint>;
  private readonly endpoints: ReadonlyMap<string, Endpoint>;

  constructor(private readonly parts: GatewayServerParts) {
    this.callEndpoints = new Map(this.listCallEndpoints());
    this.endpoints = new Map(this.listEndpoints());
    this.server = createServer({ maxHeaderSize: 32 * 1024, headersTimeout: 20_000, requestTimeout: 300_000, keepAliveTimeout: keptMs, noDelay: true }, (request, response) => this.serve(request, response));
    this.server.maxConnections = 10_000;
    this.short = new ShortCalls(this.server, { keptMs, isServed: (path) => this.callEndpoints.has(path), serve: (path, request, response) => this.handle(this.callEndpoints.get(path)!, request, response) });
  }

  /** Resolves with the port. */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject).listen(port, host, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
    return (this.server.address() as AddressInfo).port;
  }

  /** Takes no new connections and waits for the calls at work, at most `limitMs`; then cuts them. */
  async close(limitMs: number): Promise<void> {
    if (!this.server.listening) return;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeIdleConnections();
    this.short.close();
    const limit = setTimeout(() => {
      this.server.closeAllConnections();
      this.short.closeAll();
    }, limitMs);
    await closed;
    clearTimeout(limit);
    this.short.closeAll();
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const endpoint = this.endpoints.get(path) ?? this.parts.passThrough.endpoint(path) ?? this.endpointNamed(path);
    const wire = endpoint?.wire ?? openaiChat;
    try {
      // Clients that would rather have a socket go on without one as soon as they hear this.
      if (request.headers.upgrade !== undefined) return answerUpgrade(response, wire);
      if (!endpoint) throw new WireError('not-found', `There is no ${path.slice(0, 200)} here.`, null, 'unknown_url');
      if (endpoint.methods !== null && !endpoint.methods.includes(request.method ?? '')) {
        response.setHeader('allow', endpoint.methods.join(', '));
        throw new WireError('method-not-allowed', `${path} takes ${endpoint.methods.join(', ')}.`);
      }
      this.handle(endpoint, request, response);
    } catch (error) {
      this.refuse(request, response, wire, error);
    }
  }

  private handle<Request extends CallRequest, Response extends CallResponse>(endpoint: { wire: Wire; handle(request: Request, response: Response): Promise<void> | void }, request: Request, response: Response): void {
    const refuse = (error: unknown): void => this.refuse(request, response, endpoint.wire, error);
    try {
      const served = endpoint.handle(request, response);
      if (served instanceof Promise) served.catch(refuse);
    } catch (error) {
      refuse(error);
    }
  }

  private refuse(request: CallRequest, response: CallResponse, wire: Wire, error: unknown): void {
    if (error instanceof ClientGone) return void response.destroy();
    const known = asWireError(error);
    if (!known) this.parts.log.error('A request to the model gateway failed', { error });
    if (response.headersSent) response.destroy();
    else answerError(response, wire, known ?? new WireError('internal', 'The model gateway failed. Its log says why.'));
    if (!(request instanceof ShortRequest)) discardRest(request);
  }

  /** Paths that name something, and those with a slash too many, as many a base URL leaves one. */
  private endpointNamed(path: string): Endpoint | undefined {
    const bare = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    const key = /^\/key\/([^/]+)\/regenerate$/.exec(bare)?.[1];
    if (key !== undefined) return { methods: ['POST'], wire: openaiChat, handle: async (request, response) => this.parts.keyRoutes.regenerateNamed(decoded(key), request, response) };
    const model = /^(?:\/v1)?\/models\/(.+)$/.exec(bare)?.[1];
    if (model !== undefined) return { methods: reading, wire: openaiChat, handle: async (request, response) => answerJson(response, 200, await this.parts.models.one(request, decoded(model))) };
    return this.deploymentEndpoint(bare) ?? (bare === path ? undefined : this.endpoints.get(bare));
  }

  /** As Azure's libraries have it: the model is in the path. */
  private deploymentEndpoint(path: string): Endpoint | undefined {
    const [, model = '', operation = ''] = /^\/(?:openai\/deployments|engines)\/(.+?)\/(chat\/completions|completions|embeddings)$/.exec(path) ?? [];
    const { calls, embeddings } = this.parts;
    if (operation === 'embeddings') return { methods: ['POST'], wire: openaiChat, handle: async (request, response) => embeddings.serve(request, response, decoded(model)) };
    const wire = operation === 'completions' ? openaiCompletions : openaiChat;
    return operation === '' ? undefined : { methods: ['POST'], wire, handle: async (request, response) => calls.serve(wire, request, response, decoded(model)) };
  }

  private *listCallEndpoints(): Generator<[string, CallEndpoint]> {
    const { calls } = this.parts;
    for (const [wire, ...paths] of [[openaiChat, '/v1/chat/completions', '/chat/completions'], [openaiCompletions, '/v1/completions', '/completions'], [openaiResponses, '/v1/responses', '/responses'], [anthropicMessages, '/v1/messages']] as [Wire, ...string[]][]) {
      const endpoint: CallEndpoint = { wire, handle: (request, response) => calls.serve(wire, request, response) };
      for (const path of paths) yield [path, endpoint];
    }
  }

  private *listEndpoints(): Generator<[string, Endpoint]> {
    const { callers, counts, embeddings, metrics } = this.parts;
    const get = reading;
    for (const [path, endpoint] of this.callEndpoints) yield [path, { methods: ['POST'], ...endpoint }];
    const counted: Endpoint = { methods: ['POST'], wire: anthropicMessages, handle: (request, response) => counts.serve(request, response) };
    const embedded: Endpoint = { methods: ['POST'], wire: openaiChat, handle: async (request, response) => embeddings.serve(request, response) };
    const models: Endpoint = { methods: get, wire: openaiChat, handle: async (request, response) => answerJson(response, 200, await this.parts.models.all(request)) };
    const alive: Endpoint = { methods: get, wire: openaiChat, handle: (_, response) => answerJson(response, 200, { status: 'ok' }) };
    const readiness: Endpoint = {
      methods: get, wire: openaiChat,
      handle: async (_, response) => {
        const ready = await this.parts.ready();
        answerJson(response, ready ? 200 : 503, { status: ready ? 'healthy' : 'unhealthy', db: ready ? 'connected' : 'unknown', cache: this.parts.cacheType });
      },
    };
    const exposition: Endpoint = {
      methods: get, wire: openaiChat,
      handle: async (request, response) => {
        if ((await callers.identify(request.headers)).kind !== 'master') throw new WireError('forbidden', 'Metrics need the master key.');
        response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(metrics.render());
      },
    };
    yield* [['/v1/embeddings', embedded], ['/embeddings', embedded], ['/v1/messages/count_tokens', counted], ['/v1/models', models], ['/models', models]] as [string, Endpoint][];
    for (const { routes, reads } of [this.parts.keyRoutes, this.parts.modelRoutes, this.parts.cacheRoutes]) for (const [path, handle] of routes) yield [path, { methods: reads.has(path) ? get : ['POST'], wire: openaiChat, handle }];
    for (const [path, handle] of this.parts.spendRoutes.routes) yield [path, { methods: this.parts.spendRoutes.writes.has(path) ? ['POST'] : get, wire: openaiChat, handle }];
    for (const [path, handle] of this.parts.operationRoutes.routes) yield [path, { methods: get, wire: openaiChat, handle }];
    yield* [['/health/liveliness', alive], ['/health/liveness', alive], ['/health/readiness', readiness], ['/metrics', exposition]] as [string, Endpoint][];
  }
}

const reading = ['GET', 'HEAD'];
/** How long a connection waits for its next request. */
const keptMs = 65_000;

/** Throws `WireError`. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new WireError('bad-request', 'The path is not encoded well.');
  }
}

function answerUpgrade(response: ServerResponse, wire: Wire): void {
  const body = JSON.stringify(wire.errorBody(new WireError('bad-request', 'There are no WebSockets here: send the request over HTTP.', null, 'upgrade_required')));
  response.writeHead(426, { connection: 'close', 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body);
}
