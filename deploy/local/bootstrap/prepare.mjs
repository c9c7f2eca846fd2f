import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBaseImage } from './base-image.mjs';
import { readOrNull, root } from './checkout.mjs';
import { ensureChromium } from './chromium.mjs';
import { ensureCompose } from './compose.mjs';
import { ensureDependencies } from './dependencies.mjs';
import { ensureEngine } from './engine.mjs';
import { caBundle, dockerClient, ensureImage } from './image.mjs';
import { ensureNatsServer } from './nats.mjs';
import { ensureNode } from './node.mjs';
import { ensurePostgres } from './postgres.mjs';
import { buildSandboxd, buildServer, buildWeb } from './products.mjs';
import { Remedy, say } from './report.mjs';
import { ensureS3Server } from './s3-server.mjs';

/**
 * What each command needs and which program it becomes. Parts: `dependencies`, `server` (bundles), `web`, `nats`,
 * `image` (with an engine and sandboxd), `postgres`, `s3`, `chromium`, `compose` (its plugin, and images that stand in for
 * those of a registry).
 */
export const plans = {
  start: () => ({ needs: ['dependencies', 'server', 'web', 'image', ...(process.env.DESKHAND_NATS_URL ? [] : ['nats'])], program: 'dist/supervisor.mjs' }),
  test: () => ({ needs: ['dependencies', 'server', 'web', 'nats', 'image', 'postgres', 's3', 'chromium', 'compose'], program: 'deploy/local/test.ts' }),
  verify: () => ({ needs: ['dependencies'], program: 'deploy/local/verify.ts' }),
  build: () => ({ needs: ['dependencies', 'server', 'web'] }),
  bench: (args) => ({
    needs: args.includes('--list') ? ['dependencies'] : ['dependencies', 'server', 'web', 'nats', 'image'],
    program: 'deploy/local/bench.ts',
  }),
  deskhand: (args) => {
    if (args[0] === 'doctor') return { needs: [], program: 'deploy/local/doctor.mjs' };
    if (args[0] === 'compose-base') return { needs: ['dependencies', 'nats', 'compose'], say: ({ environment }) => composeAdvice(environment) };
    return { needs: ['dependencies', 'server'], program: 'dist/deskhand.mjs' };
  },
  image: () => ({
    needs: ['dependencies', 'nats', 'image'],
    say: ({ environment }) => environment.SANDBOX_IMAGE ?? environment.DOCKER_PROBLEM,
  }),
};

/**
 * Finds or makes all the parts, those that do not need each other at the same time. What was found goes to the program
 * as environment variables and into dist/prerequisites.json for programs that are started without the bootstrap.
 */
export async function prepare(needs) {
  const wants = (part) => needs.includes(part);
  const node = await ensureNode();
  if (!wants('dependencies')) return { node, environment: {} };

  const engine = wants('image') || wants('compose') ? ensureEngineAndBase() : Promise.resolve({ host: null, problem: null });
  const built = build(node, wants);
  const nats = wants('nats') ? ensureNatsServer(() => engine.then(({ docker }) => docker)) : Promise.resolve(null);
  const chromium = wants('chromium') ? ensureChromium() : Promise.resolve({ path: null, problem: null });
  const postgres = wants('postgres') ? ensurePostgres() : Promise.resolve({ path: null, problem: null });
  // Built after the bundles: a compiler beside them gains nothing on two cores.
  const s3 = wants('s3') ? built.web.catch(() => null).then(ensureS3Server) : Promise.resolve({ path: null, problem: null });
  const image = wants('image') ? Promise.all([engine, built.sandboxd]).then(([found]) => sandboxImage(found)) : Promise.resolve(null);
  // After the image of computers: both start from the same base, which is made once.
  const compose = wants('compose') ? Promise.all([engine, nats, image.catch(() => null)]).then(([{ docker, problem }, server]) => ensureCompose(docker, problem, server)) : Promise.resolve({ path: null, problem: null });
  const all = await Promise.allSettled([engine, nats, chromium, image, postgres, s3, compose, built.server, built.web]);

  const [found, natsServer, browser, sandbox, database, objects, composed] = all.map(({ value }) => value ?? null);
  for (const part of [browser, database, objects, composed]) if (part?.problem) say(part.problem);
  if (sandbox?.problem) say(`No computers: ${sandbox.problem}`);
  const environment = withoutEmpty({
    DOCKER_HOST: found?.host,
    DOCKER_PROBLEM: sandbox?.problem,
    SANDBOX_IMAGE: sandbox?.name,
    NATS_SERVER: natsServer,
    CHROMIUM: browser?.path,
    COMPOSE: composed?.path,
    LOCAL_BASE: composed?.base,
    CA_BUNDLE: caBundle(),
  });
  if (wants('image') || wants('compose')) remember(environment, wants);
  throwFailures(all);
  return { node, environment };
}

function build(node, wants) {
  const dependencies = ensureDependencies(node);
  const sandboxd = dependencies.then(() => (wants('image') || wants('server') ? buildSandboxd(node) : null));
  // One after the other: two bundlers at once gain nothing on two cores.
  const server = sandboxd.then(() => (wants('server') ? buildServer(node) : null));
  const web = server.then(() => (wants('web') ? buildWeb(node) : null));
  return { sandboxd, server, web };
}

// The base image is wanted only where no sandbox image was ever made; it is then made while dependencies install.
async function ensureEngineAndBase() {
  const engine = await ensureEngine();
  const docker = engine.host ? dockerClient(engine.host) : null;
  if (docker && !process.env.DESKHAND_SANDBOX_IMAGE) {
    const made = await docker(['images', '--quiet', '--filter', 'reference=deskhand-desktop'], { seconds: 15 });
    if (made.ok && made.stdout.trim() === '') engine.base = ensureBaseImage(docker).catch(() => null);
  }
  return { ...engine, docker };
}

async function sandboxImage({ docker, host, problem, base }) {
  if (!host) return { name: null, problem };
  if (!docker) return { name: null, problem: 'The docker client is not installed, so the sandbox image cannot be built.' };
  await base;
  return ensureImage(docker, process.env.DESKHAND_SANDBOX_IMAGE || 'desktop');
}

// Called when all parts came to their end, so that nothing half-done runs on behind the message.
function throwFailures(results) {
  const failures = [...new Set(results.filter(({ status }) => status === 'rejected').map(({ reason }) => reason))];
  if (failures.length === 0) return;
  throw failures.find((failure) => !(failure instanceof Remedy)) ?? new Remedy(failures.map(({ message }) => message).join('\n'));
}

// What this run did not look for stays as the run before noted it.
function remember(environment, wants) {
  const file = join(root, 'dist', 'prerequisites.json');
  const before = readOrNull(file);
  const { DOCKER_PROBLEM, SANDBOX_IMAGE, ...others } = before ? JSON.parse(before) : {};
  const kept = wants('image') ? others : { DOCKER_PROBLEM, SANDBOX_IMAGE, ...others };
  const text = `${JSON.stringify(withoutEmpty({ ...kept, ...environment }), null, 2)}\n`;
  if (before === text) return;
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(file, text);
}

function composeAdvice({ DOCKER_HOST, COMPOSE, LOCAL_BASE }) {
  if (!COMPOSE) return 'Docker compose cannot be used on this machine.';
  const socket = DOCKER_HOST.startsWith('unix://') ? `DOCKER_SOCKET=${DOCKER_HOST.slice('unix://'.length)} ` : '';
  return `DOCKER_HOST=${DOCKER_HOST} ${socket}LOCAL_BASE=${LOCAL_BASE} ${COMPOSE} -f docker-compose.yml -f deploy/compose/local-base.yml up --build`;
}

function withoutEmpty(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value));
}
