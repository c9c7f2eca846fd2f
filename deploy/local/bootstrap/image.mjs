import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBaseImage } from './base-image.mjs';
import { cacheFolder } from './cache.mjs';
import { contentHash, root } from './checkout.mjs';
import { withLock } from './lock.mjs';
import { say, tail } from './report.mjs';
import { run, which } from './run.mjs';

/** Targets of deploy/images/Dockerfile; any other value of the setting names an image that the engine must have. */
const targets = new Set(['desktop', 'full']);
const images = join(root, 'deploy', 'images');
/** What runs inside computers, bundled. */
const programs = ['sandboxd.mjs', 'mcp.mjs'];

/** A function that runs the Docker client against one engine: `docker(args, options)` as `run`. */
export function dockerClient(host) {
  // An engine of 2020 builds with BuildKit only through a client of its own age or one that has buildx.
  const client = existsSync('/usr/bin/docker') ? '/usr/bin/docker' : which('docker');
  if (!client) return null;
  return (args, options) => run(client, ['--host', host, ...args], { ...options, environment: { DOCKER_BUILDKIT: '1' } });
}

/** Name under which the image of these sources is kept: the same sources give the same name. */
export function imageName(wanted) {
  if (!targets.has(wanted)) return wanted;
  const sources = contentHash(['deploy/images', ...programs.map((name) => `dist/sandboxd/${name}`)], { keep: (name) => !name.endsWith('.spec.ts') });
  return `deskhand-${wanted}:${sources.slice(0, 16)}`;
}

/** Whether the engine has the image. */
export async function hasImage(docker, name) {
  return (await docker(['image', 'inspect', '--format', '{{.Id}}', name], { seconds: 15 })).ok;
}

/** The sandbox image, built once per content of its sources: `{name, problem}`. Never throws. */
export async function ensureImage(docker, wanted) {
  const name = imageName(wanted);
  if (await hasImage(docker, name)) return { name, problem: null };
  if (!targets.has(wanted)) return pullNamed(docker, name);
  if (!existsSync(join(images, 'Dockerfile'))) return { name: null, problem: 'There is no deploy/images/Dockerfile in this checkout.' };
  return withLock(join(cacheFolder, `image-${wanted}.lock`), `the sandbox image ${wanted}`, async () => {
    if (await hasImage(docker, name)) return { name, problem: null };
    const base = await ensureBaseImage(docker);
    if (!base.name) return base;
    return buildImage(docker, wanted, name, base.name);
  });
}

async function pullNamed(docker, name) {
  say(`Pulling the sandbox image ${name}`);
  const pulled = await docker(['pull', '--quiet', name], { seconds: 300 });
  if (pulled.ok) return { name, problem: null };
  return { name: null, problem: `The image ${name} of DESKHAND_SANDBOX_IMAGE is neither in the engine nor in a registry.` };
}

async function buildImage(docker, wanted, name, base) {
  say(`Building the sandbox image ${name} (once; some minutes)`);
  const started = Date.now();
  const context = mkdtempSync(join(cacheFolder, 'image-context-'));
  try {
    cpSync(images, context, { recursive: true });
    mkdirSync(join(context, 'sandboxd'), { recursive: true });
    for (const name of programs) copyFileSync(join(root, 'dist', 'sandboxd', name), join(context, 'sandboxd', name));
    const certificates = caBundle();
    const secret = certificates ? ['--secret', `id=ca,src=${certificates}`] : [];
    const options = ['--network', 'host', '--build-arg', `BASE_IMAGE=${base}`, '--target', wanted, '--progress', 'plain', ...secret];
    const built = await docker(['build', ...options, '--tag', name, context], { seconds: 900 });
    if (!built.ok) return { name: null, problem: `The sandbox image could not be built:\n${tail(built.output, 25)}` };
    say(`Built the sandbox image in ${Math.round((Date.now() - started) / 1000)} s`);
    return { name, problem: null };
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** The CA bundle that builds and sandboxes trust: DESKHAND_EXTRA_CA_CERTS, else the machine's own, else null. */
export function caBundle() {
  const machine = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem'];
  return [process.env.DESKHAND_EXTRA_CA_CERTS, ...machine].find((file) => file && existsSync(file)) ?? null;
}
