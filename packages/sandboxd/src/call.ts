import { constants } from 'node:os';
import { Output } from './output.ts';
import { containment, type Pressure, readPressure } from './pressure.ts';
import type { Outcome, View } from './protocol.ts';

/** A grace in which more output, or the end, joins an answer that could already be given. */
const gatherMs = 8;

/** One command as the daemon knows it: its output, how it ended, and who waits for either. */
export class Call {
  outcome: Outcome | undefined;
  timedOut = false;
  killed = false;
  /** Why the computer ended it, when that is already known. */
  contained: string | undefined;
  /** Sends a kill to the process that holds the call; null while none is connected. */
  kill: (() => void) | null = null;
  /** Whether anything of it may still run: its main process, or what that left behind. */
  held = true;
  #waiters = new Set<() => void>();
  #goneWaiters = new Set<() => void>();
  #pressure: Pressure = readPressure();

  constructor(
    readonly id: string,
    readonly token: string,
    readonly startedAt: number,
    readonly output: Output,
  ) {}

  view(offset: number): View {
    const text = this.output.text;
    const from = Math.min(offset, text.length);
    return { state: this.outcome ? 'ended' : 'running', offset: from, text: text.slice(from), ...(this.outcome && { outcome: this.outcome }) };
  }

  /** The view from `offset` on as soon as there is something to tell, or after `waitMs`. */
  async follow(offset: number, waitMs: number): Promise<View> {
    const limit = performance.now() + waitMs;
    while (!this.outcome && this.output.text.length <= offset && performance.now() < limit) await this.#changed(limit - performance.now());
    if (!this.outcome && waitMs > 0) {
      const gathered = performance.now() + gatherMs;
      while (!this.outcome && performance.now() < gathered) await this.#changed(gathered - performance.now());
    }
    return this.view(offset);
  }

  append(bytes: Buffer): string {
    const shown = this.output.append(bytes);
    if (shown.length > 0) this.#tell();
    return shown;
  }

  /** Ends the call; a second end is ignored. */
  end(code: number | null, signal: number | string | null): boolean {
    if (this.outcome) return false;
    const failed = signal !== null || (code !== null && code !== 0);
    const contained = this.contained ?? containment(this.#pressure, readPressure(), failed);
    this.outcome = {
      exit_code: code,
      signal: typeof signal === 'number' ? signalName(signal) : signal,
      timed_out: this.timedOut,
      killed: this.killed,
      duration_ms: Math.max(0, Math.round((Date.now() - this.startedAt) * 10) / 10),
      ...(contained && { contained }),
    };
    this.output.finish();
    this.#tell();
    return true;
  }

  /** Nothing of it is left. */
  gone(): void {
    this.held = false;
    this.kill = null;
    for (const wake of this.#goneWaiters) wake();
  }

  /** Whether everything of it is gone within `ms`. */
  async isGone(ms: number): Promise<boolean> {
    if (this.held) await waitFor(this.#goneWaiters, ms);
    return !this.held;
  }

  #changed(ms: number): Promise<void> {
    return waitFor(this.#waiters, ms);
  }

  #tell(): void {
    for (const wake of this.#waiters) wake();
  }
}

function waitFor(waiters: Set<() => void>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      waiters.delete(done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(1, ms));
    waiters.add(done);
  });
}

function signalName(number: number): string {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `SIG${number}`;
}
