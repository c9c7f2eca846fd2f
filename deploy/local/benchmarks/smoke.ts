import { join } from 'node:path';
import type { Benchmark } from '../../../bench/benchmark.ts';
import { add } from '../testing/count.ts';
import type { Count } from '../testing/count.ts';
import { check, program, root } from '../testing/run.ts';
import type { Outcome } from '../testing/run.ts';
import { figureLine, measured, outOfBounds } from './figures.ts';
import { benchmarkNames, loadBenchmark } from './load.ts';

const smallSize = 1 / 20;
const mostSeconds = 400;

/**
 * Runs every benchmark that is not only for when it is asked for, at a twentieth of its size; each passes when it measures and
 * stays within its loose bounds. Those that time something go one after the other, those that only count beside them.
 */
export async function smokeTestBenchmarks(): Promise<Count> {
  const all = (await Promise.all(benchmarkNames().map(loadBenchmark))).filter(({ onlyWhenAsked }) => onlyWhenAsked !== true);
  return add(await Promise.all([all.filter(({ countsOnly }) => countsOnly !== true), all.filter(({ countsOnly }) => countsOnly === true)].map(oneAfterTheOther)));
}

async function oneAfterTheOther(benchmarks: readonly Benchmark[]): Promise<Count> {
  const counts: Count[] = [];
  for (const { name } of benchmarks) counts.push(await check(`benchmark ${name} at 1/20`, () => smokeTest(name)));
  return add(counts);
}

// In a process of its own: whatever a failing benchmark leaves behind must not end the other tests.
async function smokeTest(name: string): Promise<Outcome> {
  const args = [join(root, 'deploy', 'local', 'bench.ts'), name, '--json', '--size', String(smallSize)];
  const ran = await program(process.execPath, args, { seconds: mostSeconds });
  if (!ran.ok) return ran;
  const figures = JSON.parse(ran.stdout) as { name: string; value: number }[];
  const values = Object.fromEntries(figures.map((figure) => [figure.name.slice(name.length + 1), figure.value]));
  const found = measured(await loadBenchmark(name), values);
  for (const figure of found) process.stdout.write(`  ${figureLine(figure)}\n`);
  const problems = outOfBounds(found);
  return { ok: problems.length === 0, output: problems.join('\n') };
}
