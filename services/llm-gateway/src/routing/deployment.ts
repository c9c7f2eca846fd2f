import type { ModelEntry } from '../configuration/gateway-file.ts';
import { patternOf } from '../configuration/read-gateway-file.ts';
import type { Limit } from '../limits/limit.ts';
import type { LimitLedger } from '../limits/limit-ledger.ts';
import { upstreamOf, type UpstreamServices } from '../upstreams/upstream-of.ts';
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
  tags: readonly string[];
}

/** One deployment at work: its way, its load, its failures. In memory; its limits are kept by all instances together, and they tell each other of failures. */
export class Deployment {
  active = 0;
  /** Milliseconds to the first byte, averaged; null until there was one. */
  latencyMs: number | null = null;
  cooledUntil = 0;
  /** When it last had something for a client, and when and why it last had not. */
  answeredAt: number | null = null;
  failure: { at: number; words: string } | null = null;
  /** Its way; of a wildcard, the way to some model of it. */
  readonly sample: ModelUpstream;
  #failures: number[] = [];
  /** Tokens that its calls of this minute took here, and which minute that is. */
  #tokens = 0;
  #minute = 0;
  /** Calls that room is held for and that have not begun. */
  #promised = 0;
  readonly #limited: readonly { limit: Limit; of: 'slots' | 'calls' | 'tokens' }[];
  #upstreams = new Map<string, ModelUpstream>();

  constructor(readonly entry: ModelEntry, private readonly services: UpstreamServices, private readonly limits: LimitLedger | null = null, private readonly now: () => number = Date.now) {
    const { rpm, tpm, maxParallelRequests } = entry.limits;
    const limited = (what: string, kind: Limit['kind'], of: 'slots' | 'calls' | 'tokens', most: number | null) => (most === null || limits === null ? [] : [{ limit: { id: `deployment:${entry.id}:${what}`, kind, most }, of }]);
    this.#limited = [...limited('parallel', 'slots', 'slots', maxParallelRequests), ...limited('rpm', 'minute', 'calls', rpm), ...limited('tpm', 'minute', 'tokens', tpm)];
    // What is missing is said at the start, not with the first call.
    this.sample = entry.group.includes('*') ? upstreamOf({ ...entry.parameters, model: entry.parameters.model.replace('*', 'any') }, services) : this.upstream(entry.group);
  }

  /** The way to the model that was asked for; a wildcard's star is filled in. Throws `BAD_INPUT`. */
  upstream(asked: string): ModelUpstream {
    const known = this.#upstreams.get(asked);
    if (known) return known;
    const star = patternOf(this.entry.group).exec(asked)?.[1];
    const model = star === undefined ? this.entry.parameters.model : this.entry.parameters.model.replace('*', () => star);
    const upstream = upstreamOf({ ...this.entry.parameters, model }, this.services);
    if (this.#upstreams.size >= mostKept) this.#upstreams.clear();
    this.#upstreams.set(asked, upstream);
    return upstream;
  }

  get isCooled(): boolean {
    return this.cooledUntil > this.now();
  }

  get restsMs(): number {
    return Math.max(0, this.cooledUntil - this.now());
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

  /** The room that is held for it is used; without any it is counted all the same. */
  begin(size: CallSize): void {
    this.active++;
    this.#count(size.input);
    if (this.#promised > 0) this.#promised--;
    else for (const { limit, of } of this.#limited) if (this.limits!.take(limit, amountOf(of, size)) !== true) this.limits!.charge(limit, amountOf(of, size));
  }

  /** `firstByteMs` null: it came to nothing, or the client left first. `tokens`: more than it began with. */
  end(firstByteMs: number | null, tokens = 0): void {
    this.active--;
    if (tokens > 0) this.#count(tokens);
    for (const { limit, of } of this.#limited) {
      if (of === 'slots') this.limits!.putBack(limit, 1);
      else if (of === 'tokens' && tokens > 0) this.limits!.charge(limit, tokens);
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
    this.#tokens = tokens + (minute === this.#minute ? this.#tokens : 0);
    this.#minute = minute;
  }

  answered(): void {
    this.answeredAt = this.now();
  }

  noteFailure(words: string): void {
    this.failure = { at: this.now(), words };
  }

  /** Counts a failure; true when there were more than `allowed` of them within a minute. */
  failed(allowed: number): boolean {
    const since = this.now() - minuteMs;
    this.#failures = [...this.#failures.filter((at) => at > since), this.now()];
    return this.#failures.length > allowed;
  }

  /** Failures that other instances saw count as well. */
  failedElsewhere(count: number): void {
    for (let left = Math.min(count, 1_000); left > 0; left--) this.#failures.push(this.now());
  }

  cool(ms: number): void {
    this.cooledUntil = Math.max(this.cooledUntil, this.now() + ms);
    this.#failures = [];
  }

  /** Of the limits before this one, what was taken of them goes back. */
  #putBack(size: CallSize, count: number): void {
    for (const { limit, of } of this.#limited.slice(0, count)) this.limits!.putBack(limit, amountOf(of, size));
  }
}

const amountOf = (of: 'slots' | 'calls' | 'tokens', { input }: CallSize): number => (of === 'tokens' ? input : 1);
