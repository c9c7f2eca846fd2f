import type { KeysRepository } from './keys.repository.ts';
import { runHolder } from './run-holder.ts';
import type { RunClaims } from './run-token.ts';
import type { VirtualKey } from './virtual-keys.ts';

/** How long an instance goes on with a key at most that was changed elsewhere, should it not be told. */
const knownMs = 2_000;
const unknownMs = 500;
/** A key that is in use is read again so long before that, so that no call waits for it. */
const aheadMs = 1_000;
const rememberedAtMost = 10_000;

interface Entry {
  key: VirtualKey | null;
  until: number;
}

/** Virtual keys by their hash, read from the database and remembered for a moment: a call with a known key asks nobody. */
export class KeyCache {
  readonly #entries = new Map<string, Entry>();
  readonly #asking = new Map<string, Promise<VirtualKey | null>>();

  /** Grows with every change: what was being read before it is not remembered. */
  #changes = 0;

  constructor(private readonly keys: Pick<KeysRepository, 'find'>, private readonly tellOthers: () => void = () => {}, private readonly now: () => number = Date.now) {}

  /** Undefined: it has to be asked for. */
  peek(hash: string): VirtualKey | null | undefined {
    const entry = this.#entries.get(hash);
    if (!entry) return undefined;
    const left = entry.until - this.now();
    if (left <= 0) return undefined;
    // Should it fail, the call that finds it gone asks again and hears why.
    if (left < aheadMs && entry.key !== null) this.find(hash).catch(() => undefined);
    return entry.key;
  }

  /** What holds the calls of a run: the budgets of its user and its conversation. */
  ofRun({ userId, conversationId }: Pick<RunClaims, 'userId' | 'conversationId'>): VirtualKey | null | Promise<VirtualKey | null> {
    const hash = runHolder(userId, conversationId);
    return this.peek(hash) ?? this.find(hash);
  }

  find(hash: string): Promise<VirtualKey | null> {
    let asking = this.#asking.get(hash);
    if (!asking) {
      const changes = this.#changes;
      asking = this.keys.find(hash).then((key) => {
        if (this.#entries.size >= rememberedAtMost) this.#entries.clear();
        if (changes === this.#changes) this.#entries.set(hash, { key, until: this.now() + (key === null ? unknownMs : knownMs) });
        return key;
      }).finally(() => { if (this.#asking.get(hash) === asking) this.#asking.delete(hash); });
      this.#asking.set(hash, asking);
    }
    return asking;
  }

  /** Something was changed, here or elsewhere. */
  clear(): void {
    this.#changes++;
    this.#entries.clear();
    this.#asking.clear();
  }

  /** Something was changed here: the other instances know it at once. */
  changed(): void {
    this.clear();
    this.tellOthers();
  }
}
