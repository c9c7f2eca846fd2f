import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBaseImage } from './base-image.mjs';
import { readOrNull, root } from './checkout.mjs';
import { ensureChromium } from './chromium.mjs';
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
 * `image` (with an engine and sandboxd), `postgres`, `s3`, `chromium`.
 */
export const plans = {
  start: () => ({ needs: ['dependencies', 'server', 'web', 'image', ...(process.env.DESKHAND_NATS_URL ? [] : ['nats'])], program: 'dist/supervisor.mjs' }),
  test: () => ({ needs: ['dependencies', 'server', 'web', 'nats', 'image', 'postgres', 's3', 'chromium'], program: 'deploy/local/test.ts' }),
  verify: () => ({ needs: ['dependencies'], program: 'deploy/local/verify.ts' }),
  build: () => ({ needs: ['dependencies', 'server', 'web'] }),
  bench: (args) => ({
    needs: args.includes('--list') ? ['dependencies'] : ['dependencies', 'server', 'web', 'nats', 'image'],
    program: 'deploy/local/bench.ts',
  }),
  deskhand: (args) => (args[0] === 'doctor' ? { needs: [], program: 'deploy/local/doctor.mjs' } : { needs: ['dependencies', 'server'], program: 'dist/deskhand.mjs' }),
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

  const engine = wants('image') ? ensureEngineAndBase() : Promise.resolve({ host: null, problem: null });
  const built = build(node, wants);
  const nats = wants('nats') ? ensureNatsServer(() => engine.then(({ docker }) => docker)) : Promise.resolve(null);
  const chromium = wants('chromium') ? ensureChromium() : Promise.resolve({ path: null, problem: null });
  const postgres = wants('postgres') ? ensurePostgres() : Promise.resolve({ path: null, problem: null });
  // Built after the bundles: a compiler beside them gains nothing on two cores.
  const s3 = wants('s3') ? built.web.catch(() => null).then(ensureS3Server) : Promise.resolve({ path: null, problem: null });
  const image = wants('image') ? Promise.all([engine, built.sandboxd]).then(([found]) => sandboxImage(found)) : Promise.resolve(null);
  const all = await Promise.allSettled([engine, nats, chromium, image, postgres, s3, built.server, built.web]);

  const [found, natsServer, browser, sandbox, database, objects] = all.map(({ value }) => value ?? null);
  for (const part of [browser, database, objects]) if (part?.problem) say(part.problem);
  if (sandbox?.problem) say(`No computers: ${sandbox.problem}`);
  const environment = withoutEmpty({
    DOCKER_HOST: found?.host,
    DOCKER_PROBLEM: sandbox?.problem,
    SANDBOX_IMAGE: sandbox?.name,
    NATS_SERVER: natsServer,
    CHROMIUM: browser?.path,
    CA_BUNDLE: caBundle(),
  });
  if (wants('image')) remember(environment);
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
function remember(environment) {
  const file = join(root, 'dist', 'prerequisites.json');
  const before = readOrNull(file);
  const { NATS_SERVER, CHROMIUM } = before ? JSON.parse(before) : {};
  const text = `${JSON.stringify(withoutEmpty({ NATS_SERVER, CHROMIUM, ...environment }), null, 2)}\n`;
  if (before === text) return;
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(file, text);
}

function withoutEmpty(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value));
}
