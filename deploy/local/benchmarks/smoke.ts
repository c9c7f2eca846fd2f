import { add } from '../testing/count.ts';
import type { Count } from '../testing/count.ts';
import { check } from '../testing/run.ts';
import { measured, figureLine, outOfBounds } from './figures.ts';
import { benchmarkNames, loadBenchmark } from './load.ts';

const smallSize = 1 / 20;

/** Runs every benchmark at a twentieth of its size; each passes when it measures and stays within its loose bounds. */
export async function smokeTestBenchmarks(): Promise<Count> {
  const counts: Count[] = [];
  for (const name of benchmarkNames()) counts.push(await check(`benchmark ${name} at 1/20`, () => smokeTest(name)));
  return add(counts);
}

async function smokeTest(name: string) {
  try {
    const benchmark = await loadBenchmark(name);
    const figures = measured(benchmark, await benchmark.run({ size: smallSize, say: () => {} }));
    for (const figure of figures) process.stdout.write(`  ${figureLine(figure)}\n`);
    const problems = outOfBounds(figures);
    return { ok: problems.length === 0, output: problems.join('\n') };
  } catch (error) {
    return { ok: false, output: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
