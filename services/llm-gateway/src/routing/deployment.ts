import type { ModelEntry } from '../configuration/gateway-file.ts';
import { patternOf } from '../configuration/read-gateway-file.ts';
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

/** One deployment at work: its way, its load, its failures. All in memory; instances tell each other of failures. */
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
  #calls: { at: number; tokens: number }[] = [];
  #upstreams = new Map<string, ModelUpstream>();

  constructor(readonly entry: ModelEntry, private readonly services: UpstreamServices, private readonly now: () => number = Date.now) {
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

  /** Whether its configured limits leave room for this call. */
  hasRoom({ input }: CallSize): boolean {
    const { rpm, tpm, maxParallelRequests } = this.entry.limits;
    if (maxParallelRequests !== null && this.active >= maxParallelRequests) return false;
    if (rpm === null && tpm === null) return true;
    const recent = this.#recent();
    return (rpm === null || recent.length < rpm) && (tpm === null || recent.reduce((sum, { tokens }) => sum + tokens, 0) + input <= tpm);
  }

  begin({ input }: CallSize): void {
    this.active++;
    if (this.entry.limits.rpm !== null || this.entry.limits.tpm !== null) this.#calls.push({ at: this.now(), tokens: input });
  }

  /** `firstByteMs` null: it came to nothing, or the client left first. */
  end(firstByteMs: number | null, tokens = 0): void {
    this.active--;
    if (tokens > 0 && this.entry.limits.tpm !== null) this.#calls.push({ at: this.now(), tokens });
    if (firstByteMs === null) return;
    this.answered();
    this.latencyMs = this.latencyMs === null ? firstByteMs : this.latencyMs * (1 - newest) + firstByteMs * newest;
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

  #recent(): readonly { at: number; tokens: number }[] {
    const since = this.now() - minuteMs;
    let stale = 0;
    while (stale < this.#calls.length && this.#calls[stale]!.at <= since) stale++;
    if (stale > 0) this.#calls.splice(0, stale);
    return this.#calls;
  }
}
