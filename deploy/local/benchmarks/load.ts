import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Benchmark } from '../../../bench/benchmark.ts';

const folder = join(dirname(dirname(dirname(import.meta.dirname))), 'bench');
const ending = '.bench.ts';

/** Names of all benchmarks, in alphabetical order. */
export function benchmarkNames(): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((file) => file.endsWith(ending)).map((file) => file.slice(0, -ending.length)).sort();
}

/** The benchmark of `bench/<name>.bench.ts`. */
export async function loadBenchmark(name: string): Promise<Benchmark> {
  const { benchmark } = (await import(join(folder, `${name}${ending}`))) as { benchmark?: Benchmark };
  if (benchmark?.name !== name) throw new Error(`bench/${name}${ending} does not export a benchmark named ${name}`);
  return benchmark;
}
