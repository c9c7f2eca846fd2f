import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './cache.mjs';
import { installPackages, isDebian, isRoot } from './debian.mjs';
import { withLock } from './lock.mjs';
import { say } from './report.mjs';
import { isExecutable, which } from './run.mjs';

// Debian keeps the server's programs off the PATH, one folder a version.
const debianFolder = '/usr/lib/postgresql';

/**
 * PostgreSQL server programs for the tests that run on both databases: found, or installed where root allows it:
 * `{path, problem}`. The tests start servers of their own with them.
 */
export async function ensurePostgres() {
  const found = findPostgres();
  if (found) return { path: found, problem: null };
  if (!isRoot() || !isDebian()) return { path: null, problem: 'No PostgreSQL server is installed; the tests on PostgreSQL need one (its initdb and postgres on the PATH).' };
  return withLock(join(cacheFolder, 'postgres.lock'), 'PostgreSQL', async () => {
    if (findPostgres()) return { path: findPostgres(), problem: null };
    say('Installing PostgreSQL for the tests (Debian package)');
    const installed = await installPackages(['postgresql']);
    return { path: findPostgres(), problem: installed.problem };
  });
}

/** Looks only: the path of initdb, or null. */
export function findPostgres() {
  const versions = existsSync(debianFolder) ? readdirSync(debianFolder).sort().reverse() : [];
  return versions.map((version) => join(debianFolder, version, 'bin', 'initdb')).find(isExecutable) ?? which('initdb');
}
