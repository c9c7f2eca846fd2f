import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installPackages, isDebian, isRoot } from './debian.mjs';
import { cacheFolder } from './cache.mjs';
import { readOrNull } from './checkout.mjs';
import { withLock } from './lock.mjs';
import { say, tail } from './report.mjs';
import { fullPath, run, which } from './run.mjs';

/** The engine that Deskhand starts itself where none is reachable: one per machine, never stopped by us. */
const privateFolder = join(cacheFolder, 'engine');
const privateHost = `unix://${join(privateFolder, 'docker.sock')}`;
/** Where a private engine is noted for the machine's other users of Deskhand, whose cache folder is another one. */
const noteFile = '/run/deskhand/docker-host';
/** Set by the benchmark of a cold start: an engine of its own although the machine has one, without a network of its own. */
const isolated = Boolean(process.env.ENGINE_ISOLATED);

/**
 * A Docker engine that answers: `{host, problem: null}`, or `{host: null, problem}` with a sentence that says why there
 * is none and what to do. Never throws: the product runs without computers then.
 */
export async function ensureEngine() {
  const found = await findEngine();
  if (found.host || found.problem) return found;
  return withLock(join(cacheFolder, 'engine.lock'), 'the Docker engine', startPrivateEngine);
}

/** Looks only: `{host, problem}`, both null where there is none but one could be started. */
export async function findEngine() {
  if (isolated) return { host: (await answers(privateHost)) ? privateHost : null, problem: null };
  const named = process.env.DOCKER_HOST;
  if (named) {
    if (await answers(named)) return { host: named, problem: null };
    return { host: null, problem: `The Docker engine named by DOCKER_HOST (${named}) does not answer. Start it, or unset DOCKER_HOST.` };
  }
  const ofThisUser = process.env.XDG_RUNTIME_DIR ? `unix://${process.env.XDG_RUNTIME_DIR}/docker.sock` : null;
  const candidates = ['unix:///var/run/docker.sock', ofThisUser, privateHost, readOrNull(noteFile)?.trim()];
  for (const host of candidates) if (host && (await answers(host))) return { host, problem: null };
  return { host: null, problem: null };
}

async function startPrivateEngine() {
  const again = await findEngine();
  if (again.host) return again;
  if (process.platform !== 'linux' || !isRoot()) {
    return { host: null, problem: 'No Docker engine is reachable and only root can start one. Install Docker and let this user use it, or set DOCKER_HOST.' };
  }
  if (!which('dockerd')) {
    if (!isDebian()) return { host: null, problem: 'No Docker engine is installed. Install Docker, or set DOCKER_HOST to one that is reachable.' };
    say('Installing a Docker engine (Debian packages docker.io and iptables)');
    const installed = await installPackages(['docker.io', 'iptables'], ['docker-cli', 'docker-buildx']);
    if (!installed.ok) return { host: null, problem: `The Docker engine could not be installed: ${installed.problem}` };
    const service = await findEngine();
    if (service.host) return service;
  }
  return launch();
}

async function launch() {
  mkdirSync(privateFolder, { recursive: true, mode: 0o711 });
  dropStalePidFile(join(privateFolder, 'dockerd.pid'));
  const logFile = join(privateFolder, 'dockerd.log');
  say(`Starting a private Docker engine (log: ${logFile})`);
  const bridge = await privateBridge();
  const log = openSync(logFile, 'w', 0o600);
  const engine = spawn(
    which('dockerd'),
    [
      '--host', privateHost,
      '--data-root', join(privateFolder, 'data'),
      '--exec-root', join(privateFolder, 'exec'),
      '--pidfile', join(privateFolder, 'dockerd.pid'),
      ...(isolated ? [] : ['--live-restore']),
      ...bridge,
    ],
    { detached: true, stdio: ['ignore', log, log], env: { ...process.env, PATH: fullPath() }, cwd: '/' },
  );
  let exited = null;
  engine.on('error', (error) => { exited = error.message; });
  engine.on('exit', (code) => { exited = `dockerd ended with code ${code}`; });
  engine.unref();
  for (const limit = Date.now() + 60_000; Date.now() < limit && exited === null; await sleep(200)) {
    if (!(await answers(privateHost))) continue;
    if (!isolated) note(privateHost);
    return { host: privateHost, problem: null };
  }
  return { host: null, problem: `The Docker engine did not start (${exited ?? 'no answer within 60 s'}): ${tail(readFileSync(logFile, 'utf8'), 3)}` };
}

/**
 * Two engines that share one bridge break each other's containers, so ours has a bridge of its own wherever `ip` can
 * make one.
 */
async function privateBridge() {
  if (isolated) return ['--bridge', 'none', '--iptables=false'];
  const name = 'deskhand0';
  if (existsSync(`/sys/class/net/${name}`)) return ['--bridge', name];
  const address = '10.213.0.1/16';
  const made = await run('ip', ['link', 'add', 'name', name, 'type', 'bridge'], { seconds: 5 });
  if (!made.ok) return [];
  await run('ip', ['address', 'add', address, 'dev', name], { seconds: 5 });
  await run('ip', ['link', 'set', name, 'up'], { seconds: 5 });
  return ['--bridge', name];
}

function note(host) {
  try {
    mkdirSync(dirname(noteFile), { recursive: true, mode: 0o755 });
    writeFileSync(noteFile, `${host}\n`);
  } catch {
    // Others then look in their own cache folder only.
  }
}

// dockerd refuses to start while the pid in its file is alive, even when that pid is now another program's.
function dropStalePidFile(file) {
  if (!existsSync(file)) return;
  const pid = readFileSync(file, 'utf8').trim();
  let program = '';
  try {
    program = readlinkSync(`/proc/${pid}/exe`);
  } catch {
    // Gone.
  }
  if (!program.includes('dockerd')) rmSync(file, { force: true });
}

/** Whether an engine answers at this address within two seconds. */
export async function answers(host) {
  if (host.startsWith('unix://')) return ping({ socketPath: host.slice('unix://'.length), path: '/_ping' });
  if (host.startsWith('tcp://') && !process.env.DOCKER_TLS_VERIFY) {
    const { hostname, port } = new URL(host.replace(/^tcp/, 'http'));
    return ping({ hostname, port: port || 2375, path: '/_ping' });
  }
  const client = await run('docker', ['--host', host, 'version', '--format', '{{.Server.Version}}'], { seconds: 5 });
  return client.ok;
}

function ping(options) {
  return new Promise((resolve) => {
    const attempt = request({ ...options, timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    attempt.on('timeout', () => attempt.destroy());
    attempt.on('error', () => resolve(false));
    attempt.end();
  });
}
