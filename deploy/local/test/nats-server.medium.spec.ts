// Real: the nats-server that the bootstrap found, with the configuration that the supervisor writes. Nothing is faked.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { natsPermissions, serviceNames } from '@deskhand/contracts';
import type { ServiceName } from '@deskhand/contracts';
import { connect, nkeyAuthenticator } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ManagedProcess } from '../supervisor/managed-process.ts';
import { natsServerConfig } from '@deskhand/platform/nats-server-config';
import { loadNatsKeys } from '../supervisor/nats-keys.ts';
import { natsServerPlan } from '../supervisor/nats-server.ts';
import { freePort } from '@deskhand/platform/free-port';
import { readPrerequisites } from '../supervisor/prerequisites.ts';

const folder = mkdtempSync(join(tmpdir(), 'nats-'));
const pidFile = join(folder, 'nats.pid');
const root = dirname(dirname(dirname(import.meta.dirname)));
const keys = loadNatsKeys(join(folder, 'keys.json'), serviceNames);
const open: NatsConnection[] = [];
let server: ManagedProcess;
let port: number;

async function as(service: ServiceName | null, inboxPrefix?: string): Promise<NatsConnection> {
  const authenticator = service ? nkeyAuthenticator(new TextEncoder().encode(keys[service].seed)) : undefined;
  const connection = await connect({ servers: `127.0.0.1:${port}`, authenticator, inboxPrefix: inboxPrefix ?? (service ? natsPermissions(service).inboxPrefix : undefined), maxReconnectAttempts: 0 });
  open.push(connection);
  return connection;
}

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

beforeAll(async () => {
  port = await freePort();
  const users = serviceNames.map((name) => ({ publicKey: keys[name].publicKey, permissions: natsPermissions(name) }));
  const configFile = join(folder, 'server.conf');
  writeFileSync(configFile, natsServerConfig({ port, storeFolder: join(folder, 'store'), pidFile, users }));
  server = new ManagedProcess(natsServerPlan(readPrerequisites(root).natsServer ?? 'nats-server', configFile, port), { line: () => {}, notice: () => {}, changed: () => {} });
  server.start();
  await server.firstReady;
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close()));
});

afterAll(async () => {
  await server.drain(3_000);
  rmSync(folder, { recursive: true, force: true });
});

describe('the private nats-server (SECURITY 38)', () => {
  it('refuses an anonymous client and an unknown key', async () => {
    await expect(as(null)).rejects.toThrow(/authorization/i);
    const strangers = loadNatsKeys(join(folder, 'strangers.json'), ['x']);
    const authenticator = nkeyAuthenticator(new TextEncoder().encode(strangers.x.seed));
    await expect(connect({ servers: `127.0.0.1:${port}`, authenticator, maxReconnectAttempts: 0 })).rejects.toThrow(/authorization/i);
  });

  it('answers a request that the contracts allow, into the asker\'s own inbox', async () => {
    const auth = await as('auth');
    auth.subscribe('auth.user.list', { callback: (_, message) => void message.respond('[]') });
    await auth.flush();
    const reply = await (await as('gateway')).request('auth.user.list', '{}', { timeout: 2_000 });
    expect(reply.string()).toBe('[]');
  });

  it('refuses a request of a service that the contract does not list', async () => {
    const auth = await as('auth');
    let asked = 0;
    auth.subscribe('auth.user.list', { callback: () => void (asked += 1) });
    await auth.flush();
    await expect((await as('agent')).request('auth.user.list', '{}', { timeout: 2_000 })).rejects.toThrow(/permissions violation/i);
    expect(asked).toBe(0);
  });

  it.each(['auth.user.list', '_INBOX_gateway.>', '>', '_INBOX.>', '$JS.API.>'])('refuses a service that listens to %s, which is not its own', async (subject) => {
    const agent = await as('agent');
    const subscription = agent.subscribe(subject);
    const read = (async () => {
      for await (const _ of subscription) throw new Error('nothing may arrive');
    })();
    await expect(Promise.all([read, agent.flush()])).rejects.toThrow(/permissions violation/i);
  });

  it('refuses an unasked message into another service\'s inbox', async () => {
    const gateway = await as('gateway');
    let arrived = 0;
    gateway.subscribe('_INBOX_gateway.guess', { callback: () => void (arrived += 1) });
    await gateway.flush();
    const agent = await as('agent');
    agent.publish('_INBOX_gateway.guess', 'forged');
    await agent.flush().catch(() => {});
    await gateway.flush();
    expect(arrived).toBe(0);
  });

  it('ends when whoever started it is killed', async () => {
    const other = join(folder, 'other');
    const otherPid = join(folder, 'other.pid');
    const otherPort = await freePort();
    writeFileSync(`${other}.conf`, natsServerConfig({ port: otherPort, storeFolder: other, pidFile: otherPid, users: [] }));
    const plan = natsServerPlan(readPrerequisites(root).natsServer ?? 'nats-server', `${other}.conf`, otherPort);
    const program = `require('child_process').spawn(${JSON.stringify(plan.program)}, ${JSON.stringify(plan.args)}, { stdio: ['pipe', 'ignore', 'ignore'], detached: true }); setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['-e', program], { stdio: 'ignore' });
    await plan.probe?.();
    const pid = Number(readFileSync(otherPid, 'utf8'));
    expect(isRunning(pid)).toBe(true);
    parent.kill('SIGKILL');
    await expect.poll(() => isRunning(pid)).toBe(false);
  });
});
