import { decodeProtectedHeader } from 'jose';
import type { PublicKeySet } from './tokens.ts';

/** How soon a token with an unknown key makes the ring ask its source again. */
const reloadAfterMs = 5_000;

/** Another service's public keys, kept here so that tokens are verified without asking anybody. */
export class KeyRing {
  private keys: PublicKeySet | null = null;
  private loading: Promise<PublicKeySet> | null = null;
  private loadedAt = 0;

  constructor(
    private readonly load: () => Promise<PublicKeySet>,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * The keys to verify `token` with. They are loaded at the first use, and again when a token names a key that is
   * not among them, at most every five seconds, so that strangers cannot make this service ask all day.
   * Throws what `load` throws while there are no keys at all; keeps the old ones otherwise.
   */
  async keysFor(token: string): Promise<PublicKeySet> {
    if (this.keys === null) return this.reload();
    if (this.now() - this.loadedAt < reloadAfterMs || holds(this.keys, token)) return this.keys;
    return this.reload().catch(() => this.keys!);
  }

  private reload(): Promise<PublicKeySet> {
    this.loading ??= this.load()
      .then((keys) => (this.keys = keys))
      .finally(() => {
        this.loadedAt = this.now();
        this.loading = null;
      });
    return this.loading;
  }
}

function holds(keys: PublicKeySet, token: string): boolean {
  try {
    const { kid } = decodeProtectedHeader(token);
    return keys.keys.some((key) => key.kid === kid);
  } catch {
    // Not a token at all: no key will ever fit, so there is nothing to ask for.
    return true;
  }
}
