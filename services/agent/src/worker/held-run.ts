import type { ClaimedRun } from '@deskhand/contracts';
import type { RunStop } from '../loop/stop.ts';

/** A claimed run as its worker holds it: until the lease is over, somebody stops it, or the worker leaves. */
export class HeldRun {
  private readonly abandoning = new AbortController();
  private readonly interrupting = new AbortController();
  private leaseEnds: number;
  private timer: NodeJS.Timeout | null = null;
  grant: string;
  readonly stop: RunStop;

  /** `claimedAt`: when the claim was asked for, so that the lease is never thought longer than it is. */
  constructor(readonly run: ClaimedRun, draining: AbortSignal, claimedAt: number, private readonly now: () => number) {
    this.grant = run.grant;
    this.stop = { abandoned: this.abandoning.signal, interrupted: this.interrupting.signal, draining };
    this.leaseEnds = claimedAt + run.lease_ms;
    if (run.interrupt) this.interrupt();
    this.watch();
  }

  /** Whether the lease still runs. Asked right before anything that must not happen without it. */
  get held(): boolean {
    return !this.abandoning.signal.aborted && this.now() < this.leaseEnds;
  }

  /** `askedAt`: when the heartbeat was sent. */
  renew(askedAt: number, leaseMs: number, grant: string): void {
    this.leaseEnds = Math.max(this.leaseEnds, askedAt + leaseMs);
    this.grant = grant;
  }

  interrupt(): void {
    this.interrupting.abort();
  }

  /** Nothing more is done for the run. */
  abandon(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.abandoning.abort();
  }

  private watch(): void {
    this.timer = setTimeout(() => (this.now() >= this.leaseEnds ? this.abandon() : this.watch()), Math.max(1, this.leaseEnds - this.now()));
  }
}
