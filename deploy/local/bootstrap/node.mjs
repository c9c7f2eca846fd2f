import { dirname, join } from 'node:path';
import { cacheFolder, makeFolder } from './cache.mjs';
import { withLock } from './lock.mjs';
import { Remedy, say, tail } from './report.mjs';
import { fullPath, isExecutable, run } from './run.mjs';

export const nodeVersion = '24.21.0';

const folder = join(cacheFolder, 'node', nodeVersion);
const platformPackage = `node-${process.platform}-${process.arch}`;
// The `node` package holds no binary itself: it pulls in one package per platform, nested or beside it.
const binaries = [
  join(folder, 'node_modules', 'node', 'node_modules', platformPackage, 'bin', 'node'),
  join(folder, 'node_modules', platformPackage, 'bin', 'node'),
];

/** Path of the pinned Node: this process's own, the cached one, or installed from npm now. */
export async function ensureNode() {
  return findNode() ?? withLock(join(cacheFolder, 'node.lock'), 'Node', installNode);
}

/** Looks only: the path, or null. */
export function findNode() {
  if (process.versions.node === nodeVersion) return process.execPath;
  return binaries.find(isExecutable) ?? null;
}

async function installNode() {
  const found = findNode();
  if (found) return found;
  say(`Installing Node ${nodeVersion} (npm package node)`);
  await makeFolder(folder, async (temporary) => {
    const options = [...(await registryOptions(process.execPath)), '--prefix', temporary, '--no-save', '--no-audit', '--no-fund', '--engine-strict=false', '--ignore-scripts=false'];
    const installed = await npm(process.execPath, ['install', ...options, `node@${nodeVersion}`], { seconds: 180, cwd: temporary });
    if (!installed.ok) {
      throw new Remedy(`Node ${nodeVersion} could not be installed: ${tail(installed.output, 3)}`, `install Node ${nodeVersion} yourself and run the command with it.`);
    }
  });
  const installed = findNode();
  if (!installed) throw new Remedy(`Node ${nodeVersion} has no binary for ${process.platform} ${process.arch}`, 'install it yourself and run the command with it.');
  return installed;
}

/** Environment in which `node`, npm and native builds are the given Node's. */
export function nodeEnvironment(node) {
  return { PATH: `${dirname(node)}:${fullPath()}`, npm_config_nodedir: dirname(dirname(node)) };
}

/**
 * Options with which npm installs: none, or to take what its cache holds when its registry does not answer. A registry that
 * cannot be reached would otherwise be waited for through all of npm's patience.
 */
export async function registryOptions(node, { seconds = 8, environment } = {}) {
  const asked = await npm(node, ['ping', `--fetch-timeout=${seconds * 1000}`, '--fetch-retries=0'], { seconds: seconds + 5, environment });
  const silent = asked.timedOut || (!asked.ok && /^npm (error|ERR!) (network|errno FETCH_ERROR)/m.test(asked.output));
  if (silent) say('The npm registry does not answer; trying with what npm has in its cache');
  return silent ? ['--offline'] : [];
}

/** Runs npm under the given Node, whichever Node npm came with. */
export function npm(node, args, options) {
  const entry = process.env.npm_execpath;
  const environment = { ...nodeEnvironment(node), ...options?.environment };
  if (entry?.endsWith('.js')) return run(node, [entry, ...args], { ...options, environment });
  return run('npm', args, { ...options, environment });
}
