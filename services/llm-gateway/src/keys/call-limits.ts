import type { Limit } from '../limits/limit.ts';
import type { LimitLedger } from '../limits/limit-ledger.ts';
import { WireError } from '../wire/wire-format.ts';
import type { VirtualKey } from './virtual-keys.ts';

/** Counts a call out, with the tokens that it took. */
export type CountOut = (tokens: number) => void;

/** Of a limit of a minute. */
export interface Left {
  most: number;
  left: number;
  endsInMs: number;
}

interface Wanted {
  limit: Limit;
  words: string;
}

/** Calls and tokens a minute, and calls at once, of each virtual key, user, team and job, over all instances. */
export class CallLimits {
  constructor(private readonly ledger: LimitLedger) {}

  /**
   * Counts a call in. Throws, or rejects with, `WireError` when it is too many. A promise only where other instances must be asked.
   * Nobody knows the tokens of a call before it is over, so a minute's may be exceeded by those of calls that are under way.
   */
  begin(key: VirtualKey): CountOut | Promise<CountOut> {
    if (key.holders.length === 0 && key.rpm === null && key.tpm === null && key.maxParallel === null) return nothing;
    const wanted: Wanted[] = [];
    want(wanted, 'key', key.hash, key);
    for (const holder of key.holders) want(wanted, holder.kind, holder.id, holder);
    if (wanted.length === 0) return nothing;
    for (const [index, { limit }] of wanted.entries()) {
      const taken = this.ledger.take(limit, 1);
      if (taken === undefined) return this.askFor(wanted, index);
      if (!taken) throw this.tooMany(wanted, index);
    }
    return this.counted(wanted);
  }

  /** What is left of a key's calls and of its tokens this minute, as far as this instance may give them out, and in how many milliseconds all is there again; null where there is no limit. */
  left({ hash, rpm, tpm }: Pick<VirtualKey, 'hash' | 'rpm' | 'tpm'>): { requests: Left | null; tokens: Left | null } {
    const of = (what: string, most: number | null): Left | null => {
      if (most === null) return null;
      const limit: Limit = { id: `key:${hash}:${what}`, kind: 'minute', most };
      return { most, left: this.ledger.left(limit), endsInMs: this.ledger.endsInMs(limit) };
    };
    return { requests: of('rpm', rpm), tokens: of('tpm', tpm) };
  }

  private async askFor(wanted: readonly Wanted[], from: number): Promise<CountOut> {
    for (let index = from; index < wanted.length; index++) {
      try {
        if (await this.ledger.ask(wanted[index]!.limit, 1)) continue;
      } catch (error) {
        this.putBack(wanted, index);
        throw error;
      }
      throw this.tooMany(wanted, index);
    }
    return this.counted(wanted);
  }

  private counted(wanted: readonly Wanted[]): CountOut {
    return (tokens) => {
      for (const { limit } of wanted) {
        if (limit.kind === 'slots') this.ledger.putBack(limit, 1);
        // One was taken when the call began.
        else if (limit.id.endsWith(':tpm')) this.ledger.charge(limit, tokens - 1);
      }
    };
  }

  /** Of the limits before this one, what was taken of them goes back. */
  private putBack(wanted: readonly Wanted[], count: number): void {
    for (const { limit } of wanted.slice(0, count)) this.ledger.putBack(limit, 1);
  }

  private tooMany(wanted: readonly Wanted[], index: number): WireError {
    this.putBack(wanted, index);
    const { limit, words } = wanted[index]!;
    const seconds = limit.kind === 'slots' ? 1 : Math.max(1, Math.ceil(this.ledger.endsInMs(limit) / 1_000));
    return new WireError('rate-limited', `This ${words}. Try again in ${seconds} s.`, null, 'rate_limit_exceeded', seconds);
  }
}

function want(wanted: Wanted[], whose: string, id: string, { rpm, tpm, maxParallel }: Pick<VirtualKey, 'rpm' | 'tpm' | 'maxParallel'>): void {
  const add = (what: string, kind: Limit['kind'], most: number | null, words: string): void => void (most !== null && wanted.push({ limit: { id: `${whose}:${id}:${what}`, kind, most }, words: `${whose} is limited to ${most} ${words}` }));
  add('parallel', 'slots', maxParallel, 'calls at once');
  add('rpm', 'minute', rpm, 'calls a minute');
  add('tpm', 'minute', tpm, 'tokens a minute');
}

const nothing: CountOut = () => {};
