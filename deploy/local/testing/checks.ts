import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { add } from './count.ts';
import type { Count } from './count.ts';
import { check, project, root, tool } from './run.ts';
import type { Outcome } from './run.ts';

/**
 * Types, lint, dead code and unit tests (the boundary and coverage tests among them): all that needs nothing running.
 * The checks go one after the other beside the tests, which keeps two cores busy.
 */
export async function verify(): Promise<Count> {
  const [checks, unit] = await Promise.all([runChecks(), project('unit', { seconds: 300, show: false })]);
  return add([checks, unit]);
}

async function runChecks(): Promise<Count> {
  return add([
    await check('types', () => tool('tsc', ['--noEmit', '--incremental', '--tsBuildInfoFile', 'node_modules/.cache/types.tsbuildinfo'])),
    await check('types of the web app', webTypes),
    await check('lint', () => tool('oxlint', ['--type-aware', '--max-warnings=0'])),
    await check('dead code', () => tool('knip', ['--no-progress', '--no-config-hints'])),
  ]);
}

async function webTypes(): Promise<Outcome> {
  const web = join(root, 'web');
  if (!existsSync(join(web, 'src'))) return { ok: true, output: '' };
  const synced = await tool('svelte-kit', ['sync'], { folder: web });
  return synced.ok ? tool('svelte-check', ['--fail-on-warnings', '--output', 'human'], { folder: web }) : synced;
}
