// Builds the web app into web/build. svelte-kit's generated files live in node_modules and go with every install, so
// they are made again first.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = dirname(dirname(import.meta.dirname));
const web = join(root, 'web');

tool('svelte-kit', ['sync']);
tool('vite', ['build', '--logLevel', 'warn']);

function tool(name: string, args: readonly string[]): void {
  const places = [join(web, 'node_modules', '.bin', name), join(root, 'node_modules', '.bin', name)];
  const program = places.find(existsSync);
  if (!program) throw new Error(`${name} is not installed`);
  const { status } = spawnSync(program, args, { cwd: web, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
