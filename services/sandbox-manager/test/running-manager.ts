import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CommandView, computerChanged, conversationDeleted, conversations, type DataOf, desktop, type DesktopAction, type DesktopLease, type DesktopView, grants, type GrantRight, type InputOf, leaseChanged, leases, newId, type OutputOf, sandbox } from '@deskhand/contracts';
import { type Bus, composeService, Log, type RunningService } from '@deskhand/platform';
import { startDatabases, startNats, temporaryBlobs, type TestDatabases } from '@deskhand/platform/testing';
import Docker from 'dockerode';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { vi } from 'vitest';
import { managerConfig } from '../src/manager-config.ts';
import { sandboxManagerService } from '../src/service.ts';

/** What the bootstrap found: the engine and the image of computers. */
function prerequisites(): { dockerHost: string; image: string } {
  const { DOCKER_HOST, SANDBOX_IMAGE } = { ...noted(), ...process.env };
  if (!DOCKER_HOST || !SANDBOX_IMAGE) throw new Error('These tests need a Docker engine and the image of computers; `npm test` provides both');
  return { dockerHost: DOCKER_HOST, image: SANDBOX_IMAGE };
}

function noted(): Record<string, string | undefined> {
  try {
    return JSON.parse(readFileSync(join(import.meta.dirname, '../../../dist/prerequisites.json'), 'utf8')) as Record<string, string>;
  } catch {
    return {};
  }
}

export const { dockerHost, image } = prerequisites();
process.env.DOCKER_HOST = dockerHost;
export const docker = new Docker();

const log = Object.assign(new Log(), {
  error: (text: string, fields?: object) => console.error(text, fields),
  warn: (text: string, fields?: object) => process.env.SHOW_WARNINGS && console.warn(text, fields),
});
const keys = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
const publicKeys = { keys: [{ ...(await exportJWK(keys.publicKey)), kty: 'OKP', kid: 'test' }] };

export type Activity = OutputOf<typeof conversations.activity>[number];

/**
 * Real: Docker, the image, nats-server with the product's permissions, the database. Not real: `conversations`, which is a
 * signing key, a list of deletions, one lease a desktop and whatever `activity` says. A database of the given ones, or SQLite.
 */
export async function startSurroundings(given?: TestDatabases) {
  const nats = await startNats();
  const databases = given ?? (await startDatabases('sqlite'));
  const blobs = temporaryBlobs();
  const root = mkdtempSync(join(tmpdir(), 'deskhand-workspaces-'));
  const installationId = `test-${randomUUID()}`;
  const agent = await nats.bus('agent');
  const truth = await nats.bus('conversations');
  const news: DataOf<typeof computerChanged>[] = [];
  let activity = (id: string): Activity | null => ({ computer_id: id, active: false, parked_since: null });
  await truth.serve(grants.keys, null, async () => publicKeys);
  await truth.serve(conversations.activity, null, async ({ computer_ids }) => computer_ids.flatMap((id) => activity(id) ?? []));
  const turns = new Map<string, { epoch: number; lease: DesktopLease | null }>();
  await truth.serve(leases.current, null, async ({ computer_id }) => turns.get(computer_id) ?? { epoch: 0, lease: null });
  await truth.consume(computerChanged, (event) => void news.push(event));
  const containers = () => docker.listContainers({ all: true, filters: { label: [`deskhand.installation=${installationId}`] } });
  const container = async ({ id }: TestComputer) => docker.getContainer((await containers()).find(({ Labels }) => Labels['deskhand.computer'] === id)!.Id);
  return {
    nats, root, installationId, agent, news, blobs,
    databaseUrl: await databases.url(),
    setActivity: (answer: typeof activity) => (activity = answer),
    deleted: async (...computers: TestComputer[]) => {
      for (const { id, conversationId, userId } of computers) {
        const subject = `conversation.${conversationId}.deleted`;
        await truth.publish(subject, JSON.stringify({ conversation_id: conversationId, user_id: userId, computer_ids: [id] }), { id: newId(), stream: conversationDeleted.stream });
      }
    },
    /** From now on a person drives this one, or nobody does. */
    drive: async (computer_id: string, person: string | null) => {
      const last = turns.get(computer_id);
      const epoch = person === null ? (last?.epoch ?? 0) : (last?.epoch ?? 0) + 1;
      const lease = person === null ? null : { holder: person, client_id: null, epoch, until: new Date(Date.now() + 600_000).toISOString() };
      turns.set(computer_id, { epoch, lease });
      await truth.emit(leaseChanged, { computer_id, epoch, lease });
    },
    computer: (id = newId()) => new TestComputer(agent, id),
    containers, container,
    /** Runs a script under a user of the image, as a process of its own beside everything else; what it said. */
    asUser: async (computer: TestComputer, user: string, script: string): Promise<string> => {
      const exec = await (await container(computer)).exec({ User: user, Cmd: ['bash', '-c', `exec 2>&1; ${script}`], AttachStdout: true, Tty: true });
      const stream = await exec.start({ hijack: true, stdin: false, Tty: true });
      let text = '';
      for await (const chunk of stream) text += String(chunk);
      return text.replaceAll('\r\n', '\n');
    },
    close: async () => {
      await Promise.all((await containers()).map(({ Id }) => docker.getContainer(Id).remove({ force: true }).catch(() => undefined)));
      blobs.close();
      if (given === undefined) await databases.close();
      await nats.close();
      rmSync(root, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
export type Surroundings = Awaited<ReturnType<typeof startSurroundings>>;

export function configure(surroundings: Surroundings, more: Partial<typeof managerConfig.value> = {}): void {
  vi.spyOn(managerConfig, 'value', 'get').mockReturnValue({ SERVICE_INSTANCE: '1', SANDBOX_IMAGE: image, IDLE_SECONDS: 600, WORKSPACE_ROOT: surroundings.root, INSTALLATION_ID: surroundings.installationId, ...more });
}

export async function startManager(surroundings: Surroundings): Promise<RunningService & { bus: Bus }> {
  const bus = await surroundings.nats.bus('sandbox-manager', log);
  const service = await composeService(sandboxManagerService, { bus, log, databaseUrl: surroundings.databaseUrl, blobs: surroundings.blobs.store });
  return { ...service, bus };
}

/** The environment of the service as a process of its own. */
export function managerEnvironment(surroundings: Surroundings, instance = '1'): NodeJS.ProcessEnv {
  return {
    SERVICE_INSTANCE: instance, PATH: process.env.PATH, NATS_URL: surroundings.nats.url, NATS_NKEY_SEED: surroundings.nats.seeds['sandbox-manager'], LOG_LEVEL: 'warn', DATABASE_URL: surroundings.databaseUrl,
    DOCKER_HOST: dockerHost, SANDBOX_IMAGE: image, WORKSPACE_ROOT: surroundings.root, INSTALLATION_ID: surroundings.installationId,
    ...surroundings.blobs.environment,
  };
}

/** A computer as the agent uses it, with a grant for each request. */
export class TestComputer {
  readonly conversationId = newId();
  readonly userId = newId();

  constructor(private readonly agent: Bus, readonly id: string) {}

  async start(): Promise<OutputOf<typeof sandbox.start>> {
    return this.agent.request(sandbox.start, { ...(await this.#address()), conversation_id: this.conversationId, user_id: this.userId });
  }

  async run(argv: string[], more: Partial<InputOf<typeof sandbox.run>> = {}): Promise<CommandView> {
    return this.agent.request(sandbox.run, { ...(await this.#address()), call_id: newId(), argv, ...more });
  }

  async follow(call_id: string, offset = 0, wait_ms = 4_000): Promise<CommandView> {
    return this.agent.request(sandbox.follow, { ...(await this.#address()), call_id, offset, wait_ms });
  }

  async kill(call_id: string): Promise<{ gone: boolean }> {
    return this.agent.request(sandbox.kill, { ...(await this.#address()), call_id });
  }

  /** Does one thing to its desktop. */
  async act(action: DesktopAction, call_id = newId()): Promise<DesktopView> {
    return this.agent.request(desktop.act, { ...(await this.#address()), conversation_id: this.conversationId, call_id, action });
  }

  /** Runs a script to its end; its whole output. */
  async bash(script: string, more: Partial<InputOf<typeof sandbox.run>> = {}): Promise<CommandView> {
    const call_id = more.call_id ?? newId();
    return this.toEnd(call_id, await this.run(['bash', '-c', script], { call_id, ...more }));
  }

  async toEnd(callId: string, first: CommandView): Promise<CommandView> {
    let view = first;
    let { text } = first;
    while (view.state === 'running') {
      view = await this.follow(callId, text.length);
      text += view.text;
    }
    return { ...view, offset: 0, text };
  }

  async grant(rights: GrantRight[] = ['computer:run'], issuedAt = Math.floor(Date.now() / 1_000)): Promise<string> {
    return new SignJWT({ conversation_id: this.conversationId, computer_id: this.id, rights })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'grant+jwt', kid: 'test' }).setIssuer('conversations').setSubject(this.userId).setIssuedAt(issuedAt).setExpirationTime(issuedAt + 60).sign(keys.privateKey);
  }

  async #address(): Promise<{ computer_id: string; grant: string }> {
    return { computer_id: this.id, grant: await this.grant() };
  }
}

/** Waits for something to become true. */
export async function until(condition: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  for (const limit = Date.now() + ms; !(await condition()); await new Promise((resolve) => setTimeout(resolve, 25))) {
    if (Date.now() > limit) throw new Error('It did not come true in time');
  }
}

/** Bundles the service, so that it can be started and killed as a process. Beside its packages, where it finds them. */
export function bundleManager(): { program: string; remove: () => Promise<void> } {
  const root = join(import.meta.dirname, '../../..');
  mkdirSync(join(root, 'dist'), { recursive: true });
  const folder = mkdtempSync(join(root, 'dist', 'test-manager-'));
  const program = join(folder, 'manager.mjs');
  const script = `
    import { bundle } from ${JSON.stringify(join(root, 'deploy/local/bundle.ts'))};
    await bundle(${JSON.stringify({ entry: join(root, 'services/sandbox-manager/src/main.ts'), file: program, root })});`;
  execFileSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: root, stdio: 'inherit' });
  return { program, remove: async () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }) };
}
