import type { BlobDriver } from './blob-driver.ts';

/** Scopes whose blobs are remembered; others are listed again when something is added to them. */
const remembered = 200;
/** After pruning a scope is this full, so that not every further blob prunes again. */
const fillAfterPruning = 0.8;

/** Holds each scope within its size: the oldest blobs go first. Every writer counts for itself, from what it listed once. */
export class ScopeSizes {
  /** Sizes by name, oldest first. */
  readonly #scopes = new Map<string, Promise<Map<string, number>>>();

  constructor(private readonly driver: BlobDriver, private readonly limit: number) {}

  /** Notes what was just written and prunes where it became too much; what was written stays. */
  async added(folder: string, name: string, size: number): Promise<void> {
    const blobs = await this.#blobs(folder);
    blobs.delete(name);
    blobs.set(name, size);
    let total = sum(blobs);
    if (total <= this.limit) return;
    for (const [oldest, freed] of [...blobs]) {
      if (total <= this.limit * fillAfterPruning || oldest === name) break;
      blobs.delete(oldest);
      total -= freed;
      await this.driver.remove(folder, oldest);
    }
  }

  forget(folder: string): void {
    this.#scopes.delete(folder);
  }

  async #blobs(folder: string): Promise<Map<string, number>> {
    const known = this.#scopes.get(folder);
    this.#scopes.delete(folder);
    const blobs = known ?? this.#list(folder);
    this.#scopes.set(folder, blobs);
    for (const forgotten of [...this.#scopes.keys()].slice(0, -remembered)) this.#scopes.delete(forgotten);
    blobs.catch(() => this.#scopes.delete(folder));
    return blobs;
  }

  async #list(folder: string): Promise<Map<string, number>> {
    const blobs = await this.driver.list(folder);
    return new Map(blobs.sort((one, other) => one.writtenAt - other.writtenAt).map(({ name, size }) => [name, size]));
  }
}

function sum(blobs: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const size of blobs.values()) total += size;
  return total;
}
