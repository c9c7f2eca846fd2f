import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './cache.mjs';
import { withLock } from './lock.mjs';
import { tail } from './report.mjs';
import { run, which } from './run.mjs';

export function isRoot() {
  return process.getuid?.() === 0;
}

/** Whether packages can be installed with apt-get on this system. */
export function isDebian() {
  return existsSync('/etc/debian_version') && which('apt-get') !== null;
}

let updated = false;

/** A mirror that does not answer is left within seconds; once is enough to find that out. */
const patience = ['Acquire::http::Timeout=10', 'Acquire::https::Timeout=10', 'Acquire::Retries=1'].flatMap((option) => ['-o', option]);

/**
 * Installs Debian packages without questions: `{ok, problem}`. `optional` ones are installed where this release has
 * them. Needs root.
 */
export function installPackages(names, optional = []) {
  return withLock(join(cacheFolder, 'packages.lock'), 'Debian packages', () => install(names, optional));
}

async function install(names, optional) {
  const environment = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
  if (!updated) {
    await run('apt-get', ['update', '-qq', ...patience], { seconds: 90, environment });
    updated = true;
  }
  const extra = [];
  for (const name of optional) {
    const known = await run('apt-cache', ['show', '--no-all-versions', name], { seconds: 10, environment });
    if (known.ok) extra.push(name);
  }
  const wait = ['-o', 'DPkg::Lock::Timeout=120', ...patience];
  const args = ['install', '-y', '-qq', '--no-install-recommends', ...wait, ...names, ...extra];
  const installed = await run('apt-get', args, { seconds: 300, environment });
  return { ok: installed.ok, problem: installed.ok ? null : `apt-get install ${names.join(' ')} failed: ${tail(installed.output, 3)}` };
}
