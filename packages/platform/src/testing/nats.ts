import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createUser } from '@nats-io/nkeys';
import { natsPermissions, serviceNames, type CallerName } from '@deskhand/contracts';
import { NatsBus } from '../bus/nats-bus.ts';
import { natsServerConfig } from '../bus/nats-server-config.ts';
import { Log } from '../log.ts';
import { freePort } from '../free-port.ts';

export interface TestNats {
  url: string;
  seeds: Record<CallerName, string>;
  /** A bus that is allowed exactly what that service is allowed. Closed with the server. */
  bus(service: CallerName, log?: Log): Promise<NatsBus>;
  /** Kills the server without warning. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with its storage or without. */
  restart(options?: { emptyStorage?: boolean }): Promise<void>;
  close(): Promise<void>;
}

/** A nats-server of one's own on a free port, with the product's users and permissions. */
export async function startNats(): Promise<TestNats> {
  const folder = await mkdtemp(join(tmpdir(), 'deskhand-nats-'));
  const port = await freePort();
  const names: CallerName[] = [...serviceNames, 'operator'];
  const keys = names.map((name) => ({ name, pair: createUser() }));
  const store = join(folder, 'store');
  const config = join(folder, 'nats.json');
  await writeFile(config, natsServerConfig({ port, storeFolder: store, pidFile: join(folder, 'pid'), users: keys.map(({ name, pair }) => ({ publicKey: pair.getPublicKey(), permissions: natsPermissions(name) })) }));
  const seeds = Object.fromEntries(keys.map(({ name, pair }) => [name, new TextDecoder().decode(pair.getSeed())])) as Record<CallerName, string>;
  const url = `nats://127.0.0.1:${port}`;
  const buses: NatsBus[] = [];
  let server = await launch(config, port);
  const kill = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGKILL');
    await ended;
  };
  return {
    url, seeds, kill,
    bus: async (service, log = new Log()) => {
      const bus = await NatsBus.connect({ service, url, seed: seeds[service], log });
      buses.push(bus);
      return bus;
    },
    restart: async ({ emptyStorage = false } = {}) => {
      await kill();
      if (emptyStorage) await rm(store, { recursive: true, force: true, maxRetries: 3 });
      server = await launch(config, port);
    },
    close: async () => {
      await Promise.allSettled(buses.map(async (bus) => bus.close()));
      await kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** The server as the bootstrap leaves it: named by NATS_SERVER, on PATH, or in the cache folder. */
function natsServerProgram(): string {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'deskhand', 'nats-server', '2.15.1', 'nats-server');
  const found = [process.env.NATS_SERVER ?? '', cache, ...(process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'nats-server'))].find((file) => file !== '' && existsSync(file));
  if (found === undefined) throw new Error('No nats-server was found; `npm test` installs one');
  return found;
}

async function launch(config: string, port: number): Promise<ChildProcess> {
  const server = spawn(natsServerProgram(), ['--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  server.stderr?.on('data', (chunk: Buffer) => { complaint = (complaint + chunk.toString()).slice(-2_000); });
  for (let attempt = 0; attempt < 200; attempt++) {
    if (server.exitCode !== null) break;
    if (await answers(port)) return server;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  server.kill('SIGKILL');
  throw new Error(`nats-server did not start: ${complaint}`);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, '127.0.0.1');
    socket.once('connect', () => { socket.destroy(); resolve(true); });
    socket.once('error', () => resolve(false));
  });
}
