// Bundles what runs on the server, or what runs inside computers, into dist/. Run by Node's own type stripping, after the dependencies are
// there: `node build.ts server|sandboxd|containers`.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { bundle } from './bundle.ts';

interface Program {
  readonly entry: string;
  /** Relative to dist/. */
  readonly output: string;
  readonly selfContained?: boolean;
}

const root = dirname(dirname(import.meta.dirname));
const dist = join(root, 'dist');

const services = readdirSync(join(root, 'services'))
  .filter((name) => existsSync(join(root, 'services', name, 'src', 'main.ts')))
  .map((name): Program => ({ entry: `services/${name}/src/main.ts`, output: `services/${name}.mjs` }));

const inComputers: readonly Program[] = [
  { entry: 'packages/sandboxd/src/main.ts', output: 'sandboxd/sandboxd.mjs', selfContained: true },
  { entry: 'packages/mcp/src/computer/main.ts', output: 'sandboxd/mcp.mjs', selfContained: true },
];

const containers: readonly Program[] = [
  { entry: 'deploy/compose/container.ts', output: 'container.mjs' },
  { entry: 'deploy/compose/operator.ts', output: 'operator.mjs' },
];

const others: readonly Program[] = [
  { entry: 'deploy/local/supervisor.ts', output: 'supervisor.mjs' },
  { entry: 'deploy/local/deskhand.ts', output: 'deskhand.mjs' },
];

const wanted: Readonly<Record<string, readonly Program[]>> = { sandboxd: inComputers, containers: [...services, ...containers] };
const programs = wanted[process.argv[2] ?? ''] ?? [...services, ...others];

const failures: string[] = [];

// A running product keeps its files until each is replaced whole; one program's failure does not keep the others old.
for (const { entry, output, selfContained } of programs) {
  const file = join(dist, output);
  mkdirSync(dirname(file), { recursive: true });
  const temporary = join(dirname(file), `.making-${process.pid}-${basename(file)}`);
  try {
    await bundle({ entry: join(root, entry), file: temporary, root, selfContained });
    renameSync(temporary, file);
  } catch (error) {
    failures.push(`${entry}: ${(error as Error).message}`);
  } finally {
    rmSync(temporary, { force: true });
  }
}

if (failures.length > 0) {
  process.stderr.write(`${failures.join('\n')}\n`);
  process.exitCode = 1;
}
