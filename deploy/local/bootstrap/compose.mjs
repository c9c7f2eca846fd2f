import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBaseImage } from './base-image.mjs';
import { cacheFolder, makeFolder } from './cache.mjs';
import { contentHash, root } from './checkout.mjs';
import { caBundle, hasImage } from './image.mjs';
import { withLock } from './lock.mjs';
import { nodeVersion } from './node.mjs';
import { say, tail } from './report.mjs';
import { isExecutable, run } from './run.mjs';

/** Debian 13 has compose 2 as a program of its own, which works with engines and clients of other releases. */
const version = '2.26';
const folder = join(cacheFolder, 'docker-compose', version);
const cached = join(folder, 'docker-compose');
/** Where packages of the client put it. */
const plugins = ['/usr/libexec/docker/cli-plugins', '/usr/lib/docker/cli-plugins', '/usr/local/lib/docker/cli-plugins', join(process.env.HOME ?? '/', '.docker', 'cli-plugins')].map((place) => join(place, 'docker-compose'));

const localBase = join(root, 'deploy', 'compose', 'local-base');
/** Images of deploy/compose/local-base/Dockerfile, by target. */
const standIns = ['node', 'nats', 'postgres'];

/**
 * Docker compose, and images that stand in for those of a registry (deploy/compose/local-base.yml uses them):
 * `{path, base, problem}`. `path` is the plugin's program, `base` the image that images of the product start from.
 */
export async function ensureCompose(docker, engineProblem, natsServer) {
  if (!docker) return { path: null, base: null, problem: `No docker compose: ${engineProblem ?? 'the docker client is not installed'}` };
  const base = await ensureBaseImage(docker);
  if (!base.name) return { path: null, base: null, problem: base.problem };
  const path = findCompose() ?? (await withLock(join(cacheFolder, 'compose.lock'), 'docker compose', () => fetchPlugin(docker, base.name)));
  if (!path) return { path: null, base: null, problem: 'Docker compose 2 is not installed and could not be taken from Debian 13; install it.' };
  const problem = await withLock(join(cacheFolder, 'local-base.lock'), 'the images for docker compose', () => buildStandIns(docker, base.name, natsServer));
  return { path: problem ? null : path, base: base.name, problem };
}

/** Looks only: the plugin's program, or null. */
function findCompose() {
  return [...plugins, cached].find(isExecutable) ?? null;
}

async function fetchPlugin(docker, base) {
  const again = findCompose();
  if (again) return again;
  say('Fetching docker compose (package docker-compose of Debian 13)');
  const script = 'apt-get update -qq -o Acquire::http::Timeout=10 -o Acquire::Retries=1 && cd /tmp && apt-get download -qq -o Acquire::http::Timeout=10 docker-compose && dpkg-deb -x docker-compose_*.deb package && cp package/usr/libexec/docker/cli-plugins/docker-compose /target/';
  await makeFolder(folder, async (temporary) => {
    await docker(['run', '--rm', '--network', 'host', '--volume', `${temporary}:/target`, base, 'sh', '-c', script], { seconds: 120 });
  });
  const answered = await run(cached, ['version', '--short'], { seconds: 10 });
  return answered.ok && answered.stdout.trim().replace(/^v/, '') >= '2.' ? cached : null;
}

async function buildStandIns(docker, base, natsServer) {
  const name = `${contentHash(['deploy/compose/local-base'], { salt: `${base} ${nodeVersion}` }).slice(0, 16)}`;
  for (const target of standIns) {
    const image = `deskhand-local-${target}`;
    if (!(await hasImage(docker, `${image}:${name}`))) {
      const problem = await build(docker, target, `${image}:${name}`, base, natsServer);
      if (problem) return problem;
    }
    await docker(['tag', `${image}:${name}`, `${image}:latest`], { seconds: 15 });
  }
  return null;
}

async function build(docker, target, image, base, natsServer) {
  say(`Building ${image} for docker compose (once)`);
  const context = mkdtempSync(join(cacheFolder, 'local-base-context-'));
  try {
    for (const file of ['Dockerfile', 'postgres-entry.sh']) copyFileSync(join(localBase, file), join(context, file));
    if (natsServer && existsSync(natsServer)) copyFileSync(natsServer, join(context, 'nats-server'));
    const certificates = caBundle();
    const secret = certificates ? ['--secret', `id=ca,src=${certificates}`] : [];
    const built = await docker(['build', '--network', 'host', '--build-arg', `BASE_IMAGE=${base}`, '--build-arg', `NODE_VERSION=${nodeVersion}`, '--target', target, '--progress', 'plain', ...secret, '--tag', image, context], { seconds: 400 });
    return built.ok ? null : `The image ${image} could not be built:\n${tail(built.output, 20)}`;
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}
