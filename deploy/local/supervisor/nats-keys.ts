import { createUser, fromSeed } from '@nats-io/nkeys';
import { renameSync, readFileSync, writeFileSync } from 'node:fs';

export interface NatsKey {
  readonly seed: string;
  readonly publicKey: string;
}

/** One key per name, kept in `file` (mode 0600); names that are new get one. */
export function loadNatsKeys<Name extends string>(file: string, names: readonly Name[]): Record<Name, NatsKey> {
  const seeds = readSeeds(file);
  const missing = names.filter((name) => !seeds[name]);
  for (const name of missing) seeds[name] = new TextDecoder().decode(createUser().getSeed());
  if (missing.length > 0) {
    writeFileSync(`${file}.new`, JSON.stringify(seeds, null, 2), { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
  }
  return Object.fromEntries(names.map((name) => [name, keyOf(seeds[name] ?? '')])) as Record<Name, NatsKey>;
}

function readSeeds(file: string): Record<string, string> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

function keyOf(seed: string): NatsKey {
  return { seed, publicKey: fromSeed(new TextEncoder().encode(seed)).getPublicKey() };
}
