import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './cache.mjs';
import { contentHash, readOrNull, root } from './checkout.mjs';
import { withLock } from './lock.mjs';
import { nodeEnvironment } from './node.mjs';
import { Remedy, say, tail } from './report.mjs';
import { run } from './run.mjs';

const isCode = (name) => !/\.(spec|test)\.ts$|\/test\//.test(name);
const shared = ['package-lock.json', 'tsconfig.json'];

const sandboxdParts = {
  title: 'programs of the computers',
  inputs: ['packages/sandboxd', 'packages/mcp', 'deploy/local/build.ts', 'deploy/local/bundle.ts', ...shared],
  keep: isCode,
  stampFile: join(root, 'dist', 'sandboxd', '.stamp'),
  exists: () => ['sandboxd.mjs', 'mcp.mjs'].every((name) => existsSync(join(root, 'dist', 'sandboxd', name))),
  command: () => ['deploy/local/build.ts', 'sandboxd'],
};

const serverParts = {
  title: 'services and supervisor',
  inputs: ['packages', 'services', 'deploy/local', ...shared],
  keep: (name) => isCode(name) && !name.startsWith('deploy/local/bootstrap'),
  stampFile: join(root, 'dist', '.stamp'),
  exists: () => ['supervisor', 'deskhand', ...serviceNames().map((name) => `services/${name}`)].every((name) => existsSync(join(root, 'dist', `${name}.mjs`))),
  command: () => ['deploy/local/build.ts', 'server'],
};

const webParts = {
  title: 'web app',
  inputs: ['web', 'packages/contracts', ...shared],
  keep: isCode,
  stampFile: join(root, 'web', 'build', '.stamp'),
  exists: () => existsSync(join(root, 'web', 'build', 'index.html')),
  command: () => ['deploy/local/build-web.ts'],
};

/** Bundles what runs inside the sandbox image, unless its sources are those of the last build. */
export const buildSandboxd = (node) => build(node, sandboxdParts);

/** Bundles what runs on the server, unless its sources are those of the last build. */
export const buildServer = (node) => build(node, serverParts);

/** Builds the web app, unless its sources are those of the last build; nothing to do while there is no web app. */
export async function buildWeb(node) {
  if (['ts', 'js'].some((ending) => existsSync(join(root, 'web', `vite.config.${ending}`)))) await build(node, webParts);
}

async function build(node, parts) {
  const current = () => readOrNull(parts.stampFile) === key(parts) && parts.exists();
  if (current()) return;
  const name = createHash('sha256').update(parts.stampFile).digest('hex').slice(0, 16);
  await withLock(join(cacheFolder, `build-${name}.lock`), `the build of the ${parts.title}`, async () => {
    if (current()) return;
    const started = key(parts);
    say(`Building ${parts.title}`);
    const built = await run(node, parts.command(), { seconds: 180, cwd: root, environment: nodeEnvironment(node) });
    if (!built.ok) throw new Remedy(`The build of the ${parts.title} failed:\n${tail(built.output, 40)}`);
    mkdirSync(join(parts.stampFile, '..'), { recursive: true });
    writeFileSync(parts.stampFile, started);
  });
}

const serviceNames = () => readdirSync(join(root, 'services')).filter((name) => existsSync(join(root, 'services', name, 'src', 'main.ts')));

const key = (parts) => contentHash(parts.inputs, { keep: parts.keep });
