import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { serviceNames, type ServiceName } from '@deskhand/contracts';
import { freePort, rowsOf, startDatabases, startNats, type TestNats } from '@deskhand/platform/testing';
import { serviceEnvironment, type Ground } from '../deploy/local/supervisor/services.ts';
import { readSettings } from '../deploy/local/supervisor/settings.ts';
import { docker } from './product.ts';

const root = dirname(import.meta.dirname);

/** One process of a service. `a` and `b` are its places, as on two machines. */
export type Place = 'a' | 'b';

export interface Cluster extends AsyncDisposable {
  /** A balancer in front of the gateways: what people type. It tries the next one when one does not answer. */
  readonly webUrl: string;
  readonly gateways: Readonly<Record<Place, string>>;
  readonly dataFolder: string;
  /** What the owner of a conversation's database says, past the product. */
  readonly query: <Row>(service: ServiceName, sql: string) => Promise<Row[]>;
  readonly kill: (service: ServiceName, place: Place, signal?: NodeJS.Signals) => void;
  /** Starts a process again at its place, after it ended. */
  readonly start: (service: ServiceName, place: Place) => Promise<void>;
  readonly stop: () => Promise<void>;
}

interface Process {
  child: ChildProcess | null;
  environment: Record<string, string>;
}

/** Two processes of every service on one PostgreSQL server and one NATS server, as an operator with two machines has them. */
export async function startCluster(variables: Readonly<Record<string, string>> = {}): Promise<Cluster> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'deskhand-cluster-'));
  const [nats, databases] = await Promise.all([startNats(), startDatabases('postgres')]);
  const databaseUrl = new URL(await databases.url());
  databaseUrl.searchParams.delete('schema');
  const gatewayPorts = { a: await freePort(), b: await freePort() };
  const balancer = await startBalancer(Object.values(gatewayPorts));
  const webUrl = `http://127.0.0.1:${balancer.port}`;
  const ground = await groundOf(dataFolder, nats, databaseUrl.href, webUrl, variables);
  const processes = new Map<string, Process>();
  for (const service of serviceNames) {
    for (const place of ['a', 'b'] as const) {
      const folder = join(dataFolder, service, place);
      mkdirSync(folder, { recursive: true });
      const httpPort = service === 'gateway' ? gatewayPorts[place] : service === 'llm-gateway' ? await freePort() : null;
      const environment = { ...serviceEnvironment(service, ground), SERVICE_INSTANCE: `${service}-${place}`, DATA_DIR: folder, ...(httpPort !== null && { HTTP_PORT: String(httpPort) }) };
      processes.set(`${service} ${place}`, { child: null, environment });
    }
  }
  const start = async (service: ServiceName, place: Place): Promise<void> => {
    const entry = processes.get(`${service} ${place}`)!;
    entry.child = await launch(service, entry.environment);
  };
  const stop = async () => {
    balancer.close();
    const running = [...processes.values()].flatMap(({ child }) => (child !== null && child.exitCode === null && child.signalCode === null ? [child] : []));
    for (const child of running) child.kill('SIGCONT');
    for (const child of running) child.kill('SIGTERM');
    await Promise.all(running.map(async (child) => new Promise((resolve) => {
      child.once('exit', resolve);
      setTimeout(() => child.kill('SIGKILL'), 18_000).unref();
    })));
    const left = (await docker('ps', '--all', '--quiet', '--filter', `label=deskhand.installation=${ground.installationId}`)).split('\n').filter(Boolean);
    if (left.length > 0) await docker('rm', '--force', ...left);
    await Promise.allSettled([nats.close(), databases.close()]);
    rmSync(dataFolder, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await Promise.all(serviceNames.flatMap((service) => [start(service, 'a'), start(service, 'b')]));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    webUrl, dataFolder, start, stop, [Symbol.asyncDispose]: stop,
    gateways: { a: `http://127.0.0.1:${gatewayPorts.a}`, b: `http://127.0.0.1:${gatewayPorts.b}` },
    kill: (service, place, signal = 'SIGKILL') => void processes.get(`${service} ${place}`)!.child?.kill(signal),
    query: (service, sql) => {
      const url = new URL(databaseUrl);
      url.searchParams.set('options', `-c search_path=${service.replaceAll('-', '_')}`);
      return rowsOf(url.href, sql);
    },
  };
}

async function groundOf(dataFolder: string, nats: TestNats, database: string, webUrl: string, variables: Readonly<Record<string, string>>): Promise<Ground> {
  const { DOCKER_HOST, SANDBOX_IMAGE } = { ...noted(), ...process.env };
  if (!DOCKER_HOST || !SANDBOX_IMAGE) throw new Error('A Docker engine and the image of computers are needed; `npm test` provides both');
  const { settings, problems } = readSettings({ DESKHAND_DATA: dataFolder, DESKHAND_DATABASE_URL: database, DESKHAND_COMBINED_PORT: 'off', DESKHAND_DESKTOP_PORT: 'off', ...variables }, {});
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const folder = (name: string): string => {
    mkdirSync(join(dataFolder, name), { recursive: true });
    return join(dataFolder, name);
  };
  return {
    root, settings,
    prerequisites: { natsServer: null, dockerHost: DOCKER_HOST, dockerProblem: null, sandboxImage: SANDBOX_IMAGE, caBundle: null, chromium: null },
    data: { path: dataFolder, folder, unlock: () => {} },
    natsUrl: nats.url,
    natsKeys: Object.fromEntries(serviceNames.map((name) => [name, { seed: nats.seeds[name], publicKey: '' }])) as Ground['natsKeys'],
    masterKey: randomBytes(32).toString('hex'), gatewayKey: 'sk-cluster', installationId: `test-${randomUUID()}`,
    webUrl, llmHost: '127.0.0.1', llmPort: 0, texts: { PATH: process.env.PATH, HOME: process.env.HOME },
  };
}

/** It ends by itself when this process does: its channel closes. */
async function launch(service: ServiceName, environment: Record<string, string>): Promise<ChildProcess> {
  const program = join(root, 'dist', 'services', `${service}.mjs`);
  if (!existsSync(program)) throw new Error('The product is not built: npm run build');
  let output = '';
  const child = spawn(process.execPath, [program], { cwd: '/', env: environment, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output = (output + String(chunk)).slice(-20_000)));
  if (process.env.SHOW_LOGS) child.stdout?.on('data', (chunk) => process.stderr.write(`${service}: ${String(chunk)}`));
  await new Promise<void>((resolve, reject) => {
    child.on('message', (message: { type?: unknown }) => { if (message?.type === 'ready') resolve(); });
    child.once('exit', (code, signal) => reject(new Error(`${service} ended (${signal ?? code}) before it was ready:\n${output}`)));
    setTimeout(() => reject(new Error(`${service} was not ready within 60 s:\n${output}`)), 60_000).unref();
  });
  return child;
}

/** Carries each connection to the next target that takes it. */
async function startBalancer(targets: readonly number[]): Promise<{ port: number; close: () => void }> {
  let turn = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    open.add(client);
    client.once('close', () => open.delete(client)).on('error', () => client.destroy());
    client.pause();
    const first = turn++;
    const tryNext = (tried: number): void => {
      if (tried === targets.length) return void client.destroy();
      const target = connect(targets[(first + tried) % targets.length]!, '127.0.0.1');
      target.once('error', () => tryNext(tried + 1));
      target.once('connect', () => {
        target.removeAllListeners('error').on('error', () => client.destroy());
        target.once('close', () => client.destroy());
        client.once('close', () => target.destroy());
        client.pipe(target).pipe(client);
      });
    };
    tryNext(0);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

function noted(): Record<string, string | undefined> {
  const file = join(root, 'dist', 'prerequisites.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>) : {};
}
