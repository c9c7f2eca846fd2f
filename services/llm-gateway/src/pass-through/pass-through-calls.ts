import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Transform, type TransformCallback } from 'node:stream';
import { newId } from '@deskhand/contracts';
import { discardRest } from '../http/discard.ts';
import type { RelayLimits } from '../http/relayed-call.ts';
import type { Caller, Callers } from '../keys/callers.ts';
import type { KeyCall, KeyCalls } from '../keys/key-calls.ts';
import { modelFor, payersOf, type VirtualKey } from '../keys/virtual-keys.ts';
import type { OutgoingHttp } from '../outgoing/outgoing-http.ts';
import { callingAgent } from '../usage/calling-agent.ts';
import type { Metrics } from '../usage/metrics.ts';
import { estimatedInput, type CallOutcome, type ModelCall } from '../usage/model-call.ts';
import type { UsageRecorder } from '../usage/usage-recorder.ts';
import { anthropicMessages } from '../wire/anthropic-messages.ts';
import type { ApiFormat } from '../wire/formats.ts';
import { openaiChat } from '../wire/openai-chat.ts';
import { noUsage } from '../wire/token-usage.ts';
import { WireError, type Wire } from '../wire/wire-format.ts';
import { formatOf, targetPath, type PassThroughEndpoint, type PassThroughEndpoints } from './pass-through-endpoints.ts';
import { headersUp, possibleCredentials } from './pass-through-headers.ts';
import { PassedCall, type PassedOutcome } from './passed-call.ts';
import { UsageWatcher } from './usage-watcher.ts';

export interface PassThroughParts {
  endpoints: PassThroughEndpoints;
  callers: Callers;
  keyCalls: KeyCalls;
  outgoing: OutgoingHttp;
  recorder: UsageRecorder;
  metrics: Metrics;
  limits: RelayLimits & { bodyBytes: number };
}

interface ServedPath {
  methods: null;
  wire: Wire;
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** Requests that go to another address as they are, with the caller's own login there: subscriptions of coding agents above all. */
export class PassThroughCalls {
  constructor(private readonly parts: PassThroughParts) {}

  /** What serves a path; null: nothing here does. */
  endpoint(path: string): ServedPath | null {
    const endpoint = this.parts.endpoints.find(path);
    if (endpoint === null) return null;
    const wire = /anthropic/.test(new URL(endpoint.target).hostname) || endpoint.path === '/claude' ? anthropicMessages : openaiChat;
    return { methods: null, wire, handle: async (request, response) => this.serve(endpoint, wire, request, response) };
  }

  /** Throws `WireError` while nothing was answered yet. */
  private async serve(endpoint: PassThroughEndpoint, wire: Wire, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedMark = performance.now();
    const method = request.method ?? 'GET';
    const url = request.url ?? '/';
    const path = targetPath(endpoint, url);
    if (path === null) throw new WireError('bad-request', 'This path leads out of its place.');
    const headers = headersUp(endpoint, request.headers, this.parts.callers.keyHeader);
    await this.refuseOwnKeys(endpoint, headers, path);
    const key = await this.admit(endpoint, request);
    const format = formatOf(method, url.split('?', 1)[0] ?? '');
    const call: ModelCall | null = format && {
      id: newId(), startedAt: Date.now(), startedMark, route: { source: 'caller', provider: endpoint.path.slice(1), model: 'unknown' }, wire: format, stream: false, requestBytes: Number(request.headers['content-length'] ?? 0),
      // No address that a price list knows: what a call of somebody's subscription costs cannot be said.
      baseUrl: endpoint.path, officialPrices: false, run: null, agent: callingAgent(request.headers), key: key && payersOf(key),
    };
    const held = key === null ? null : await this.parts.keyCalls.beginFree(key);
    if (response.destroyed) return held?.dropped();
    if (call !== null) this.begin(call);
    this.pass(endpoint, wire, call, format, held, { path, headers }, request, response);
  }

  private pass(endpoint: PassThroughEndpoint, wire: Wire, call: ModelCall | null, format: ApiFormat | null, held: KeyCall | null, to: { path: string; headers: Record<string, string | string[]> }, request: IncomingMessage, response: ServerResponse): void {
    const { outgoing, limits } = this.parts;
    const own = Object.fromEntries(Object.entries(endpoint.headers).map(([name, value]) => [name.toLowerCase(), value]));
    // A refusal that may quote the operator's login has to be read.
    const plain = Object.keys(own).length === 0 ? {} : { 'accept-encoding': 'identity' };
    const body = hasBody(request) ? request.pipe(new Limited(limits.bodyBytes)) : null;
    const passed = new PassedCall({
      response, wire, limits, callId: call?.id ?? newId(), startedMark: call?.startedMark ?? performance.now(), secrets: Object.values(endpoint.headers),
      watch: (headers) => (format === null ? null : new UsageWatcher(format, headers)),
      ended: (outcome) => {
        // The rest of a body that the provider did not want is the client's to send and nobody's to keep.
        if (body !== null) request.unpipe(body);
        discardRest(request);
        if (call === null) held?.dropped();
        else void this.account(call, held, outcome, request.headers['content-encoding'] === undefined ? (body?.size ?? 0) : 0);
      },
    });
    try {
      outgoing.dispatch(new URL(endpoint.target).origin, { path: to.path, method: request.method as 'POST', headers: { ...to.headers, ...plain, ...own }, body }, passed);
    } catch (error) {
      // Something in it that no HTTP client sends: a header with a line break, an unknown method.
      passed.onResponseError(null, error as Error);
    }
  }

  /** A key of ours in a place that travels would end up in somebody else's hands. */
  private async refuseOwnKeys(endpoint: PassThroughEndpoint, headers: Readonly<Record<string, string | string[]>>, path: string): Promise<void> {
    const seen = new Set(possibleCredentials(headers, path));
    seen.delete('');
    for (const text of seen) if (await this.parts.callers.owns(text)) throw new WireError('forbidden', `There is a key of this gateway in what goes on to ${new URL(endpoint.target).host}. Send it as "x-litellm-api-key: …" and nowhere else; Authorization and x-api-key carry your own login.`, null, 'gateway_key_in_login');
  }

  /** The virtual key it came with; null for the master key's calls and for open endpoints. */
  private async admit(endpoint: PassThroughEndpoint, request: IncomingMessage): Promise<VirtualKey | null> {
    const { headers } = request;
    const beside = headers['x-litellm-api-key'];
    if (endpoint.open && beside === undefined && !isForwarded(request)) return null;
    if (endpoint.forwardHeaders && beside === undefined) throw new WireError('forbidden', `Send a key of this gateway as "x-litellm-api-key: …". Authorization carries your own login at ${new URL(endpoint.target).host}.`, null, 'missing_api_key');
    const caller = await this.identify(endpoint.forwardHeaders ? { 'x-litellm-api-key': beside } : headers, endpoint);
    if (caller.kind === 'master') return null;
    // A run has one model. With a login of somebody's own it could carry anything out of its computer.
    if (caller.kind === 'run') throw new WireError('forbidden', `The key of a run is for its model only, not for ${endpoint.path}.`, null, 'key_model_access_denied');
    modelFor(caller.key, endpoint.path);
    if (Object.keys(endpoint.headers).length > 0 && caller.key.budgets.length > 0) throw new WireError('forbidden', `This key has a budget, and what ${endpoint.path} costs is not known.`, null, 'unknown_price');
    return caller.key;
  }

  /** A 401 would be taken for the provider's word on the caller's own login, and coding agents would fetch themselves a new one. */
  private async identify(headers: IncomingHttpHeaders, { forwardHeaders }: PassThroughEndpoint): Promise<Caller> {
    try {
      return await this.parts.callers.identify(headers);
    } catch (error) {
      if (forwardHeaders && error instanceof WireError && error.kind === 'unauthenticated') throw new WireError('forbidden', error.message, error.param, error.code);
      throw error;
    }
  }

  private begin(call: ModelCall): void {
    this.parts.metrics.begin();
    this.parts.recorder.begin(call);
  }

  private async account(call: ModelCall, held: KeyCall | null, { status, httpStatus, firstByteMs, watcher, stream, tookAll }: PassedOutcome, requestBytes: number): Promise<void> {
    const nothing = status === 'failed' || status === 'refused' || watcher === null;
    const watched = nothing ? null : await watcher.end(status === 'completed', estimatedInput(requestBytes));
    const known: ModelCall = { ...call, stream, route: { ...call.route, model: watched?.model ?? call.route.model } };
    // Clients leave at the last event without waiting for the end.
    const outcome: CallOutcome = { status: status === 'cancelled' && tookAll && watched?.complete === true ? 'completed' : status, httpStatus, firstByteMs, usage: watched?.usage ?? noUsage, estimated: watched?.estimated ?? false };
    this.parts.metrics.end();
    const ended = this.parts.recorder.end(known, outcome);
    held?.ended(ended);
  }
}

const hasBody = ({ headers }: IncomingMessage): boolean => headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** Whether a proxy before this gateway says that the request came from somewhere else. */
const isForwarded = ({ headers }: IncomingMessage): boolean => ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'].some((name) => headers[name] !== undefined);

/** Passes bytes until there are too many. */
class Limited extends Transform {
  size = 0;

  constructor(private readonly limit: number) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.size += chunk.length;
    if (this.size > this.limit) done(new WireError('too-large', `The body is larger than ${this.limit} bytes.`));
    else done(null, chunk);
  }
}
