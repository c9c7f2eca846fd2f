import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type TestNats } from '@deskhand/platform/testing';
import { bundle } from '../../../deploy/local/bundle.ts';
import { masterKey } from './running-gateway.ts';

const root = join(import.meta.dirname, '../../..');

export interface GatewayProcess {
  url: string;
  pid: number;
  /** Everything it wrote to its log. */
  log(): string;
  /** Whether it ended. */
  ended(): boolean;
  signal(signal: NodeJS.Signals): void;
  close(): Promise<void>;
}

export interface GatewayProcesses {
  /** Starts the service as a process of its own and waits until it serves. */
  start(instance: string, environment?: Readonly<Record<string, string>>): Promise<GatewayProcess>;
  close(): Promise<void>;
}

/** The model gateway as real processes on one database and one NATS server, with the permissions that the product gives it. */
export async function gatewayProcesses(nats: TestNats, databaseUrl: string, shared: Readonly<Record<string, string>> = {}): Promise<GatewayProcesses> {
  const program = join(root, 'node_modules', '.cache', `deskhand-llm-gateway-${process.pid}.mjs`);
  await bundle({ entry: join(root, 'services/llm-gateway/src/main.ts'), file: program, root });
  const folder = mkdtempSync(join(tmpdir(), 'deskhand-llm-processes-'));
  const secret = randomBytes(32).toString('hex');
  const running = new Set<GatewayProcess>();
  const start: GatewayProcesses['start'] = async (instance, environment = {}) => {
    const port = await freePort();
    const child = spawn(process.execPath, [program], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        PATH: process.env.PATH, NATS_URL: nats.url, NATS_NKEY_SEED: nats.seeds['llm-gateway'], DATABASE_URL: databaseUrl, SERVICE_INSTANCE: instance, LOG_LEVEL: 'info', DATA_DIR: join(folder, instance),
        HTTP_HOST: '127.0.0.1', HTTP_PORT: String(port), MASTER_KEY: secret, LITELLM_MASTER_KEY: masterKey, ...shared, ...environment,
      },
    });
    let log = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => { log += String(chunk); });
    await ready(child, () => log);
    const gateway: GatewayProcess = {
      url: `http://127.0.0.1:${port}`, pid: child.pid!, log: () => log, ended: () => child.exitCode !== null || child.signalCode !== null, signal: (signal) => void child.kill(signal),
      close: async () => {
        running.delete(gateway);
        if (gateway.ended()) return;
        child.kill('SIGCONT');
        child.kill('SIGTERM');
        await new Promise((resolve) => child.once('exit', resolve));
      },
    };
    running.add(gateway);
    return gateway;
  };
  return {
    start,
    close: async () => {
      await Promise.all([...running].map(async (gateway) => gateway.close()));
      for (const path of [folder, program, `${program}.map`]) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

async function ready(child: ChildProcess, log: () => string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code, signal) => reject(new Error(`The model gateway ended (${signal ?? code}) before it was ready:\n${log()}`)));
  });
}
