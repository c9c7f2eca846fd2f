import type { Limit, LimitLeases, LimitPeers } from './limit.ts';

/** What was asked for in vain is not asked for again so soon: refusals must be cheap. */
const noneMs = 250;
/** Slots that nobody used for so long are given back. */
const idleMs = 10_000;
/** Into how many parts a limit is leased where there are other instances. */
const parts = 8;

interface Share {
  limit: Limit;
  /** Leased by this instance, and how much of it is in use; more may be used than is held, for a moment. */
  held: number;
  used: number;
  /** Until when what is held is this instance's own; 0: nothing is. */
  endsAt: number;
  lease: number;
  /** Until when it is known that nothing is left. */
  noneUntil: number;
  usedAt: number;
  leasing: Promise<boolean> | null;
}

export interface LimitLedgerOptions {
  leases: LimitLeases;
  peers: LimitPeers;
  /** A lease in the background that failed; the next call asks again. */
  failed(error: unknown): void;
  now?: () => number;
}

/**
 * This instance's shares of the limits that all instances keep together. A share is leased, and counted in memory from then on:
 * most calls ask nobody. An instance that is alone leases whole limits. One that finds nothing left has the others give back what
 * they do not use before it refuses a call. What is leased is as good as used for everybody else, so limits hold with any number of
 * instances, and when one dies.
 */
export class LimitLedger {
  readonly #shares = new Map<string, Share>();
  readonly #now: () => number;

  constructor(private readonly options: LimitLedgerOptions) {
    this.#now = options.now ?? (() => performance.now());
  }

  /** Takes so much, if this instance holds it. Undefined: the others have to be asked (`ask`). */
  take(limit: Limit, amount: number): boolean | undefined {
    const share = this.#of(limit);
    if (share.used + amount > limit.most) return false;
    if (share.held - share.used >= amount) {
      share.used += amount;
      share.usedAt = this.#now();
      return true;
    }
    return share.noneUntil > this.#now() ? false : undefined;
  }

  /** Takes so much, of what can be leased where this instance has too little. */
  async ask(limit: Limit, amount: number): Promise<boolean> {
    for (let tries = 0; tries < 50; tries++) {
      const taken = this.take(limit, amount);
      if (taken !== undefined) return taken;
      const share = this.#of(limit);
      share.leasing ??= this.#lease(share, amount).finally(() => (share.leasing = null));
      await share.leasing;
    }
    return false;
  }

  /** Whether this instance holds so much. */
  has(limit: Limit, amount: number): boolean {
    const share = this.#of(limit);
    return share.held - share.used >= amount && share.used + amount <= limit.most;
  }

  /** Whether there may be so much: false only where it is known that there is not. */
  mayHave(limit: Limit, amount: number): boolean {
    const share = this.#of(limit);
    return share.used + amount <= limit.most && (share.held - share.used >= amount || share.noneUntil <= this.#now());
  }

  /** Leases so much, if this instance holds less, for a call that may come soon. Resolves when there is nothing more to wait for. */
  async foresee(limit: Limit, amount: number): Promise<void> {
    const share = this.#of(limit);
    if (this.has(limit, amount) || !this.mayHave(limit, amount)) return;
    if (share.leasing === null) this.#inBackground(share, amount);
    await share.leasing;
  }

  /** What was taken is not needed, or not any more. */
  putBack(limit: Limit, amount: number): void {
    const share = this.#of(limit);
    share.used = Math.max(0, share.used - amount);
    share.noneUntil = 0;
  }

  /** Counts what nobody could know before, whether it is left or not. The others know it a moment later. */
  charge(limit: Limit, amount: number): void {
    const share = this.#of(limit);
    share.used += amount;
    if (share.used <= share.held || share.leasing !== null) return;
    this.#inBackground(share, 0);
  }

  /** What may still be taken here: all that is left where this instance is alone, else what it holds. */
  left(limit: Limit): number {
    const { held, used } = this.#of(limit);
    return Math.max(0, Math.floor((this.options.peers.count === 0 ? limit.most : held) - used));
  }

  /** Milliseconds until what was taken of a minute is there again. */
  endsInMs(limit: Limit): number {
    return Math.max(0, this.#of(limit).endsAt - this.#now());
  }

  /** Names the minute that is taken of now; another one's cannot be put back into it. */
  minuteOf(limit: Limit): number {
    return this.#of(limit).lease;
  }

  /** Gives back what is not in use, because another instance needs it. Resolves with how much that was. */
  async release(limitId: string): Promise<number> {
    const share = this.#shares.get(limitId);
    if (share === undefined || share.endsAt <= this.#now()) return 0;
    const spare = Math.max(0, Math.floor(share.held - share.used));
    if (spare === 0) return 0;
    share.held -= spare;
    await this.options.leases.giveBack(share.limit, share.lease, spare);
    return spare;
  }

  /** To be called every few seconds: keeps the slots that are held, gives back those that nobody used for a while. */
  async renew(): Promise<void> {
    const now = this.#now();
    const kept: Share[] = [];
    for (const [id, share] of this.#shares) {
      if (share.leasing !== null) continue;
      if (share.endsAt <= now) {
        if (share.used === 0 || share.limit.kind === 'minute') this.#shares.delete(id);
      } else if (share.limit.kind === 'slots') {
        if (share.used > 0 || share.usedAt > now - idleMs) kept.push(share);
        else await this.release(id);
      }
    }
    if (kept.length === 0) return;
    const renewed = await this.options.leases.renew(kept.map(({ limit }) => limit.id));
    for (const share of kept) if (renewed.kept.has(share.limit.id) && share.endsAt !== 0) share.endsAt = now + renewed.endsInMs;
  }

  #inBackground(share: Share, amount: number): void {
    share.leasing = this.#lease(share, amount).catch((error: unknown) => { this.options.failed(error); return false; }).finally(() => {
      share.leasing = null;
      // What was used meanwhile.
      if (share.used > share.held && share.endsAt > this.#now()) this.charge(share.limit, 0);
    });
  }

  async #lease(share: Share, amount: number): Promise<boolean> {
    const { leases, peers } = this.options;
    for (let recalled = false; ; recalled = true) {
      const started = this.#now();
      const owed = Math.max(0, share.used - share.held);
      const least = Math.max(amount - Math.max(0, share.held - share.used), 0);
      const slice = peers.count === 0 ? share.limit.most : Math.ceil(share.limit.most / parts);
      const { granted, endsInMs, lease } = await leases.lease(share.limit, owed, least, amount === 0 ? 0 : Math.max(least, slice));
      // The answer of a minute that is over meanwhile is worth nothing.
      if (started + endsInMs <= this.#now()) return true;
      Object.assign(share, { held: share.held + granted, endsAt: started + endsInMs, lease });
      if (granted - owed >= least || amount === 0) return true;
      if (recalled || peers.count === 0 || (await peers.recall(share.limit.id)) === 0) break;
    }
    share.noneUntil = this.#now() + noneMs;
    return false;
  }

  #of(limit: Limit): Share {
    const now = this.#now();
    const known = this.#shares.get(limit.id);
    if (known === undefined) {
      const share: Share = { limit, held: 0, used: 0, endsAt: 0, lease: 0, noneUntil: 0, usedAt: now, leasing: null };
      this.#shares.set(limit.id, share);
      return share;
    }
    known.limit = limit;
    if (known.endsAt === 0 || known.endsAt > now) return known;
    // A new minute begins from nothing; slots that ran out are others' by now, those in use are owed.
    Object.assign(known, { held: 0, endsAt: 0, lease: 0, noneUntil: 0, ...(limit.kind === 'minute' && { used: 0 }) });
    return known;
  }
}
