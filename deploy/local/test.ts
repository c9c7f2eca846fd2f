// `npm test`: every test there is; the last line says how many passed and failed.
import { smokeTestBenchmarks } from './benchmarks/smoke.ts';
import { verify } from './testing/checks.ts';
import { add, closingLine, exitCode } from './testing/count.ts';
import { project } from './testing/run.ts';

// The product in containers takes longest and waits most: it goes beside what needs no screen, and the rest has the machine alone.
const containers = project('containers', { seconds: 1_200, show: false });
const count = add([await verify(), await project('medium', { seconds: 1_200 }), await containers, await project('computers', { seconds: 900 }), await project('e2e', { seconds: 2_100 }), await smokeTestBenchmarks()]);
if (count.skipped > 0) process.stdout.write(`\n${count.skipped} skipped`);
process.stdout.write(`\n${closingLine(count)}\n`);
process.exit(exitCode(count));
