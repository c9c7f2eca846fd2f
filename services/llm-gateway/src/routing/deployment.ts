import { DeclaredError } from '@deskhand/contracts';
import type { ModelEntry } from '../configuration/gateway-file.ts';
import { patternOf } from '../configuration/read-gateway-file.ts';
import type { Limit } from '../limits/limit.ts';
import type { LimitLedger } from '../limits/limit-ledger.ts';
import { isOverAllProviders, upstreamOf, type UpstreamServices } from '../upstreams/upstream-of.ts';
import type { ModelUpstream } from '../upstreams/upstream.ts';

const minuteMs = 60_000;
/** Upstreams of a wildcard's models that are kept. */
const mostKept = 200;
/** How much the newest first byte counts in the average. */
const newest = 0.2;

/** What one call is to routing before it is made. */
export interface CallSize {
  /** Tokens that the request is estimated at. */
  input: number;
  /** Where it is several requests to the model: the longest of them. */
  longest?: number;
  tags: readonly string[];
}

/** One deployment at work: its way, its load, its failures. In memory; its limits are kept by all instances together, and they tell each other of failures. */
export class Deployment {
  active = 0;
  /** Milliseconds to the first byte, averaged; null until there was one. */
  latencyMs: number | null = null;
  cooledUntil = 0;
  /** Tokens it takes in, by its entry or by what is known of its model; null: nobody knows. */
  window: number | null;
  /** When it last had something for a client, and when and why it last had not. */
  answeredAt: number | null = null;
  failure: { at: number; words: string } | null = null;
  /** Its way; of a wildcard, the way to some model of it; null of one over all providers. */
  readonly sample: ModelUpstream | null;
  #failures: number[] = [];
  /** Of requests that were wrong themselves. */
  #refusals: number[] = [];
  /** Tokens that its calls of this minute took here, and which minute that is. */
  #tokens = 0;
  #minute = 0;
  /** Calls that room is held for and that have not begun. */
  #promised = 0;
  readonly #limited: readonly { limit: Limit; of: 'slots' | 'calls' | 'tokens' }[];
  #upstreams = new Map<string, ModelUpstream>();

  constructor(readonly entry: ModelEntry, private readonly services: UpstreamServices, private readonly limits: LimitLedger | null = null, private readonly now: () => number = Date.now) {
    const { rpm, tpm, maxParallelRequests, maxInputTokens } = entry.limits;
    this.window = maxInputTokens;
    const limited = (what: string, kind: Limit['kind'], of: 'slots' | 'calls' | 'tokens', most: number | null) => (most === null || limits === null ? [] : [{ limit: { id: `deployment:${entry.id}:${what}`, kind, most }, of }]);
    this.#limited = [...limited('parallel', 'slots', 'slots', maxParallelRequests), ...limited('rpm', 'minute', 'calls', rpm), ...limited('tpm', 'minute', 'tokens', tpm)];
    // What is missing is said at the start, not with the first call.
    if (isOverAllProviders(entry.group, entry.parameters)) this.sample = null;
    else this.sample = entry.group.includes('*') ? upstreamOf({ ...entry.parameters, model: entry.parameters.model.replaceAll('*', 'any') }, services) : this.upstream(entry.group);
  }

  /** Whether there is a way to the model that was asked for: not of every provider there is a key. */
  serves(asked: string): boolean {
    if (this.sample !== null) return true;
    try {
      return this.upstream(asked) !== null;
    } catch (error) {
      if (error instanceof DeclaredError) return false;
      throw error;
    }
  }

  /** The way to the model that was asked for; a wildcard's stars are filled in, each with what its own one stands for. Throws `BAD_INPUT`. */
  upstream(asked: string): ModelUpstream {
    const known = this.#upstreams.get(asked);
    if (known) return known;
    const stars = patternOf(this.entry.group).exec(asked)?.slice(1) ?? [];
    const model = this.entry.parameters.model.replaceAll('*', () => stars.shift() ?? '*');
    const upstream = upstreamOf({ ...this.entry.parameters, model }, this.services);
    if (this.#upstreams.size >= mostKept) this.#upstreams.clear();
    this.#upstreams.set(asked, upstream);
    return upstream;
  }

  /** What callers call this model of a wildcard's; null where it does not stand for it. */
  nameOf(model: string): string | null {
    const stars = patternOf(this.entry.parameters.model).exec(model)?.slice(1);
    return stars === undefined ? null : this.entry.group.replaceAll('*', () => stars.shift() ?? '*');
  }

  get isCooled(): boolean {
    return this.cooledUntil > this.now();
  }

  get restsMs(): number {
    return Math.max(0, this.cooledUntil - this.now());
  }

  /** Milliseconds until it may be asked for this: until it has rested, and until the minute is over that leaves it no room. */
  restsMsFor(size: CallSize): number {
    const full = this.#limited.filter(({ limit, of }) => limit.kind === 'minute' && !this.limits!.has(limit, amountOf(of, size)));
    return Math.max(this.restsMs, ...full.map(({ limit }) => this.limits!.endsInMs(limit)));
  }

  /** Whether a call takes more than it may have in a whole minute. */
  isTooLarge(size: CallSize): boolean {
    return this.#limited.some(({ limit, of }) => of === 'tokens' && size.input > limit.most);
  }

  get isLimited(): boolean {
    return this.#limited.length > 0;
  }

  /** Whether this instance holds room for this call within its configured limits. */
  hasRoom(size: CallSize): boolean {
    return this.#limited.length === 0 || this.#limited.every(({ limit, of }) => this.limits!.has(limit, amountOf(of, size)));
  }

  /** False where it is known that there is no room, here or elsewhere. */
  mayHaveRoom(size: CallSize): boolean {
    return this.#limited.every(({ limit, of }) => this.limits!.mayHave(limit, amountOf(of, size)));
  }

  /** Holds room for a call that begins at once. Undefined: the other instances have to be asked (`ask`). */
  hold(size: CallSize): boolean | undefined {
    for (const [index, { limit, of }] of this.#limited.entries()) {
      const taken = this.limits!.take(limit, amountOf(of, size));
      if (taken === true) continue;
      this.#putBack(size, index);
      return taken;
    }
    this.#promised++;
    return true;
  }

  /** Holds room for a call, of what the other instances leave. */
  async ask(size: CallSize): Promise<boolean> {
    for (const [index, { limit, of }] of this.#limited.entries()) {
      if (await this.limits!.ask(limit, amountOf(of, size))) continue;
      this.#putBack(size, index);
      return false;
    }
    this.#promised++;
    return true;
  }

  /** Sees to it that this instance holds room for a call that may come. */
  async foresee(size: CallSize): Promise<void> {
    await Promise.all(this.#limited.map(async ({ limit, of }) => this.limits!.foresee(limit, amountOf(of, size))));
  }

  /** The room that is held for it is used; without any it is counted all the same. Gives the minute of its tokens, for `end`. */
  begin(size: CallSize): number {
    this.active++;
    this.#count(size.input);
    if (this.#promised > 0) this.#promised--;
    else for (const { limit, of } of this.#limited) if (this.limits!.take(limit, amountOf(of, size)) !== true) this.limits!.charge(limit, amountOf(of, size));
    const tokens = this.#limited.find(({ of }) => of === 'tokens');
    return tokens === undefined ? 0 : this.limits!.minuteOf(tokens.limit);
  }

  /** `firstByteMs` null: it came to nothing, or the client left first. `tokens`: how many more it took than it began with; fewer are there again while the minute lasts that it began in. */
  end(firstByteMs: number | null, tokens: number, minute: number): void {
    this.active--;
    this.#count(tokens);
    for (const { limit, of } of this.#limited) {
      if (of === 'slots') this.limits!.putBack(limit, 1);
      else if (of === 'tokens' && tokens > 0) this.limits!.charge(limit, tokens);
      else if (of === 'tokens' && this.limits!.minuteOf(limit) === minute) this.limits!.putBack(limit, -tokens);
    }
    if (firstByteMs === null) return;
    this.answered();
    this.latencyMs = this.latencyMs === null ? firstByteMs : this.latencyMs * (1 - newest) + firstByteMs * newest;
  }

  get tokensThisMinute(): number {
    return Math.floor(this.now() / minuteMs) === this.#minute ? this.#tokens : 0;
  }

  #count(tokens: number): void {
    const minute = Math.floor(this.now() / minuteMs);
    this.#tokens = Math.max(0, tokens + (minute === this.#minute ? this.#tokens : 0));
    this.#minute = minute;
  }

  answered(): void {
    this.answeredAt = this.now();
  }

  noteFailure(words: string): void {
    this.failure = { at: this.now(), words };
  }

  /** Counts a failure, a request's own fault apart from others; true when there were more than `allowed` of them within a minute. */
  failed(allowed: number, ofRequest: boolean): boolean {
    const since = this.now() - minuteMs;
    const all = [...(ofRequest ? this.#refusals : this.#failures).filter((at) => at > since), this.now()];
    if (ofRequest) this.#refusals = all;
    else this.#failures = all;
    return all.length > allowed;
  }

  /** Failures that other instances saw count as well. */
  failedElsewhere(count: number): void {
    for (let left = Math.min(count, 1_000); left > 0; left--) this.#failures.push(this.now());
  }

  cool(ms: number): void {
    this.cooledUntil = Math.max(this.cooledUntil, this.now() + ms);
    this.#failures = [];
    this.#refusals = [];
  }

  /** Of the limits before this one, what was taken of them goes back. */
  #putBack(size: CallSize, count: number): void {
    for (const { limit, of } of this.#limited.slice(0, count)) this.limits!.putBack(limit, amountOf(of, size));
  }
}

const amountOf = (of: 'slots' | 'calls' | 'tokens', { input }: CallSize): number => (of === 'tokens' ? input : 1);
