import type { CallResponse } from '../http/call-exchange.ts';
import type { CallOutcome, ModelCall } from '../usage/model-call.ts';
import type { AnswerStore, CachedAnswer } from './answer-stores.ts';
import { cacheKey, type CacheSubject } from './cache-key.ts';
import type { CacheControls } from './cache-controls.ts';
import type { CacheSettings } from './cache-settings.ts';
import { isWholeAnswer } from './whole-answer.ts';

/** Answers that are larger are not kept. */
const mostBytes = 2 * 1024 * 1024;
/** What is held at most of answers that are still being given; beyond it one is given and not kept. */
const mostHeld = 64 * 1024 * 1024;

/** Answers that are given again, each to its own owner only. */
export class ResponseCache {
  private readonly held = { bytes: 0 };

  constructor(private readonly settings: CacheSettings, readonly store: AnswerStore, private readonly now: () => number = Date.now) {}

  /** The place of a call's answer; null: this call has nothing to do with the cache. */
  entry(call: ModelCall, controls: CacheControls, subject: Omit<CacheSubject, 'namespace' | 'format'>): CacheEntry | null {
    const { settings } = this;
    if (!settings.formats.has(call.wire) || call.route.source === 'builtin') return null;
    // People who ask an agent the same thing again want another answer, unless they say otherwise.
    if (!controls.use && (!settings.always || call.run !== null)) return null;
    if (controls.noCache && controls.noStore) return null;
    const key = cacheKey({ ...subject, namespace: controls.namespace ?? settings.namespace, format: call.wire });
    return new CacheEntry(key, call, controls, (controls.ttl ?? settings.ttl) * 1_000, this.store, this.held, this.now);
  }
}

/** The place of one call's answer. */
export class CacheEntry {
  private parts: Buffer[] | null = null;
  private size = 0;

  constructor(readonly key: string, private readonly call: ModelCall, private readonly controls: CacheControls, private readonly ttlMs: number, private readonly store: AnswerStore, private readonly held: { bytes: number }, private readonly now: () => number) {}

  /** The answer that is there and may be given; null: the call must be made. */
  async find(): Promise<CachedAnswer | null> {
    if (this.controls.noCache) return null;
    const answer = await this.store.find(this.key);
    const { maxAge } = this.controls;
    return answer !== null && (maxAge === null || answer.storedAt >= this.now() - maxAge * 1_000) ? answer : null;
  }

  /** Gives an answer again. */
  answer({ type, body, storedAt }: CachedAnswer, response: CallResponse, headers: Readonly<Record<string, string>>): void {
    response.writeHead(200, { ...headers, 'content-type': type, 'content-length': body.length, 'cache-control': 'no-store', age: String(Math.max(0, Math.floor((this.now() - storedAt) / 1_000))), 'x-litellm-call-id': this.call.id, 'x-litellm-cache-key': this.key }).end(body);
  }

  /** Takes a copy of what this response is given, to keep it if it turns out to be a good and whole answer. */
  watch(response: CallResponse): void {
    response.setHeader('x-litellm-cache-key', this.key);
    if (this.controls.noStore || this.ttlMs === 0) return;
    this.parts = [];
    const take = (chunk: unknown): void => {
      if (this.parts === null || (typeof chunk !== 'string' && !(chunk instanceof Uint8Array))) return;
      const bytes = Buffer.from(chunk);
      this.size += bytes.length;
      this.held.bytes += bytes.length;
      this.parts.push(bytes);
      if (this.size > mostBytes || this.held.bytes > mostHeld) this.letGo();
    };
    response.once('close', () => this.letGo());
    const [write, end] = [response.write.bind(response), response.end.bind(response)] as [(...given: unknown[]) => boolean, (...given: unknown[]) => CallResponse];
    response.write = ((...given: unknown[]) => {
      take(given[0]);
      return write(...given);
    }) as typeof response.write;
    response.end = ((...given: unknown[]) => {
      take(given[0]);
      return end(...given);
    }) as typeof response.end;
  }

  private letGo(): void {
    this.held.bytes -= this.size;
    this.size = 0;
    this.parts = null;
  }

  /** The call is over; what was taken is kept once the client has all of it. */
  ended(response: CallResponse, { status, httpStatus }: CallOutcome): void {
    if (this.parts === null || status !== 'completed' || httpStatus !== 200) return;
    const { provider, model } = this.call.route;
    response.once('finish', () => {
      const type = String(response.getHeader('content-type') ?? '');
      const body = Buffer.concat(this.parts ?? []);
      if (this.parts === null || response.statusCode !== 200 || response.hasHeader('content-encoding') || !isWholeAnswer(this.call.wire, type, body)) return;
      const storedAt = this.now();
      this.store.keep(this.key, { type, body, storedAt, expiresAt: storedAt + this.ttlMs, provider, model });
    });
  }
}
