import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readOrNull, root } from './checkout.mjs';
import { withLock } from './lock.mjs';
import { cacheFolder } from './cache.mjs';
import { nodeVersion, npm, registryOptions } from './node.mjs';
import { Remedy, say } from './report.mjs';

const lockFile = join(root, 'package-lock.json');
const stampFile = join(root, 'node_modules', '.deskhand-stamp');

/** Installs the workspace's dependencies when node_modules is not what package-lock.json and this Node ask for. */
export async function ensureDependencies(node) {
  if (readOrNull(stampFile) === stamp()) return;
  await withLock(join(cacheFolder, `checkout-${hash(root)}.lock`), 'this checkout', async () => {
    if (readOrNull(stampFile) === stamp()) return;
    if (!isInstalled()) await install(node);
    writeFileSync(stampFile, stamp());
  });
}

/**
 * `npm ci`, or `npm install` without touching the lock file where the lock lacks optional packages of other platforms:
 * npm writes such locks behind registries that do not carry every platform, and `ci` then refuses them.
 */
async function install(node) {
  say('Installing dependencies (npm ci)');
  const options = ['--no-audit', '--no-fund', '--loglevel=error', ...(await registryOptions(node))];
  const exact = await npm(node, ['ci', ...options], { seconds: 400, cwd: root });
  if (exact.ok) return;
  const installed = exact.output.includes('EUSAGE') ? await npm(node, ['install', '--no-save', ...options], { seconds: 400, cwd: root }) : exact;
  if (!installed.ok) {
    throw new Remedy(`The dependencies could not be installed${installed.timedOut ? ' within 400 s' : ''}:\n${installed.output.slice(0, 1_500)}`, 'check that the npm registry is reachable, then run the command again.');
  }
}

function stamp() {
  return `${hash(readFileSync(lockFile))} node-${nodeVersion}`;
}

/**
 * Whether node_modules already holds what the lock file lists, as after an `npm install` by hand: what npm recorded of
 * its own work is compared, packages for other platforms aside. A stamp of another Node still means a fresh install.
 */
function isInstalled() {
  const recorded = readOrNull(join(root, 'node_modules', '.package-lock.json'));
  const stamped = readOrNull(stampFile);
  if (recorded === null || (stamped !== null && !stamped.endsWith(`node-${nodeVersion}`))) return false;
  const wanted = JSON.parse(readFileSync(lockFile, 'utf8')).packages;
  const present = JSON.parse(recorded).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.includes('node_modules/') || entry.link) return true;
    if (!present[path]) return Boolean(entry.optional || entry.devOptional);
    return present[path].version === entry.version && existsSync(join(root, path));
  });
}

function hash(content) {
  return createHash('sha256').update(content).digest('hex').slice(0, 24);
}
