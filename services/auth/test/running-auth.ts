import { randomBytes } from 'node:crypto';
import { accessRevoked, auth, type DataOf, type InputOf } from '@deskhand/contracts';
import { Bus, composeService, Log, type RunningService } from '@deskhand/platform';
import { startDatabases, startNats } from '@deskhand/platform/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, vi } from 'vitest';
import { authConfig } from '../src/auth-config.ts';
import { PasswordHasher } from '../src/accounts/password-hasher.ts';
import { Clock } from '../src/clock.ts';
import { authService } from '../src/service.ts';

const masterKey = randomBytes(32).toString('hex');

/** What the environment would say; `MASTER_KEY` is the same for all unless given. */
export function configure(variables: Partial<typeof authConfig.value> = {}): void {
  vi.spyOn(authConfig, 'value', 'get').mockReturnValue({ MASTER_KEY: masterKey, ...variables });
}

/** Errors that a service logs belong to the test's output. */
const log = Object.assign(new Log(), { error: (text: string, fields?: object) => console.error(text, fields) });

/** Real: nats-server with the product's permissions, SQLite or PostgreSQL, Argon2id, of less memory. Only the clock is the test's. */
async function startSurroundings(dialect: 'sqlite' | 'postgres') {
  const nats = await startNats();
  const databases = await startDatabases(dialect);
  const gateway = await nats.bus('gateway');
  const operator = await nats.bus('operator');
  return {
    nats, gateway, operator,
    databaseUrl: () => databases.url(),
    /** The service as `instances` processes would run it, on a database of its own unless one is given. */
    start: async ({ instances = dialect === 'postgres' ? 2 : 1, url }: { instances?: number; url?: string } = {}) => {
      const databaseUrl = url ?? (await databases.url());
      const buses = await Promise.all(Array.from({ length: instances }, () => nats.bus('auth', log)));
      // At the same time, as after an upgrade: one migrates and makes the signing key, the others wait for it.
      const running = await Promise.all(buses.map((bus) => composeService(authService, { bus, log, databaseUrl })));
      return new RunningAuth(running, buses, gateway, operator);
    },
    close: async () => {
      await databases.close();
      await nats.close();
    },
  };
}

export class RunningAuth {
  // Stands still but for `later`, so that a slow machine changes no outcome.
  private time = Date.now();
  private readonly subscriptions: { close(): Promise<void> }[] = [];
  private readonly events: DataOf<typeof accessRevoked>[] = [];

  constructor(
    private readonly services: readonly RunningService[],
    private readonly buses: readonly { close(): Promise<void> }[],
    readonly gateway: Bus,
    readonly operator: Bus,
  ) {
    for (const { app } of services) {
      app.get(Clock, { strict: false }).now = () => this.time;
      app.get(PasswordHasher, { strict: false }).cost.memoryCost = 512;
    }
  }

  get<T>(type: new (...values: never[]) => T): T {
    return this.services[0]!.app.get(type, { strict: false });
  }

  get database() {
    return this.services[0]!.database!;
  }

  /** Moves the clock of every instance. */
  later(milliseconds: number): void {
    this.time += milliseconds;
  }

  register(username: string, more: Partial<InputOf<typeof auth.register>> = {}) {
    return this.gateway.request(auth.register, { username, email: `${username}@example.org`, password: 'correct horse', address: '192.0.2.1', ...more });
  }

  login(username: string, password = 'correct horse', address = '192.0.2.1') {
    return this.gateway.request(auth.login, { username, password, address });
  }

  refresh(refresh_token: string) {
    return this.gateway.request(auth.refresh, { refresh_token });
  }

  create(username: string, is_admin = false) {
    return this.operator.request(auth.createUser, { username, email: `${username}@example.org`, password: 'correct horse', is_admin });
  }

  /** Collects `accessRevoked` from now on; the function waits until there are `count`. */
  async watchRevocations() {
    const subscription = await this.gateway.subscribe(accessRevoked, {}, (data) => void this.events.push(data));
    this.subscriptions.push(subscription);
    return async (count: number) => {
      await vi.waitUntil(() => this.events.length >= count, { timeout: 15_000 });
      return this.events;
    };
  }

  async stop(): Promise<void> {
    for (const subscription of this.subscriptions) await subscription.close();
    for (const service of this.services) await service.close();
    for (const bus of this.buses) await bus.close();
  }
}

interface AuthGround {
  surroundings: Awaited<ReturnType<typeof startSurroundings>>;
  /** New for each test. */
  running: RunningAuth;
}

/** Tests on both databases; on PostgreSQL two instances share the database and the requests. */
export function onEachDatabase(name: string, tests: (ground: AuthGround) => void): void {
  describe.each(['sqlite', 'postgres'] as const)(`${name} on %s`, (dialect) => {
    const ground = {} as AuthGround;
    beforeAll(async () => {
      ground.surroundings = await startSurroundings(dialect);
    });
    afterAll(async () => ground.surroundings.close());
    beforeEach(async () => {
      configure();
      ground.running = await ground.surroundings.start();
    });
    afterEach(async () => {
      await ground.running.stop();
      vi.restoreAllMocks();
    });
    tests(ground);
  });
}

/** How each of several requests went. */
export const codes = (results: PromiseSettledResult<unknown>[]): string[] => results.map((result) => (result.status === 'fulfilled' ? 'ok' : (result.reason as { code: string }).code));
