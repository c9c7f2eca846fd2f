import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, makeFolder } from './cache.mjs';
import { findGo, goInstall } from './go.mjs';
import { withLock } from './lock.mjs';
import { say } from './report.mjs';
import { isExecutable, which } from './run.mjs';

const version = 'v1.8.0';
const folder = join(cacheFolder, 'versitygw', version);
const cached = join(folder, 'versitygw');

/** An S3 server for the tests of blobs: found on the PATH or in the cache, or built into the cache: `{path, problem}`. */
export async function ensureS3Server() {
  const found = findS3Server();
  if (found) return { path: found, problem: null };
  if (!findGo()) return { path: null, problem: 'No S3 server is installed and no go to build one; the tests of blobs on S3 need versitygw on the PATH.' };
  return withLock(join(cacheFolder, 'versitygw.lock'), 'versitygw', async () => {
    if (findS3Server()) return { path: findS3Server(), problem: null };
    say(`Building an S3 server for the tests (versitygw ${version}), some minutes`);
    let problem = null;
    await makeFolder(folder, async (temporary) => {
      await goInstall(temporary, { module: 'github.com/versity/versitygw', program: '/cmd/versitygw', version }, { seconds: 600 });
      chmodSync(join(temporary, 'versitygw'), 0o755);
    }).catch((error) => (problem = `No S3 server for the tests of blobs: ${error.message}`));
    return { path: findS3Server(), problem };
  });
}

/** Looks only: the path, or null. */
function findS3Server() {
  return isExecutable(cached) ? cached : which('versitygw');
}
