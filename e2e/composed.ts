import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from '@deskhand/platform/free-port';

const root = dirname(import.meta.dirname);

export interface ComposedProduct extends AsyncDisposable {
  readonly webUrl: string;
  /** Where the computers' files lie on the host. */
  readonly dataFolder: string;
  /** Docker compose on this project; what it printed. Throws when it fails. */
  readonly compose: (...args: readonly string[]) => Promise<string>;
  /** Waits until every service is healthy. */
  readonly up: (...args: readonly string[]) => Promise<void>;
  /** Ids of its computers' containers, once it was up. */
  readonly computers: () => Promise<string[]>;
  /** Removes containers, networks, volumes and images of this project, and its computers. */
  readonly stop: () => Promise<void>;
}

/** docker-compose.yml on the images that the bootstrap made, as a project of its own. Nothing is started yet. */
export async function composedProduct(variables: Readonly<Record<string, string>> = {}): Promise<ComposedProduct> {
  const { COMPOSE, LOCAL_BASE, DOCKER_HOST } = { ...noted(), ...process.env };
  if (!COMPOSE || !LOCAL_BASE || !DOCKER_HOST) throw new Error('Docker compose was not looked for: npm run deskhand -- compose-base');
  const project = `deskhand-test-${randomBytes(4).toString('hex')}`;
  const dataFolder = mkdtempSync(join(tmpdir(), 'deskhand-composed-'));
  const port = String(await freePort());
  const environment = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DESKHAND_') && !name.endsWith('_API_KEY') && !name.startsWith('LITELLM_'))),
    DOCKER_HOST, LOCAL_BASE, DESKHAND_DATA: dataFolder, DESKHAND_PORT: port,
    // A `.env` of the machine's own product must not change what is tested.
    SETTINGS_FILE: '/dev/null',
    ...(DOCKER_HOST.startsWith('unix://') && { DOCKER_SOCKET: DOCKER_HOST.slice('unix://'.length) }),
    ...variables,
  };
  const compose = (...args: readonly string[]) => run(COMPOSE, ['--env-file', '/dev/null', '--project-name', project, '--file', 'docker-compose.yml', '--file', 'deploy/compose/local-base.yml', ...args], environment);
  const docker = (...args: readonly string[]) => run('/usr/bin/docker', args, environment);
  let installation: string | null = null;
  const computers = async () => (installation === null ? [] : (await docker('ps', '--all', '--quiet', '--filter', `label=deskhand.installation=${installation}`)).split('\n').filter(Boolean));
  const stop = async () => {
    await compose('down', '--volumes', '--remove-orphans', '--timeout', '20').catch((error: unknown) => console.warn(error));
    const left = await computers();
    if (left.length > 0) await docker('rm', '--force', ...left);
    // Their layers stay in the engine's build cache.
    await docker('rmi', '--force', `${project}-services`, `${project}-computer`).catch(() => undefined);
    rmSync(dataFolder, { recursive: true, force: true, maxRetries: 3 });
  };
  return {
    webUrl: `http://127.0.0.1:${port}`, dataFolder, compose, computers, stop, [Symbol.asyncDispose]: stop,
    up: async (...args) => {
      await compose('up', '--detach', '--quiet-pull', ...args);
      installation ??= (await compose('run', '--rm', '--no-deps', '--entrypoint', 'cat', 'init', '/keys/installation/installation-id')).trim();
      // `--wait` counts a container that has done its work as a failure.
      for (const limit = Date.now() + 180_000; ; await new Promise((resolve) => setTimeout(resolve, 300))) {
        const states = (await compose('ps', '--all', '--format', '{{.Service}} {{.State}} {{.Health}}')).trim().split('\n').map((line) => line.trim().split(' '));
        const unwell = states.filter(([service, state, health]) => service !== 'init' && service !== 'computer-image' && (state !== 'running' || health !== 'healthy'));
        if (unwell.length === 0) return;
        if (Date.now() > limit) throw new Error(`Not well within 180 s: ${unwell.join('; ')}\n${await compose('logs', '--no-color', '--tail', '30')}`);
      }
    },
  };
}

function noted(): Record<string, string | undefined> {
  const file = join(root, 'dist', 'prerequisites.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>) : {};
}

function run(program: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    let stdout = '';
    let output = '';
    const child = spawn(program, args, { cwd: root, env: environment, stdio: ['ignore', 'pipe', 'pipe'], timeout: 600_000 });
    child.stdout.on('data', (chunk) => (stdout += String(chunk)));
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output = (output + String(chunk)).slice(-20_000)));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(stdout) : reject(new Error(`${args.join(' ')} ended with ${code}:\n${output}`))));
  });
}
