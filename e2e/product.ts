import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@deskhand/platform/free-port';

/** What the tests may kill: a service, the private NATS server, or the supervisor itself. */
export type PartName = 'gateway' | 'auth' | 'conversations' | 'agent' | 'sandbox-manager' | 'llm-gateway' | 'nats-server' | 'supervisor';

export interface ProductOptions {
  /** Variables as an operator would set them; ports and the data folder are chosen here unless given. */
  readonly variables?: Readonly<Record<string, string>>;
  /** An existing data folder to start on again; it is then kept at the end. A new temporary one otherwise. */
  readonly dataFolder?: string;
  /** Milliseconds until a start counts as failed (60,000). */
  readonly withinMilliseconds?: number;
}

export interface RunningProduct extends AsyncDisposable {
  /** Address of web app, REST, WebSocket and SSE, without a slash at the end. */
  readonly webUrl: string;
  /** Address of the model gateway, without a slash at the end. */
  readonly llmUrl: string;
  /** The model gateway's master key. */
  readonly llmKey: string;
  readonly natsUrl: string;
  readonly dataFolder: string;
  /** Label of this installation's containers: `deskhand.installation`. */
  readonly installationId: string;
  /** Milliseconds from the start of the supervisor's process until it was ready. */
  readonly startedInMilliseconds: number;
  /** Process id of a part now; null while it is down. */
  readonly pid: (part: PartName) => number | null;
  /** Sends a signal to a part; false when it is down. */
  readonly kill: (part: PartName, signal?: NodeJS.Signals) => boolean;
  /** Resolves when all processes run again after a kill. */
  readonly untilWell: (withinMilliseconds?: number) => Promise<void>;
  /** What the supervisor printed so far. */
  readonly output: () => string;
  /** Starts again on the same data folder, ports and variables, after the supervisor ended or was killed. */
  readonly restart: () => Promise<void>;
  /** Ends it as Ctrl-C does; resolves with the exit code. The data folder stays. */
  readonly interrupt: () => Promise<number | null>;
  /** Ends it, removes its containers and, unless it was given, its data folder. */
  readonly stop: () => Promise<void>;
}

interface State {
  readonly supervisor: number;
  readonly ready: boolean;
  readonly web: string;
  readonly llm: string;
  readonly nats: string;
  readonly installation: string;
  readonly processes: Readonly<Record<string, number | null>>;
}

const root = dirname(import.meta.dirname);

/**
 * Starts the real product: the built supervisor with all services, a private NATS server, and a data folder, ports and
 * installation id of its own, so that it does not collide with a running product or another test.
 */
export async function startProduct(options: ProductOptions = {}): Promise<RunningProduct> {
  const dataFolder = options.dataFolder ?? mkdtempSync(join(tmpdir(), 'deskhand-product-'));
  const [webPort, llmPort] = [await freePort(), await freePort()];
  const variables: Record<string, string> = { DESKHAND_DATA: dataFolder, DESKHAND_PORT: String(webPort), DESKHAND_LLM_PORT: String(llmPort), DESKHAND_COMBINED_PORT: 'off', DESKHAND_DESKTOP_PORT: 'off', ...options.variables };
  const within = options.withinMilliseconds ?? 60_000;
  let run = await launch(variables, within);
  const state = () => readState(dataFolder);
  const first = state();

  const pid = (part: PartName): number | null => {
    if (part === 'supervisor') return run.child.exitCode === null && run.child.signalCode === null ? (run.child.pid ?? null) : null;
    // The state names the guard that watches over the server.
    if (part === 'nats-server') return natsPid(dataFolder);
    return state().processes[part] ?? null;
  };
  const interrupt = async () => {
    const ended = exitOf(run.child);
    run.child.kill('SIGINT');
    return ended;
  };
  const stop = async () => {
    const ended = exitOf(run.child);
    run.child.kill('SIGTERM');
    await ended;
    await removeContainers(first.installation);
    if (!options.dataFolder) rmSync(dataFolder, { recursive: true, force: true, maxRetries: 3 });
  };

  return {
    webUrl: first.web,
    llmUrl: first.llm,
    llmKey: variables.LITELLM_MASTER_KEY ?? readFileSync(join(dataFolder, 'llm-gateway.key'), 'utf8').trim(),
    natsUrl: first.nats,
    dataFolder,
    installationId: first.installation,
    startedInMilliseconds: run.startedInMilliseconds,
    pid,
    kill: (part, signal = 'SIGKILL') => {
      const target = pid(part);
      return target !== null && send(target, signal);
    },
    untilWell: async (withinMilliseconds = 30_000) => {
      for (const limit = Date.now() + withinMilliseconds; Date.now() < limit; await sleep(50)) {
        const { ready, processes } = state();
        if (ready && Object.values(processes).every((id) => id !== null && runs(id)) && natsPid(dataFolder) !== null) return;
      }
      throw new Error(`Not well again within ${withinMilliseconds} ms: ${JSON.stringify(state().processes)}\n${run.output()}`);
    },
    output: () => run.output(),
    restart: async () => {
      await exitOf(run.child);
      run = await launch(variables, within);
    },
    interrupt,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Launched {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly startedInMilliseconds: number;
}

/** Starts the supervisor and resolves when it says ready; rejects with what it printed when it ends or takes too long. */
async function launch(variables: Readonly<Record<string, string>>, withinMilliseconds: number): Promise<Launched> {
  const program = join(root, 'dist', 'supervisor.mjs');
  if (!existsSync(program)) throw new Error('The product is not built: npm run build');
  const startedAt = Date.now();
  let output = '';
  const child = spawn(process.execPath, [program], { cwd: root, env: { ...withoutOwnVariables(process.env), ...variables }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output = (output + String(chunk)).slice(-100_000)));
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message: { type?: unknown }) => {
      if (message?.type === 'ready') resolve();
    });
    child.once('exit', (code, signal) => reject(new Error(`The product ended (${signal ?? code}) before it was ready:\n${output}`)));
  });
  const late = sleep(withinMilliseconds, 'late' as const, { ref: false });
  if ((await Promise.race([ready, late])) === 'late') {
    child.kill('SIGTERM');
    throw new Error(`The product was not ready within ${withinMilliseconds} ms:\n${output}`);
  }
  return { child, output: () => output, startedInMilliseconds: Date.now() - startedAt };
}

// An operator's variables of the machine must not change what is tested.
function withoutOwnVariables(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('DESKHAND_') && !name.endsWith('_API_KEY') && !name.startsWith('LITELLM_')));
}

function readState(dataFolder: string): State {
  return JSON.parse(readFileSync(join(dataFolder, 'run', 'state.json'), 'utf8')) as State;
}

function natsPid(dataFolder: string): number | null {
  const file = join(dataFolder, 'run', 'nats-server.pid');
  if (!statSync(file, { throwIfNoEntry: false })) return null;
  const id = Number(readFileSync(file, 'utf8'));
  return id > 0 && runs(id) ? id : null;
}

function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}

function runs(pid: number): boolean {
  return send(pid, 0);
}

function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** What Docker's client prints, asked of the engine that the product uses. Throws when there is no client. */
export async function docker(...args: readonly string[]): Promise<string> {
  const client = dockerClient();
  if (client === null) throw new Error('No Docker client was found');
  return (await execute(client, args)).stdout;
}

async function removeContainers(installation: string): Promise<void> {
  if (!dockerClient()) return;
  const containers = (await docker('ps', '--all', '--quiet', '--filter', `label=deskhand.installation=${installation}`)).split('\n').filter(Boolean);
  if (containers.length > 0) await docker('rm', '--force', '--volumes', ...containers);
}

function dockerClient(): string | null {
  return ['/usr/bin/docker', '/usr/local/bin/docker'].find(existsSync) ?? null;
}

function execute(program: string, args: readonly string[]): Promise<{ stdout: string }> {
  return new Promise((resolve) => {
    let stdout = '';
    const child = spawn(program, args, { env: { ...process.env, ...notedEngine() }, stdio: ['ignore', 'pipe', 'ignore'], timeout: 60_000 });
    child.stdout.on('data', (chunk) => (stdout += String(chunk)));
    child.on('error', () => resolve({ stdout: '' }));
    child.on('close', () => resolve({ stdout }));
  });
}

/** The engine that the bootstrap found, for a test that was started without it. */
function notedEngine(): Record<string, string> {
  if (process.env.DOCKER_HOST) return {};
  const file = join(root, 'dist', 'prerequisites.json');
  const host = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { DOCKER_HOST?: string }).DOCKER_HOST : undefined;
  return host ? { DOCKER_HOST: host } : {};
}
