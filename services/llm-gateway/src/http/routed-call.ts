import { DeclaredError } from '@deskhand/contracts';
import { after } from '../after.ts';
import { answersOf, outputOf } from '../budgets/reserved-tokens.ts';
import type { OutgoingHttp } from '../outgoing/outgoing-http.ts';
import { secretsWith } from '../providers/without-key.ts';
import type { AttemptFailure } from '../routing/failure.ts';
import type { CallSize } from '../routing/deployment.ts';
import type { Attempt, RoutePlan } from '../routing/route-plan.ts';
import { endpointOf, type PreparedCall } from '../upstreams/upstream.ts';
import type { CallOutcome, ModelCall } from '../usage/model-call.ts';
import { bodyWith } from '../wire/body-edit.ts';
import type { CalledFormat } from '../wire/formats.ts';
import { inputTokens, noUsage } from '../wire/token-usage.ts';
import { translationBetween, type TranslatedCall, type Translation } from '../wire/translation.ts';
import { asWireError, WireError, type RequestFacts, type Wire } from '../wire/wire-format.ts';
import { answerError } from './answers.ts';
import type { CallRequest, CallResponse } from './call-exchange.ts';
import type { WayTaken } from './call-headers.ts';
import { defaultsFor, statedLimit, withoutLimit } from './model-defaults.ts';
import { outputLimitChanges } from './output-limit.ts';
import { acceptStream, acceptWhole, vendorHeaders } from './pass-headers.ts';
import { RelayedCall, type RelayLimits } from './relayed-call.ts';

export interface RoutedCallParts {
  call: ModelCall;
  wire: Wire;
  facts: RequestFacts;
  plan: RoutePlan;
  size: CallSize;
  raw: Buffer;
  body: Record<string, unknown>;
  request: CallRequest;
  response: CallResponse;
  outgoing: OutgoingHttp;
  limits: RelayLimits;
  /** What the gateway says of the call; `upstreamMs` of its time were providers'. */
  headers(upstreamMs: number, way: WayTaken): Record<string, string>;
  /** What a translated response said, once it is whole. */
  said(items: TranslatedCall['items']): void;
  /** Called once, before anything is sent. */
  begun(): void;
  /** Called once, when the call is over. */
  ended(outcome: CallOutcome): void;
  /** Runs it once what was told before is on disk. */
  written(act: () => void): void;
}

/** A stream that goes on for longer is ended, however steadily it drips. */
const longestStreamMs = 6_000_000;

/** What goes to a provider, and how it came about. */
interface Sent {
  format: CalledFormat;
  translation: Translation | null;
  translated: TranslatedCall | null;
  bytes: Buffer;
}

/**
 * One call to a provider: attempt after attempt, as its plan says, until one has something for the client. From the
 * first byte on there is no way back.
 */
export class RoutedCall {
  private sent = false;
  /** What attempts took that came to nothing. */
  private triedMs = 0;
  private over = false;
  /** To a model of the gateway's own, not to a user's or the server's provider. */
  private readonly isConfigured: boolean;

  constructor(private readonly parts: RoutedCallParts) {
    this.isConfigured = parts.call.route.source === 'group';
  }

  /** Throws `WireError` when nothing can be asked now. */
  start(): void {
    const { plan } = this.parts;
    const first = plan.first();
    if (first === null) throw plan.nobody;
    this.begin(first);
  }

  private begin(attempt: Attempt): void {
    try {
      const made = this.attempt(attempt);
      if (made instanceof Promise) made.catch((error: unknown) => this.fault(error));
    } catch (error) {
      this.fault(error);
    }
  }

  /** A promise only where the way to the provider must be prepared. */
  private attempt(attempt: Attempt): void | Promise<void> {
    const { call, wire, facts, raw, body, request } = this.parts;
    const { upstream, deployment } = attempt;
    // A provider of somebody's own keeps the names that it was chosen by.
    if (this.isConfigured) call.route = { source: 'group', provider: upstream.provider, model: upstream.model };
    call.baseUrl = upstream.baseUrl;
    call.prices = deployment.entry.prices;
    call.baseModel = deployment.entry.baseModel;
    if (!this.sent) this.parts.begun();
    this.sent = true;
    // Whatever it comes to, room was taken for it.
    const minute = deployment.begin(this.parts.size);
    let open = true;
    // Where nothing is said of tokens, none were used.
    const end = (firstByteMs: number | null, tokens = -this.parts.size.input): void => {
      if (open) deployment.end(firstByteMs, tokens, minute);
      open = false;
    };
    const gaveUp = (error: unknown): never => {
      end(null);
      throw error;
    };
    try {
      const format = upstream.formatFor(wire.format);
      const endpoint = endpointOf[format];
      const headers = vendorHeaders(format, request.headers);
      const translation = translationBetween(wire.format, format, upstream.dialect);
      const defaults = defaultsFor(deployment.entry.defaults, wire.format, body);
      const most = call.outputLimit == null ? null : Math.min(call.outputLimit, statedLimit(defaults) ?? Infinity);
      const limit = outputLimitChanges(body, wire.format, translation === null ? upstream.dialect : null, most);
      const own = most === null ? defaults : withoutLimit(defaults);
      const translated = translation?.request({ ...body, ...own, ...limit }) ?? null;
      // Only a body that is added to is made anew: long ones are not read for nothing.
      const asked = Object.keys(own).length === 0 ? body : { ...body, ...own };
      const sent = translated?.body ?? asked;
      const changes = upstream.bodyChanges(endpoint, sent, headers);
      // A limit of ours holds whatever else is changed. All at once, so that a long body is not read for it.
      const bytes = translated ? Buffer.from(JSON.stringify({ ...sent, ...changes })) : bodyWith(raw, body, { ...own, ...changes, ...limit });
      const prepared = upstream.prepare({ endpoint, format, stream: facts.stream, body: bytes, clientHeaders: headers });
      return after(prepared, (ready) => this.send(attempt, ready, { format, translation, translated, bytes }, end), gaveUp);
    } catch (error) {
      return gaveUp(error);
    }
  }

  private send(attempt: Attempt, prepared: PreparedCall, { format, translation, translated, bytes }: Sent, end: (firstByteMs: number | null, tokens?: number) => void): void {
    const { call, wire, facts, body, response, outgoing, size } = this.parts;
    const { upstream } = attempt;
    const firstByteMs = facts.stream ? attempt.firstByteMs : attempt.wholeMs;
    const longestMs = facts.stream ? Math.max(longestStreamMs, firstByteMs) : firstByteMs;
    const limits = limitsWith(this.parts.limits, firstByteMs);
    if (response.destroyed) {
      end(null);
      return this.finish({ status: 'cancelled', httpStatus: null, usage: noUsage, estimated: false, firstByteMs: null });
    }
    const sentMark = performance.now();
    const relayed = new RelayedCall({
      call, wire, response, limits, translation, translated, target: { wire: format, secrets: secretsWith(upstream.secrets, prepared.headers), decoder: (type) => upstream.decoder(type) },
      // What the gateway asked for and the client did not is taken out again.
      stripUsage: translated === null && facts.stream && !facts.wantsUsage,
      mostOutput: () => outputOf(body, call.outputLimit ?? Infinity).most * answersOf(body),
      headers: (upstreamMs) => this.headers(attempt, upstreamMs),
      written: (act) => this.parts.written(act),
      retry: (failure) => {
        this.triedMs += performance.now() - sentMark;
        end(null);
        return this.goOn(failure);
      },
      ended: (outcome) => {
        end(outcome.status === 'completed' || outcome.status === 'cut' ? outcome.firstByteMs : null, inputTokens(outcome.usage) + outcome.usage.output - size.input);
        if (translated !== null && outcome.status === 'completed') this.parts.said(translated.items);
        this.finish(outcome);
      },
    });
    const headers = { ...(facts.stream ? acceptStream : acceptWhole), ...prepared.headers };
    outgoing.send(prepared.origin, { path: prepared.path, headers, body: bytes, firstByteMs, idleMs: limits.timeouts.idleMs, longestMs }, relayed);
  }

  /** The next attempt, if there is one: then the failure stays here. */
  private goOn(failure: AttemptFailure): boolean {
    const next = this.parts.plan.after(failure);
    if (next === null) return false;
    // Never within the attempt that failed: a row of failures must not grow the stack.
    if (next.waitMs === 0) queueMicrotask(() => this.begin(next));
    else this.wait(next);
    return true;
  }

  private wait(next: Attempt): void {
    const { response } = this.parts;
    // A call whose client leaves between two attempts has no relay that would notice.
    const left = (): void => {
      clearTimeout(timer);
      this.finish({ status: 'cancelled', httpStatus: null, usage: noUsage, estimated: false, firstByteMs: null });
    };
    const timer = setTimeout(() => {
      response.off('close', left);
      this.begin(next);
    }, next.waitMs);
    response.once('close', left);
  }

  private headers({ deployment, group }: Attempt, upstreamMs: number): Record<string, string> {
    const { plan } = this.parts;
    return this.parts.headers(upstreamMs + this.triedMs, { entry: this.isConfigured ? { id: deployment.entry.id, group } : null, retries: plan.attemptedRetries, fallbacks: plan.attemptedFallbacks });
  }

  /** Something that is no answer of a provider: a request that cannot be translated, a token that cannot be had. */
  private fault(error: unknown): void {
    const known = asWireError(error) ?? (error instanceof DeclaredError ? new WireError('upstream', error.message) : new WireError('internal', 'The model gateway failed. Its log says why.'));
    if (known.kind === 'upstream' && this.goOn({ kind: 'unreachable', retryAfterMs: null })) return;
    answerError(this.parts.response, this.parts.wire, known, { 'x-litellm-call-id': this.parts.call.id });
    this.finish({ status: 'failed', httpStatus: null, usage: noUsage, estimated: false, firstByteMs: null });
  }

  private finish(outcome: CallOutcome): void {
    if (this.over) return;
    this.over = true;
    this.parts.ended(outcome);
  }
}

/** Whose words about time are those of the attempt. */
function limitsWith(limits: RelayLimits, firstByteMs: number): RelayLimits {
  return limits.timeouts.firstByteMs === firstByteMs ? limits : { ...limits, timeouts: { ...limits.timeouts, firstByteMs } };
}
