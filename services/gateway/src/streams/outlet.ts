/** A connection as far as writing goes. */
export interface Wire {
  write(text: string): void;
  /** Bytes that were written and have not left this process. */
  buffered(): number;
  /** Ends a connection that does not take what it is given. */
  cut(): void;
}

export interface OutletLimits {
  /** More than this waits: feeds hold back and catch up later. */
  fullBytes: number;
  /** So little waits that feeds go on. */
  drainedBytes: number;
  /** More than this never waits: the connection is cut. */
  ceilingBytes: number;
  /** A full connection that takes nothing for this long is cut. */
  stalledMs: number;
  checkMs: number;
}

export const usualLimits: OutletLimits = { fullBytes: 1_048_576, drainedBytes: 65_536, ceilingBytes: 16_777_216, stalledMs: 60_000, checkMs: 50 };

/** Writes to a client and knows when it is too slow, so that one stalled client costs a bounded amount of memory. */
export class Outlet {
  private readonly waiting: (() => void)[] = [];
  private timer: NodeJS.Timeout | null = null;
  private lowest = Infinity;
  private lowestAt = 0;
  private closed = false;

  constructor(private readonly wire: Wire, private readonly limits: OutletLimits = usualLimits) {}

  write(text: string): void {
    if (this.closed) return;
    this.wire.write(text);
    if (this.wire.buffered() > this.limits.ceilingBytes) this.cut();
    else if (this.isFull()) this.watch();
  }

  isFull(): boolean {
    return !this.closed && this.wire.buffered() > this.limits.fullBytes;
  }

  /** Resolves when little waits, and when the connection is gone. */
  async drained(): Promise<void> {
    if (this.closed || this.wire.buffered() <= this.limits.drainedBytes) return;
    const empty = new Promise<void>((resolve) => this.waiting.push(resolve));
    this.watch();
    await empty;
  }

  close(): void {
    this.closed = true;
    this.rest();
  }

  private watch(): void {
    if (this.timer !== null) return;
    this.lowest = Infinity;
    this.timer = setInterval(() => this.check(), this.limits.checkMs);
  }

  private check(): void {
    const buffered = this.wire.buffered();
    if (buffered <= this.limits.drainedBytes) return this.rest();
    if (buffered < this.lowest) {
      this.lowest = buffered;
      this.lowestAt = Date.now();
    } else if (Date.now() - this.lowestAt > this.limits.stalledMs) this.cut();
  }

  private rest(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private cut(): void {
    this.close();
    this.wire.cut();
  }
}
