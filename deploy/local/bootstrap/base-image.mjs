import { join } from 'node:path';
import { rmSync } from 'node:fs';
import { cacheFolder } from './cache.mjs';
import { installPackages, isDebian, isRoot } from './debian.mjs';
import { say, tail } from './report.mjs';
import { run, which } from './run.mjs';

/** The name that the sandbox images are built on; kept in the engine and made once per release of this list. */
const suites = ['trixie', 'bookworm'];
const version = '1';

/**
 * Name of a Debian base image that the engine has: found, pulled where a registry answers within seconds, or made from
 * Debian's packages. `{name, problem}`.
 */
export async function ensureBaseImage(docker) {
  for (const suite of suites) {
    if ((await docker(['image', 'inspect', tag(suite)], { seconds: 10 })).ok) return { name: tag(suite), problem: null };
  }
  const attempts = [];
  for (const source of [pull, make]) {
    for (const suite of suites) {
      const failure = await source(docker, suite);
      if (!failure) return { name: tag(suite), problem: null };
      attempts.push(failure);
    }
  }
  return { name: null, problem: `No base image could be had: ${attempts.join('; ')}` };
}

const tag = (suite) => `deskhand-base:${suite}-${version}`;

async function pull(docker, suite) {
  const image = `debian:${suite}-slim`;
  const reached = await docker(['manifest', 'inspect', image], { seconds: 8 });
  if (!reached.ok) return `no registry answered for ${image}`;
  say(`Pulling the base image ${image}`);
  const pulled = await docker(['pull', '--quiet', image], { seconds: 180 });
  if (!pulled.ok) return tail(pulled.output, 1);
  return (await docker(['tag', image, tag(suite)], { seconds: 10 })).ok ? null : `${image} could not be tagged`;
}

async function make(docker, suite) {
  if (!which('mmdebstrap')) {
    if (!isRoot() || !isDebian()) return 'mmdebstrap is not installed';
    say('Installing mmdebstrap (Debian package) to make the base image');
    const installed = await installPackages(['mmdebstrap'], ['debian-archive-keyring']);
    if (!installed.ok) return installed.problem;
  }
  say(`Making the base image from Debian packages (${suite}), about half a minute`);
  const archive = join(cacheFolder, `base-${suite}-${process.pid}.tar`);
  try {
    const made = await run('mmdebstrap', ['--variant=minbase', '--include=ca-certificates', '--quiet', '--aptopt=Acquire::http::Timeout "10"', '--aptopt=Acquire::Retries "1"', suite, archive], { seconds: 180 });
    if (!made.ok) return `mmdebstrap ${suite} failed: ${tail(made.output, 2)}`;
    const imported = await docker(['import', '--change', 'CMD ["/bin/bash"]', archive, tag(suite)], { seconds: 120 });
    return imported.ok ? null : `docker import failed: ${tail(imported.output, 2)}`;
  } finally {
    rmSync(archive, { force: true });
  }
}
