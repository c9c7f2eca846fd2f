import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, makeFolder } from './cache.mjs';
import { withLock } from './lock.mjs';
import { say, tail } from './report.mjs';
import { isExecutable, run, which } from './run.mjs';

const version = 'v1.8.0';
const folder = join(cacheFolder, 'versitygw', version);
const cached = join(folder, 'versitygw');

/** An S3 server for the tests of blobs: found on the PATH or in the cache, or built into the cache: `{path, problem}`. */
export async function ensureS3Server() {
  const found = findS3Server();
  if (found) return { path: found, problem: null };
  const go = which('go', `${process.env.PATH}:/usr/local/go/bin`);
  if (!go) return { path: null, problem: 'No S3 server is installed and no go to build one; the tests of blobs on S3 need versitygw on the PATH.' };
  return withLock(join(cacheFolder, 'versitygw.lock'), 'versitygw', async () => {
    if (findS3Server()) return { path: findS3Server(), problem: null };
    say(`Building an S3 server for the tests (versitygw ${version}), some minutes`);
    let problem = null;
    await makeFolder(folder, async (temporary) => {
      const environment = { GOBIN: temporary, CGO_ENABLED: '0' };
      const built = await run(go, ['install', `github.com/versity/versitygw/cmd/versitygw@${version}`], { seconds: 600, environment });
      if (!built.ok) throw new Error(tail(built.output, 1) || 'no answer');
      chmodSync(join(temporary, 'versitygw'), 0o755);
    }).catch((error) => (problem = `No S3 server for the tests of blobs: ${error.message}`));
    return { path: findS3Server(), problem };
  });
}

/** Looks only: the path, or null. */
function findS3Server() {
  return isExecutable(cached) ? cached : which('versitygw');
}
