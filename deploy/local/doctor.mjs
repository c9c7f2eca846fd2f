// `npm run deskhand -- doctor`: what is missing on this machine and what to do about it. Looks only, changes nothing,
// and needs no dependency, because a missing one may be what is wrong.
import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { root } from './bootstrap/checkout.mjs';
import { findChromium } from './bootstrap/chromium.mjs';
import { findEngine } from './bootstrap/engine.mjs';
import { dockerClient, hasImage, imageName } from './bootstrap/image.mjs';
import { findNatsServer } from './bootstrap/nats.mjs';
import { findNode, nodeVersion } from './bootstrap/node.mjs';
import { which } from './bootstrap/run.mjs';
import { readSettings } from './supervisor/settings.ts';

const leastFreeGigabytes = 5;
const settingsFile = join(root, '.env');
const fromFile = existsSync(settingsFile) ? parseEnv(readFileSync(settingsFile, 'utf8')) : {};
const { settings, warnings, problems } = readSettings(process.env, fromFile);
const host = settings.DESKHAND_HOST ?? '127.0.0.1';
const running = readRunning();

// A reader that closes early (head) wants no more lines.
process.stdout.on('error', () => {});

let missing = 0;

report('variables', problems.length === 0, 'all known and well-formed', problems.join('; '));
for (const warning of warnings) note('variables', warning);
report('node', findNode() !== null, `Node ${nodeVersion} at ${findNode()}`, `Node ${nodeVersion} is not installed; npm start installs it from npm`);
report('npm', which('npm') !== null, which('npm'), 'npm is not on the PATH; install Node with npm');
report('dependencies', existsSync(join(root, 'node_modules', '.package-lock.json')), 'installed', 'not installed; npm start installs them');
report('build', existsSync(join(root, 'dist', 'supervisor.mjs')), 'built', 'not built yet; npm start builds it');
await checkNats();
await checkEngine();
checkDataFolder();
await checkPort('DESKHAND_PORT', settings.DESKHAND_PORT, 'web app');
await checkPort('DESKHAND_LLM_PORT', settings.DESKHAND_LLM_PORT, 'model gateway');
await checkPort('DESKHAND_COMBINED_PORT', settings.DESKHAND_COMBINED_PORT, 'combined chat and desktop');
await checkPort('DESKHAND_DESKTOP_PORT', settings.DESKHAND_DESKTOP_PORT, 'desktop on its own');
note('chromium', findChromium() ?? 'not installed; only the browser tests need it, and npm test installs it where root may');

process.stdout.write(missing === 0 ? '\nNothing is missing.\n' : `\n${missing} ${missing === 1 ? 'thing needs' : 'things need'} attention.\n`);
process.exitCode = missing === 0 ? 0 : 1;
// The channel to the bootstrap would keep this process alive.
if (process.connected) process.disconnect();

async function checkNats() {
  if (settings.DESKHAND_NATS_URL) return note('nats-server', `an outside one: ${new URL(settings.DESKHAND_NATS_URL).host}`);
  const server = await findNatsServer();
  return report('nats-server', server !== null, server, 'no nats-server 2.12 or newer; npm start fetches one, or install it on the PATH, or set DESKHAND_NATS_URL');
}

async function checkEngine() {
  const engine = await findEngine();
  const remedy = engine.problem ?? 'no Docker engine answers; npm start sets one up as root on Debian or Ubuntu, or install Docker, or set DOCKER_HOST';
  report('docker', engine.host !== null, engine.host, remedy);
  if (!engine.host) return;
  const docker = dockerClient(engine.host);
  report('docker client', docker !== null, 'installed', 'the docker client is missing; install the package docker.io or docker-cli');
  if (!docker) return;
  const image = imageName(settings.DESKHAND_SANDBOX_IMAGE ?? 'desktop');
  report('sandbox image', await hasImage(docker, image), image, `${image} is not in the engine; npm start builds it`);
  const wanted = settings.DESKHAND_SANDBOX_RUNTIME ?? 'runc';
  const { stdout } = await docker(['info', '--format', '{{json .Runtimes}}'], { seconds: 10 });
  report('runtime', stdout.includes(`"${wanted}"`), wanted, `the engine has no runtime ${wanted}; install it there, or set DESKHAND_SANDBOX_RUNTIME=runc`);
}

function checkDataFolder() {
  const folder = settings.DESKHAND_DATA ?? join(homedir(), '.local', 'share', 'deskhand');
  let existing = folder;
  while (!existsSync(existing)) existing = dirname(existing);
  report('data folder', isWritable(existing), folder, `${existing} cannot be written by this user; set DESKHAND_DATA to a folder that can`);
  const { bavail, bsize } = statfsSync(existing);
  const free = (bavail * bsize) / 1024 ** 3;
  report('disk', free >= leastFreeGigabytes, `${free.toFixed(0)} GB free`, `only ${free.toFixed(1)} GB free where ${folder} is; ${leastFreeGigabytes} GB leave room for computers`);
  if (running) note('running', `Deskhand runs on this data folder: ${running.web}`);
}

async function checkPort(variable, port, title) {
  if (port === 'off') return note(`port (${title})`, 'off');
  if (typeof port !== 'number') return undefined;
  if (running && [running.web, running.llm, ...(running.sides ?? [])].some((url) => url.endsWith(`:${port}`))) return note(`port ${port} (${title})`, 'in use by this Deskhand');
  const failure = await tryListen(port);
  return report(`port ${port} (${title})`, failure === null, 'free', `${failure} on ${host}; set ${variable} to another port`);
}

function tryListen(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(error.code === 'EADDRINUSE' ? 'taken by another program' : error.code));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** State of the product that runs on the data folder, or null. */
function readRunning() {
  try {
    const state = JSON.parse(readFileSync(join(settings.DESKHAND_DATA, 'run', 'state.json'), 'utf8'));
    process.kill(state.supervisor, 0);
    return state;
  } catch {
    return null;
  }
}

function isWritable(folder) {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function report(subject, good, detail, remedy) {
  if (!good) missing += 1;
  process.stdout.write(`${good ? 'ok      ' : 'PROBLEM '} ${subject.padEnd(24)} ${good ? detail : remedy}\n`);
}

function note(subject, text) {
  process.stdout.write(`-        ${subject.padEnd(24)} ${text}\n`);
}
