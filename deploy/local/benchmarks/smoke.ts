import { join } from 'node:path';
import { add } from '../testing/count.ts';
import type { Count } from '../testing/count.ts';
import { check, program, root } from '../testing/run.ts';
import type { Outcome } from '../testing/run.ts';
import { figureLine, measured, outOfBounds } from './figures.ts';
import { benchmarkNames, loadBenchmark } from './load.ts';

const part = 40;
const atOnce = 2;
const mostSeconds = 400;

/** Which take longest, so that none of them is alone at the end. */
const longFirst = ['click', 'crash', 'vnc', 'resume', 'start', 'first-token', 'page', 'gateway', 'tool'];

/**
 * Runs every benchmark that is not only for when it is asked for, at a fortieth of its size; each passes when it measures and
 * stays within its loose bounds. Two at a time: whether they run is seen here, how fast the product is only when one is asked for alone.
 */
export async function smokeTestBenchmarks(): Promise<Count> {
  const all = (await Promise.all(benchmarkNames().map(loadBenchmark))).filter(({ onlyWhenAsked }) => onlyWhenAsked !== true).map(({ name }) => name);
  const left = all.sort((one, other) => place(one) - place(other));
  const counts: Count[] = [];
  const lane = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) counts.push(await check(`benchmark ${name} at 1/${part}`, smokeTest.bind(null, name)));
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return add(counts);
}

const place = (name: string): number => (longFirst.includes(name) ? longFirst.indexOf(name) : longFirst.length);

// In a process of its own: whatever a failing benchmark leaves behind must not end the other tests.
async function smokeTest(name: string): Promise<Outcome> {
  const args = [join(root, 'deploy', 'local', 'bench.ts'), name, '--json', '--size', String(1 / part)];
  const ran = await program(process.execPath, args, { seconds: mostSeconds });
  if (!ran.ok) return ran;
  const figures = JSON.parse(ran.stdout) as { name: string; value: number }[];
  const values = Object.fromEntries(figures.map((figure) => [figure.name.slice(name.length + 1), figure.value]));
  const found = measured(await loadBenchmark(name), values);
  for (const figure of found) process.stdout.write(`  ${figureLine(figure)}\n`);
  const problems = outOfBounds(found);
  return { ok: problems.length === 0, output: problems.join('\n') };
}
