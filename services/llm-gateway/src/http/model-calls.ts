import { newId } from '@deskhand/contracts';
import { after } from '../after.ts';
import { noControls, takeControls, type CacheControls } from '../cache/cache-controls.ts';
import { cachedOutcome, ownerOf, placesOf } from '../cache/cached-calls.ts';
import type { KeptItems } from '../cache/kept-items.ts';
import type { CacheEntry, ResponseCache } from '../cache/response-cache.ts';
import type { Callers } from '../keys/callers.ts';
import type { KeyCache } from '../keys/key-cache.ts';
import type { KeyCall, KeyCalls } from '../keys/key-calls.ts';
import { modelFor, payersOf, type VirtualKey } from '../keys/virtual-keys.ts';
import type { OutgoingHttp } from '../outgoing/outgoing-http.ts';
import { groupOf, routeId } from '../providers/route.ts';
import type { RoutesService } from '../providers/routes.service.ts';
import type { Router } from '../routing/router.ts';
import { findBuiltIn } from '../scripted/built-in-models.ts';
import { callingAgent } from '../usage/calling-agent.ts';
import type { Metrics } from '../usage/metrics.ts';
import { estimatedInput, type CallOutcome, type ModelCall } from '../usage/model-call.ts';
import type { UsageRecorder } from '../usage/usage-recorder.ts';
import { roughTokens } from '../wire/count-tokens.ts';
import { noUsage } from '../wire/token-usage.ts';
import type { TranslatedCall } from '../wire/translation.ts';
import { WireError, type RequestFacts, type Wire } from '../wire/wire-format.ts';
import { answerBuiltIn } from './built-in-call.ts';
import type { CallRequest, CallResponse } from './call-exchange.ts';
import { CallHeaders } from './call-headers.ts';
import type { BodyReader } from './body-reader.ts';
import { callRoute } from './call-route.ts';
import { vendorHeaders } from './pass-headers.ts';
import { ClientGone, parseJson } from './read-body.ts';
import type { RelayLimits } from './relayed-call.ts';
import { RoutedCall } from './routed-call.ts';
import { addUsage, takeName, takeRoutingControls } from './routing-controls.ts';

export interface ModelCallParts {
  callers: Callers;
  keyCalls: KeyCalls;
  keys: Pick<KeyCache, 'ofRun'>;
  routes: RoutesService;
  outgoing: OutgoingHttp;
  recorder: UsageRecorder;
  metrics: Metrics;
  /** Null: answers are not kept. */
  cache: ResponseCache | null;
  items: KeptItems;
  /** Streams end with their usage for clients that did not ask for it, too. */
  alwaysUsage: boolean;
  bodies: BodyReader;
  limits: RelayLimits;
}

/** A call at work, with what it came with and where its answer goes. */
interface Serving {
  call: ModelCall;
  wire: Wire;
  facts: RequestFacts;
  raw: Buffer;
  body: Record<string, unknown>;
  tags: readonly string[];
  request: CallRequest;
  response: CallResponse;
  /** Whose the call is. */
  owner: string;
  /** What a virtual key's call has been given. */
  held: KeyCall | null;
  headers: CallHeaders;
  /** Where its answer is kept; null: nowhere. */
  entry: CacheEntry | null;
}

/** A model call from its first byte to its usage row. */
export class ModelCalls {
  constructor(private readonly parts: ModelCallParts) {}

  /** `named`: the model, where the path names it and not the body. Throws `WireError` while nothing was answered yet. */
  async serve(wire: Wire, request: CallRequest, response: CallResponse, named: string | null = null): Promise<void> {
    const startedMark = performance.now();
    const { callers } = this.parts;
    const identified = callers.identify(request.headers, request.socket);
    const caller = identified instanceof Promise ? await identified : identified;
    const read = this.parts.bodies.read(request, response);
    const given = read instanceof Promise ? await read : read;
    const body = parseJson(given);
    const controls = body.cache === undefined ? noControls : takeControls(body);
    const { tags, taken } = takeRoutingControls(body, request.headers, wire.format);
    const renamed = takeName(body, named);
    const added = this.parts.alwaysUsage && addUsage(body, wire.format);
    const recalled = wire.format === 'openai-responses' && given.includes('item_reference') && (await this.parts.items.recall(ownerOf(caller), body));
    const raw = controls === noControls && !taken && !renamed && !recalled && !added ? given : Buffer.from(JSON.stringify(body));
    const facts = wire.readRequest(body);
    const key = caller.kind === 'key' ? caller.key : null;
    const found = callRoute(this.parts.routes, caller, key === null ? facts.model : modelFor(key, facts.model));
    const route = found instanceof Promise ? await found : found;
    const run = caller.kind === 'run' ? caller.claims : null;
    const call: ModelCall = {
      id: newId(), startedAt: Date.now(), startedMark, route, wire: wire.format, stream: facts.stream, requestBytes: raw.length, baseUrl: null, officialPrices: false,
      run: run && { userId: run.userId, conversationId: run.conversationId, runId: run.runId }, agent: run === null ? callingAgent(request.headers) : 'deskhand', group: groupOf(route), key: key && payersOf(key),
    };
    const headers = new CallHeaders(call, key, this.parts.keyCalls);
    const holder = key ?? (run === null ? null : this.parts.keys.ofRun(run));
    const admitted = holder === null ? null : after(holder, (known) => (known === null ? null : this.admit(call, known, raw, body)));
    const held = admitted instanceof Promise ? await admitted : admitted;
    const serving: Serving = { call, wire, facts, raw, body, tags, request, response, owner: ownerOf(caller), held, headers, entry: null };
    try {
      if (this.parts.cache !== null && (await this.answerAgain(this.parts.cache, serving, controls))) return;
      const made = this.make(serving);
      if (made instanceof Promise) await made;
    } catch (error) {
      held?.dropped();
      throw error;
    }
  }

  /** True when an answer that is kept was given. Else the call is to be made, and its answer may be kept. */
  private async answerAgain(cache: ResponseCache, serving: Serving, controls: CacheControls): Promise<boolean> {
    const { call, wire, body, request, response } = serving;
    const entry = cache.entry(call, controls, { owner: serving.owner, model: placesOf(this.parts.routes, call.route, serving.tags), headers: vendorHeaders(wire.format, request.headers), body });
    if (entry === null) return false;
    const answer = await entry.find();
    if (response.destroyed) throw new ClientGone('The client closed the connection');
    if (answer === null) {
      entry.watch(response);
      serving.entry = entry;
      return false;
    }
    call.route = { ...call.route, provider: answer.provider, model: answer.model };
    this.begin(call);
    this.end(serving, cachedOutcome(call));
    this.parts.recorder.written(response, () => entry.answer(answer, response, serving.headers.of(0)));
    return true;
  }

  private make(serving: Serving): void | Promise<void> {
    const { route } = serving.call;
    if (route.source === 'builtin') return this.answerHere(serving);
    if (route.source === 'group') return this.answerRouted(serving, this.parts.routes.router);
    return this.answerByProvider(serving);
  }

  private async answerByProvider(serving: Serving): Promise<void> {
    const { call, response, held } = serving;
    const way = await this.parts.routes.way(call.run?.userId ?? null, call.route);
    if (!way) throw new WireError('not-found', `The provider of ${routeId(call.route)} was removed. Choose another model.`, 'model', 'model_not_found');
    if (response.destroyed) return held?.dropped();
    call.officialPrices = way.official;
    return this.answerRouted(serving, way.router);
  }

  /** Limits and budgets of a virtual key, or of a run; a call that states no output limit under a budget gets one. */
  private admit(call: ModelCall, key: VirtualKey, raw: Buffer, body: Record<string, unknown>): KeyCall | Promise<KeyCall> {
    return after(this.parts.keyCalls.begin(key, call.route, raw, body), (held) => {
      if (held.reserved > 0) call.reserved = held.reserved;
      call.outputLimit = held.outputLimit;
      return held;
    });
  }

  private answerRouted(serving: Serving, router: Router): void | Promise<void> {
    const { call, wire, facts, raw, body, tags, request, response } = serving;
    const { outgoing, limits, recorder } = this.parts;
    const size = { input: router.goesBySize ? roughTokens(wire.format, body, raw.length) : estimatedInput(raw.length), tags };
    const plan = router.plan(call.route.model, size);
    const routed = new RoutedCall({ call, wire, facts, plan, size, raw, body, request, response, outgoing, limits, headers: (upstreamMs, way) => serving.headers.of(upstreamMs, way), said: (items) => this.keep(serving, items), begun: () => this.begin(call), ended: (outcome) => this.end(serving, outcome), written: (act) => recorder.written(response, act) });
    const prepared = plan.prepare();
    if (prepared === undefined) routed.start();
    else return prepared.then(() => routed.start());
  }

  private async answerHere(serving: Serving): Promise<void> {
    const { call, facts, body, response } = serving;
    const model = findBuiltIn(call.route.provider, call.route.model);
    if (!model) throw new WireError('not-found', `There is no built-in model ${routeId(call.route)}.`, 'model', 'model_not_found');
    this.begin(call);
    response.setTimeout(this.parts.limits.slowClientMs, () => response.destroy());
    let outcome: CallOutcome = { status: 'failed', httpStatus: null, usage: noUsage, estimated: false, firstByteMs: null };
    try {
      outcome = await answerBuiltIn(model, call, facts, body, response, { 'x-litellm-call-id': call.id, ...serving.headers.of(0), ...(!call.stream && { 'x-litellm-response-cost': '0' }) }, (items) => this.keep(serving, items));
    } finally {
      this.end(serving, outcome);
    }
  }

  /** As OpenAI does unless a client says otherwise. */
  private keep({ owner, body }: Serving, items: TranslatedCall['items']): void {
    if (body.store !== false) this.parts.items.keep(owner, items);
  }

  private begin(call: ModelCall): void {
    this.parts.metrics.begin();
    this.parts.recorder.begin(call);
  }

  private end({ call, held, headers, entry, response }: Serving, outcome: CallOutcome): void {
    entry?.ended(response, outcome);
    this.parts.metrics.end();
    const ended = this.parts.recorder.end(call, outcome);
    held?.ended(ended);
    headers.ended(ended);
  }
}
