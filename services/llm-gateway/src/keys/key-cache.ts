import type { KeysRepository } from './keys.repository.ts';
import type { VirtualKey } from './virtual-keys.ts';

/** How long another instance may go on with a key that was changed elsewhere. */
const knownMs = 2_000;
const unknownMs = 500;
const rememberedAtMost = 10_000;

interface Entry {
  key: VirtualKey | null;
  until: number;
}

/** Virtual keys by their hash, read from the database and remembered for a moment: a call with a known key asks nobody. */
export class KeyCache {
  readonly #entries = new Map<string, Entry>();
  readonly #asking = new Map<string, Promise<VirtualKey | null>>();

  constructor(private readonly keys: Pick<KeysRepository, 'find'>, private readonly now: () => number = Date.now) {}

  /** Undefined: it has to be asked for. */
  peek(hash: string): VirtualKey | null | undefined {
    const entry = this.#entries.get(hash);
    return entry && entry.until > this.now() ? entry.key : undefined;
  }

  find(hash: string): Promise<VirtualKey | null> {
    let asking = this.#asking.get(hash);
    if (!asking) {
      asking = this.keys.find(hash).then((key) => {
        if (this.#entries.size >= rememberedAtMost) this.#entries.clear();
        this.#entries.set(hash, { key, until: this.now() + (key === null ? unknownMs : knownMs) });
        return key;
      }).finally(() => this.#asking.delete(hash));
      this.#asking.set(hash, asking);
    }
    return asking;
  }

  /** Something was changed here. */
  clear(): void {
    this.#entries.clear();
  }
}
