import type { ServiceName } from './contract.ts';

/** Values by key that the instances of one service share and that may be lost at any time. */
export interface ValueStoreContract {
  /** Capitals and `_`. */
  name: string;
  owner: ServiceName;
  /** What it holds at most; the oldest goes first. */
  maxBytes: number;
  /** Milliseconds after which a value is gone. */
  maxAgeMs: number;
}

/** Answers that the model gateway gives again. In memory: what was said in conversations is not written to another disk. */
export const cachedAnswers: ValueStoreContract = { name: 'LLM_ANSWERS', owner: 'llm-gateway', maxBytes: 128 * 1024 * 1024, maxAgeMs: 24 * 3_600_000 };

/** What models said in responses whose clients may name it instead of repeating it; in memory, too. */
export const keptItems: ValueStoreContract = { name: 'LLM_ITEMS', owner: 'llm-gateway', maxBytes: 64 * 1024 * 1024, maxAgeMs: 24 * 3_600_000 };

export const allValueStores: readonly ValueStoreContract[] = [cachedAnswers, keptItems];

/** The stream behind a store, and the subject of one of its values (`*`: of all). */
export const valueStream = ({ name }: ValueStoreContract): string => `VALUES_${name}`;
export const valueSubject = ({ name }: ValueStoreContract, key: string): string => `values.${name}.${key}`;
