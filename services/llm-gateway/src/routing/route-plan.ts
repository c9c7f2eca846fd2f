import { entryOf } from '../entry-of.ts';
import type { ModelUpstream } from '../upstreams/upstream.ts';
import type { WireError } from '../wire/wire-format.ts';
import { ableOf, isTooLong, whyNobody } from './able.ts';
import { choose } from './choose.ts';
import type { CallSize, Deployment } from './deployment.ts';
import { failureSentence, isElsewhereOnly, isTheClients, isWorthRetrying, policyKindOf, type AttemptFailure } from './failure.ts';
import type { Router } from './router.ts';

export interface Attempt {
  /** The group that is asked now: the one that was wanted, or a fallback. */
  group: string;
  deployment: Deployment;
  upstream: ModelUpstream;
  /** Milliseconds to wait before it. */
  waitMs: number;
  /** Milliseconds until a stream's first byte must be there, and until all of an answer that is none. */
  firstByteMs: number;
  wholeMs: number;
}

/** What a timer can wait at most, some 24 days; a longer one would go off at once. */
const longestTimerMs = 2_147_483_647;
const firstWaitMs = 200;
const longestWaitMs = 5_000;

/** A time that is none is no limit. */
const millisecondsOf = (seconds: number): number => (seconds > 0 ? Math.min(seconds * 1_000, longestTimerMs) : longestTimerMs);

/**
 * One call's way through the deployments: the next attempt after each failure, until there is none. Nothing of it is for a
 * call whose client has got a byte.
 */
export class RoutePlan {
  attemptedRetries = 0;
  attemptedFallbacks = 0;
  #queue: string[];
  // Lists, because almost every call has one entry in each.
  #seen: string[];
  #tries = 0;
  #tried: Deployment[] = [];
  #current: Attempt | null = null;
  /** Room is held at it for the first attempt. */
  #prepared: Deployment | null = null;

  constructor(private readonly router: Router, private readonly wanted: string, private readonly size: CallSize, private readonly random: () => number = Math.random) {
    this.#queue = [wanted];
    this.#seen = [wanted];
  }

  /**
   * Of models with limits: holds room for the first attempt, which all instances share. To be called right before `first`. A promise
   * only where other instances must be asked.
   */
  prepare(): Promise<void> | undefined {
    const deployments = this.router.deploymentsOf(this.wanted);
    if (!deployments.some(({ isLimited }) => isLimited)) return undefined;
    const deployment = choose(this.#able(this.wanted), this.router.settings, this.size, this.#tried, this.random, (other) => other.mayHaveRoom(this.size));
    if (deployment === null || deployment.hold(this.size) !== true) return this.#prepare();
    this.#prepared = deployment;
    return undefined;
  }

  first(): Attempt | null {
    return this.#next(0) ?? this.#fallBack(this.#lack(this.wanted));
  }

  /** What to try after the current attempt came to nothing; null when the failure is the client's to hear. */
  after(failure: AttemptFailure): Attempt | null {
    const current = this.#current;
    if (current === null) return null;
    const { deployment, group } = current;
    const others = this.#able(group).length > 1;
    this.#judge(deployment, failure, others);
    // A policy that names a failure has it tried again, however little that promises; money that is spent and windows that are full stay so.
    const isAsked = failure.kind !== 'quota' && failure.kind !== 'context-window' && this.router.settings.retryPolicy[policyKindOf(failure)] !== undefined;
    if (isWorthRetrying(failure) || isAsked || (isElsewhereOnly(failure) && others)) {
      if (this.#tries <= this.#retries(deployment, failure)) {
        const next = this.#next(this.#wait(failure));
        // The same deployment would say the same about its key.
        if (next !== null && (isAsked || !isElsewhereOnly(failure) || next.deployment !== deployment)) {
          this.attemptedRetries++;
          return next;
        }
      }
    }
    return this.#fallBack(failure);
  }

  #retries({ entry }: Deployment, failure: AttemptFailure): number {
    const { retryPolicy, retries } = this.router.settings;
    return retryPolicy[policyKindOf(failure)] ?? entry.limits.maxRetries ?? retries;
  }

  /** The only deployment of a group is never cooled: then there would be none. */
  #judge(deployment: Deployment, failure: AttemptFailure, others: boolean): void {
    const { cooldowns, cooldown, allowedFails, allowedFailsPolicy } = this.router.settings;
    const stated = allowedFailsPolicy[policyKindOf(failure)];
    const ofRequest = isTheClients(failure);
    if (!ofRequest) deployment.noteFailure(failureSentence(failure));
    // A request's own faults count where a policy names them, and apart from the deployment's.
    if (!cooldowns || !others || failure.byWords === true || (ofRequest && stated === undefined)) return;
    const atOnce = stated === undefined && (failure.kind === 'rate-limited' || isElsewhereOnly(failure));
    const tooMany = deployment.failed(stated ?? allowedFails, ofRequest);
    const ms = tooMany || atOnce ? Math.max(cooldown * 1_000, Math.min(failure.retryAfterMs ?? 0, 60_000)) : 0;
    if (ms > 0) deployment.cool(ms);
    if (ms > 0 || !ofRequest) this.router.tell({ id: deployment.entry.id, failures: ofRequest ? 0 : 1, rests_ms: ms });
  }

  /** No wait where another deployment can be asked at once. */
  #wait(failure: AttemptFailure): number {
    const untried = this.#able(this.#current!.group).some((deployment) => !this.#tried.includes(deployment) && !deployment.isCooled);
    if (untried) return 0;
    const backOff = Math.min(firstWaitMs * 2 ** (this.#tries - 1), longestWaitMs);
    return Math.max(Math.min(failure.retryAfterMs ?? backOff * (0.75 + this.random() / 2), longestWaitMs), this.router.settings.retryAfter * 1_000);
  }

  #next(waitMs: number): Attempt | null {
    const group = this.#queue[0];
    if (group === undefined) return null;
    const deployment = this.#prepared ?? choose(this.#able(group), this.router.settings, this.size, this.#tried, this.random);
    this.#prepared = null;
    if (deployment === null) return null;
    this.#tries++;
    if (!this.#tried.includes(deployment)) this.#tried.push(deployment);
    const { timeout, streamTimeout } = this.router.settings;
    const { limits } = deployment.entry;
    const firstByteMs = millisecondsOf(limits.streamTimeout ?? limits.timeout ?? streamTimeout ?? timeout);
    this.#current = { group, deployment, upstream: deployment.upstream(group), waitMs, firstByteMs, wholeMs: millisecondsOf(limits.timeout ?? timeout) };
    return this.#current;
  }

  /** Should it come to another attempt, or to a fallback, there is room by then as well. */
  async #prepare(): Promise<void> {
    const { settings } = this.router;
    let left = this.#able(this.wanted);
    while (this.#prepared === null) {
      const deployment = choose(left, settings, this.size, this.#tried, this.random, (other) => other.mayHaveRoom(this.size));
      if (deployment === null) break;
      if (await deployment.ask(this.size)) this.#prepared = deployment;
      else left = left.filter((other) => other !== deployment);
    }
    const others = Promise.all(this.router.reachable(this.wanted).filter(({ deployment }) => deployment.isLimited && deployment !== this.#prepared).map(async ({ deployment }) => deployment.foresee(this.size)));
    if (this.#prepared === null) await others;
  }

  #fallBack(failure: AttemptFailure | null): Attempt | null {
    let why = failure;
    for (let from = this.#queue.shift(); from !== undefined; from = this.#queue.shift()) {
      for (const group of this.#fallbacksOf(from, why)) {
        const name = this.router.groupOf(group);
        if (this.#seen.includes(name) || this.#seen.length > this.router.settings.maxFallbacks) continue;
        this.#seen.push(name);
        this.#queue.push(name);
      }
      this.#tries = 0;
      this.#tried = [];
      const next = this.#next(0);
      if (next !== null) {
        this.attemptedFallbacks++;
        return next;
      }
      why = this.#queue[0] === undefined ? null : this.#lack(this.#queue[0]);
    }
    return null;
  }

  /** Of a group that nobody can be asked of: what is wrong with the call, if that is it. */
  #lack(group: string): AttemptFailure | null {
    return isTooLong(this.router.deploymentsOf(group), this.router.settings, this.size) ? { kind: 'context-window', retryAfterMs: null } : null;
  }

  #able(group: string): readonly Deployment[] {
    return ableOf(this.router.deploymentsOf(group), this.router.settings, this.size);
  }

  #fallbacksOf(group: string, failure: AttemptFailure | null): readonly string[] {
    const { fallbacks, contextWindowFallbacks, contentPolicyFallbacks, defaultFallbacks } = this.router.settings;
    const of = (list: Readonly<Record<string, readonly string[]>>): readonly string[] => entryOf(list, group) ?? list['*'] ?? [];
    if (failure?.kind === 'context-window') return of(contextWindowFallbacks);
    if (failure?.kind === 'content-policy') return of(contentPolicyFallbacks);
    if (failure?.kind === 'bad-request' || failure?.kind === 'too-large') return [];
    return [...of(fallbacks), ...defaultFallbacks];
  }

  /** The group that was asked for. */
  get group(): string {
    return this.wanted;
  }

  /** Why no attempt can be made now, and when one may be. */
  get nobody(): WireError {
    return whyNobody(this.wanted, this.router.deploymentsOf(this.wanted), this.router.settings, this.size);
  }
}
