import { WireError } from '../wire/wire-format.ts';
import type { VirtualKey } from './virtual-keys.ts';

const minuteMs = 60_000;

interface Counts {
  minute: number;
  calls: number;
  tokens: number;
  active: number;
}

/** Calls and tokens a minute, and calls at once, of each virtual key. By this instance's own count. */
export class CallLimits {
  readonly #counts = new Map<string, Counts>();

  constructor(private readonly now: () => number = Date.now) {}

  /** Counts a call in. Throws `WireError` when it is too many. The answer counts it out, with the tokens that it took. */
  begin({ hash, rpm, tpm, maxParallel }: VirtualKey): (tokens: number) => void {
    if (rpm === null && tpm === null && maxParallel === null) return () => {};
    const counts = this.#of(hash);
    if (maxParallel !== null && counts.active >= maxParallel) throw tooMany(`${maxParallel} calls at once`, 1);
    const seconds = Math.ceil(((counts.minute + 1) * minuteMs - this.now()) / 1_000);
    if (rpm !== null && counts.calls >= rpm) throw tooMany(`${rpm} calls a minute`, seconds);
    if (tpm !== null && counts.tokens >= tpm) throw tooMany(`${tpm} tokens a minute`, seconds);
    counts.calls++;
    counts.active++;
    return (tokens) => {
      counts.active--;
      this.#of(hash).tokens += tokens;
    };
  }

  #of(hash: string): Counts {
    const minute = Math.floor(this.now() / minuteMs);
    const known = this.#counts.get(hash);
    if (known === undefined) {
      if (this.#counts.size > 10_000) for (const [other, { active, minute: last }] of this.#counts) if (active === 0 && last < minute) this.#counts.delete(other);
      const counts = { minute, calls: 0, tokens: 0, active: 0 };
      this.#counts.set(hash, counts);
      return counts;
    }
    if (known.minute !== minute) Object.assign(known, { minute, calls: 0, tokens: 0 });
    return known;
  }
}

function tooMany(limit: string, seconds: number): WireError {
  return new WireError('rate-limited', `This key is limited to ${limit}. Try again in ${seconds} s.`, null, 'rate_limit_exceeded');
}
