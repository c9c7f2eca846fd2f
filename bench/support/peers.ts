import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cores, onCore } from './pinned-program.ts';

/** Another gateway at work, alone on the measured core. */
export interface Peer extends AsyncDisposable {
  port: number;
  /** What a caller sends with each call, for a model that the upstream answers in that way. */
  headers(way: string): Record<string, string>;
}

const cacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'deskhand', 'bench-peers');
const requirements = join(import.meta.dirname, 'litellm-requirements.txt');

/** Portkey's gateway from npm, with the versions of its web framework that its streams work with. */
export async function startPortkey(upstream: string): Promise<Peer> {
  const folder = installed('portkey-1.15.2', (made) => {
    writeFileSync(join(made, 'package.json'), JSON.stringify({ private: true, dependencies: { '@portkey-ai/gateway': '1.15.2' }, overrides: { '@hono/node-server': '1.13.5', hono: '4.9.7' } }));
    install('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'], made);
  });
  const port = await freePort();
  const program = join(folder, 'node_modules', '@portkey-ai', 'gateway', 'build', 'start-server.js');
  const headers = (way: string): Record<string, string> => ({ 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `${upstream}/${way}/v1`, authorization: 'Bearer upstream' });
  return start('Portkey', port, headers, process.execPath, [program, `--port=${port}`, '--headless'], { TRUSTED_CUSTOM_HOSTS: '127.0.0.1', NODE_ENV: 'production' });
}

/** LiteLLM's proxy from PyPI, one worker, with a master key; its keys, budgets and spend need a database and are off. */
export async function startLitellm(upstream: string, models: Readonly<Record<string, string>>): Promise<Peer> {
  const folder = installed('litellm-1.108.7', (made) => {
    install('python3', ['-m', 'venv', made], made);
    install(join(made, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--no-deps', '--disable-pip-version-check', '-r', requirements], made);
  });
  const port = await freePort();
  const settings = mkdtempSync(join(tmpdir(), 'deskhand-litellm-'));
  const list = Object.entries(models).map(([way, name]) => `  - { model_name: ${name}, litellm_params: { model: openai/${name}, api_base: "${upstream}/${way}/v1", api_key: upstream } }`);
  // It refuses to start with one that everybody knows.
  const key = `sk-${randomBytes(24).toString('hex')}`;
  writeFileSync(join(settings, 'config.yaml'), `model_list:\n${list.join('\n')}\nlitellm_settings: { num_retries: 0, request_timeout: 30, callbacks: [] }\ngeneral_settings: { master_key: ${key} }\n`);
  const environment = { LITELLM_MODE: 'PRODUCTION', LITELLM_LOG: 'ERROR', LITELLM_LOCAL_MODEL_COST_MAP: 'True' };
  const args = ['--config', join(settings, 'config.yaml'), '--port', String(port), '--host', '127.0.0.1', '--num_workers', '1'];
  const peer = await start('LiteLLM', port, () => ({ authorization: `Bearer ${key}` }), join(folder, 'bin', 'litellm'), args, environment);
  return { ...peer, [Symbol.asyncDispose]: async () => { await peer[Symbol.asyncDispose](); rmSync(settings, { recursive: true, force: true }); } };
}

/** A folder of the cache. Programs in it may name it, so it is made in its place, and marked when it is whole. */
function installed(name: string, make: (folder: string) => void): string {
  const folder = join(cacheFolder, name);
  const mark = join(folder, 'whole');
  if (existsSync(mark)) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  make(folder);
  writeFileSync(mark, '');
  return folder;
}

function install(command: string, args: readonly string[], folder: string): void {
  const { status, stderr, error } = spawnSync(command, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 3).join(' ')} failed: ${error?.message ?? stderr.slice(-1_000)}`);
}

async function start(name: string, port: number, headers: Peer['headers'], program: string, args: readonly string[], environment: Record<string, string>): Promise<Peer> {
  const [command, ...rest] = [...onCore(cores.measured), program, ...args] as [string, ...string[]];
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command, rest, { env: { PATH, HOME, ...environment }, stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => { said = (said + bytes.toString()).slice(-2_000); });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    // With whatever it started itself.
    process.kill(-child.pid!, 'SIGKILL');
    await ended;
  };
  for (const limit = Date.now() + 90_000; Date.now() < limit && child.exitCode === null; await sleep(200)) {
    if (await answers(port)) return { port, headers, [Symbol.asyncDispose]: stop };
  }
  await stop();
  throw new Error(`${name} does not answer:\n${said}`);
}

const answers = async (port: number): Promise<boolean> => fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false);

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
