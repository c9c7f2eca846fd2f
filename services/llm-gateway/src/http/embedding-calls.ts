import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '@deskhand/contracts';
import type { CachedAnswer } from '../cache/answer-stores.ts';
import { noControls, takeControls } from '../cache/cache-controls.ts';
import { cachedOutcome, ownerOf, placesOf } from '../cache/cached-calls.ts';
import type { CacheEntry, ResponseCache } from '../cache/response-cache.ts';
import type { Callers } from '../keys/callers.ts';
import type { KeyCache } from '../keys/key-cache.ts';
import type { KeyCall, KeyCalls } from '../keys/key-calls.ts';
import { modelFor, payersOf } from '../keys/virtual-keys.ts';
import type { OutgoingHttp } from '../outgoing/outgoing-http.ts';
import { groupOf, routeId } from '../providers/route.ts';
import type { RoutesService } from '../providers/routes.service.ts';
import type { Attempt } from '../routing/route-plan.ts';
import type { ModelUpstream } from '../upstreams/upstream.ts';
import { callingAgent } from '../usage/calling-agent.ts';
import type { Metrics } from '../usage/metrics.ts';
import type { CallOutcome, ModelCall } from '../usage/model-call.ts';
import type { UsageRecorder } from '../usage/usage-recorder.ts';
import { estimatedTokensOf, readEmbeddingRequest, type EmbeddingRequest } from '../wire/embeddings/embedding-request.ts';
import { noUsage } from '../wire/token-usage.ts';
import { WireError } from '../wire/wire-format.ts';
import { CallHeaders, type WayTaken } from './call-headers.ts';
import type { BodyReader } from './body-reader.ts';
import { callRoute } from './call-route.ts';
import { askForEmbeddings, EmbeddingsRefused, refusedHere, type Embeddings } from './ask-for-embeddings.ts';
import { parseJson } from './read-body.ts';
import { takeName, takeRoutingControls } from './routing-controls.ts';
import type { RelayLimits } from './relayed-call.ts';

export interface EmbeddingCallParts {
  callers: Callers;
  keyCalls: KeyCalls;
  keys: Pick<KeyCache, 'ofRun'>;
  routes: RoutesService;
  outgoing: OutgoingHttp;
  recorder: UsageRecorder;
  metrics: Metrics;
  /** Null: answers are not kept. */
  cache: ResponseCache | null;
  bodies: BodyReader;
  limits: RelayLimits;
}

interface Asked {
  request: EmbeddingRequest;
  raw: Buffer;
  tags: readonly string[];
  /** Aborted when the client leaves. */
  gone: AbortSignal;
}

/** Calls for embeddings, from the first byte to the usage row. */
export class EmbeddingCalls {
  constructor(private readonly parts: EmbeddingCallParts) {}

  /** `named`: the model, where the path names it and not the body. Throws `WireError` while nothing was answered yet. */
  async serve(request: IncomingMessage, response: ServerResponse, named: string | null = null): Promise<void> {
    const startedMark = performance.now();
    const { callers, routes, keyCalls, keys } = this.parts;
    const caller = await callers.identify(request.headers);
    const given = await this.parts.bodies.read(request, response);
    const body = parseJson(given);
    const controls = body.cache === undefined ? noControls : takeControls(body);
    const { tags, taken } = takeRoutingControls(body, request.headers, 'openai-embeddings');
    const renamed = takeName(body, named);
    const raw = controls === noControls && !taken && !renamed ? given : Buffer.from(JSON.stringify(body));
    const asked = readEmbeddingRequest(body);
    const key = caller.kind === 'key' ? caller.key : null;
    const route = await callRoute(routes, caller, key === null ? asked.model : modelFor(key, asked.model));
    const run = caller.kind === 'run' ? caller.claims : null;
    const call: ModelCall = {
      id: newId(), startedAt: Date.now(), startedMark, route, wire: 'openai-embeddings', stream: false, requestBytes: raw.length, baseUrl: null, officialPrices: false,
      run: run && { userId: run.userId, conversationId: run.conversationId, runId: run.runId }, agent: run === null ? callingAgent(request.headers) : 'deskhand', group: groupOf(route), key: key && payersOf(key),
    };
    const holder = key ?? (run === null ? null : await keys.ofRun(run));
    const held = holder === null ? null : await keyCalls.begin(holder, route, raw, body);
    call.reserved = held?.reserved;
    if (response.destroyed) return held?.dropped();
    const gone = new AbortController();
    const left = (): void => gone.abort();
    response.once('close', left);
    try {
      const entry = this.parts.cache?.entry(call, controls, { owner: ownerOf(caller), model: placesOf(routes, route, tags), headers: {}, body }) ?? null;
      const answer = entry === null ? null : await entry.find();
      if (entry !== null && answer !== null) return this.answerAgain(call, held, new CallHeaders(call, key, keyCalls), entry, answer, response);
      entry?.watch(response);
      await this.make(call, held, entry, new CallHeaders(call, key, keyCalls), { request: asked, raw, tags, gone: gone.signal }, response);
    } catch (error) {
      held?.dropped();
      throw error;
    } finally {
      response.off('close', left);
    }
  }

  private answerAgain(call: ModelCall, held: KeyCall | null, own: CallHeaders, entry: CacheEntry, answer: CachedAnswer, response: ServerResponse): void {
    const { metrics, recorder } = this.parts;
    call.route = { ...call.route, provider: answer.provider, model: answer.model };
    metrics.begin();
    recorder.begin(call);
    metrics.end();
    const ended = recorder.end(call, cachedOutcome(call));
    held?.ended(ended);
    own.ended(ended);
    recorder.written(response, () => entry.answer(answer, response, own.of(0)));
  }

  private async make(call: ModelCall, held: KeyCall | null, entry: CacheEntry | null, own: CallHeaders, asked: Asked, response: ServerResponse): Promise<void> {
    const { routes, metrics, recorder } = this.parts;
    const { route } = call;
    const finish = (outcome: CallOutcome): void => {
      entry?.ended(response, outcome);
      metrics.end();
      const ended = recorder.end(call, outcome);
      held?.ended(ended);
      own.ended(ended);
    };
    const sentMark = performance.now();
    const headers = (taken: WayTaken): Record<string, string> => own.of(performance.now() - sentMark, taken);
    const begin = (): void => {
      metrics.begin();
      recorder.begin(call);
    };
    if (route.source === 'builtin') throw withoutEmbeddings(routeId(route));
    const way = route.source === 'group' ? null : await routes.way(call.run?.userId ?? null, route);
    if (way === null && route.source !== 'group') throw new WireError('not-found', `The provider of ${routeId(route)} was removed. Choose another model.`, 'model', 'model_not_found');
    call.officialPrices = way?.official ?? false;
    const { inputs } = asked.request;
    const size = { input: estimatedTokensOf(inputs), longest: Math.max(...inputs.map((input) => estimatedTokensOf([input]))), tags: asked.tags };
    const plan = (way?.router ?? routes.router).plan(route.model, size);
    await plan.prepare();
    const first = plan.first();
    if (first === null) throw plan.nobody;
    if (first.upstream.embeddings === null) {
      first.deployment.end(null, -size.input, first.deployment.begin(size));
      throw withoutEmbeddings(routeId(route));
    }
    begin();
    let attempt: Attempt = first;
    for (;;) {
      const { deployment, upstream, group } = attempt;
      // A provider of somebody's own keeps the names that it was chosen by.
      if (way === null) call.route = { source: 'group', provider: upstream.provider, model: upstream.model };
      Object.assign(call, { baseUrl: upstream.baseUrl, prices: deployment.entry.prices, baseModel: deployment.entry.baseModel });
      const minute = deployment.begin(size);
      const told = await this.ask(upstream, asked, attempt.wholeMs);
      if (told instanceof EmbeddingsRefused) deployment.end(null, -size.input, minute);
      else deployment.end(told.firstByteMs, (told.tokens ?? size.input) - size.input, minute);
      const next = told instanceof EmbeddingsRefused && !asked.gone.aborted ? plan.after(told.failure) : null;
      if (next === null) return this.answer(call, asked, told, response, finish, () => headers({ entry: way === null ? { id: deployment.entry.id, group } : null, retries: plan.attemptedRetries, fallbacks: plan.attemptedFallbacks }));
      attempt = next;
      if (next.waitMs > 0) await sleep(next.waitMs, undefined, { signal: asked.gone }).catch(() => {});
    }
  }

  private async ask(upstream: ModelUpstream, { request, raw, gone }: Asked, firstByteMs = this.parts.outgoing.timeouts.firstByteMs): Promise<Embeddings | EmbeddingsRefused> {
    const started = performance.now();
    try {
      return await askForEmbeddings(this.parts.outgoing, upstream, request, raw, { gone, firstByteMs, answerBytes: this.parts.limits.answerBytes, started });
    } catch (error) {
      return error instanceof EmbeddingsRefused ? error : refusedHere(error);
    }
  }

  private answer(call: ModelCall, { request, gone }: Asked, told: Embeddings | EmbeddingsRefused, response: ServerResponse, finish: (outcome: CallOutcome) => void, headers: () => Record<string, string>): void {
    const refused = told instanceof EmbeddingsRefused;
    if (gone.aborted) return finish({ status: 'cancelled', httpStatus: null, usage: refused ? noUsage : { ...noUsage, uncachedInput: told.tokens ?? estimatedTokensOf(request.inputs) }, estimated: true, firstByteMs: null });
    // In the books before the answer is over.
    if (refused) finish({ status: told.status === null ? 'failed' : 'refused', httpStatus: told.status, usage: noUsage, estimated: false, firstByteMs: null });
    else finish({ status: 'completed', httpStatus: 200, usage: { ...noUsage, uncachedInput: told.tokens ?? estimatedTokensOf(request.inputs) }, estimated: told.tokens === null, firstByteMs: told.firstByteMs });
    this.parts.recorder.written(response, () => void response.writeHead(refused ? told.answerStatus : 200, { ...headers(), 'content-type': 'application/json', 'content-length': told.body.length, 'x-litellm-call-id': call.id }).end(told.body));
  }
}

const withoutEmbeddings = (model: string): WireError => new WireError('bad-request', `The model ${model} has no embeddings.`, 'model');
