// `npm run bench -- NAME… [--list] [--json] [--size FRACTION]`
import { parseArgs } from 'node:util';
import { figureLine, measured } from './benchmarks/figures.ts';
import type { MeasuredFigure } from './benchmarks/figures.ts';
import { benchmarkNames, loadBenchmark } from './benchmarks/load.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { list: { type: 'boolean' }, json: { type: 'boolean' }, size: { type: 'string', default: '1' } },
});
const known = benchmarkNames();
const size = Number(values.size);
const unknown = positionals.filter((name) => !known.includes(name));

if (values.list) {
  for (const name of known) process.stdout.write(`${name}\n`);
} else if (unknown.length > 0 || positionals.length === 0 || !(size > 0 && size <= 1)) {
  if (unknown.length > 0) process.stderr.write(`There is no benchmark ${unknown.join(', ')}.\n`);
  process.stderr.write(`npm run bench -- NAME… [--json] [--size FRACTION above 0, at most 1]\nNames: ${known.join(', ') || 'none yet'}\n`);
  process.exitCode = 1;
} else {
  const figures: MeasuredFigure[] = [];
  for (const name of positionals) figures.push(...(await runOne(name)));
  if (values.json) process.stdout.write(`${JSON.stringify(figures.map(({ benchmark, name, value, unit, how }) => ({ name: `${benchmark}.${name}`, value, unit, how, size })), null, 2)}\n`);
  process.exit();
}

async function runOne(name: string): Promise<MeasuredFigure[]> {
  const benchmark = await loadBenchmark(name);
  const figures = measured(benchmark, await benchmark.run({ size, say: (text) => process.stderr.write(`${name}: ${text}\n`) }));
  if (!values.json) for (const figure of figures) process.stdout.write(`${figureLine(figure)}\n    ${figure.how}${size < 1 ? ` (at ${size} of the whole size)` : ''}\n`);
  return figures;
}
