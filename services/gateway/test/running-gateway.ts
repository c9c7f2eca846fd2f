import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { grants, llm, newId, sandbox, usage, type Session } from '@deskhand/contracts';
import { composeService, Log, sealingKeys, type NatsBus, type RunningService } from '@deskhand/platform';
import { freePort, startNats, temporaryBlobs, type TestBlobs, type TestNats } from '@deskhand/platform/testing';
import { gatewayService } from '../src/gateway-service.ts';
import { GatewaySettings } from '../src/settings.ts';

process.env.MASTER_KEY ??= randomBytes(32).toString('hex');

export interface Account {
  name: string;
  id: string;
  token: string;
  session: Session;
}

/**
 * Real: nats-server with the product's permissions, `auth` and `conversations` on SQLite, the gateway over HTTP. The model
 * gateway and the computers' manager are stand-ins that answer by contract.
 */
export class RunningGateway {
  readonly logged: string[] = [];
  private count = 0;

  private constructor(
    readonly nats: TestNats,
    private readonly folder: string,
    private readonly services: RunningService[],
    private gateway: RunningService,
    private gatewayBus: NatsBus,
    readonly port: number,
    private readonly settings: GatewaySettings,
    readonly sealed: string[],
    readonly blobs: TestBlobs,
  ) {}

  static async start(options: { webRoot?: string; publicUrl?: string } = {}): Promise<RunningGateway> {
    const nats = await startNats();
    const folder = mkdtempSync(join(tmpdir(), 'deskhand-gateway-'));
    const log = process.env.SHOW_LOG ? Log.forService('test', 'info') : new Log();
    const { authService } = await import('../../auth/src/service.ts');
    const { service: conversationsService } = await import('../../conversations/src/service.ts');
    const services: RunningService[] = [];
    for (const definition of [authService, conversationsService]) {
      services.push(await composeService(definition, { bus: await nats.bus(definition.name, log), log, databaseUrl: `sqlite:${join(folder, `${definition.name}.db`)}` }));
    }
    const sealed: string[] = [];
    await standInForModels(await nats.bus('llm-gateway', log), sealed);
    await standInForComputers(await nats.bus('sandbox-manager', log));
    const port = await freePort();
    const side = await freePort();
    const settings = new GatewaySettings('127.0.0.1', port, options.publicUrl === undefined ? null : new URL(options.publicUrl), options.webRoot ?? null, undefined, [{ port: side, home: '/combined' }]);
    const bus = await nats.bus('gateway', log);
    const running = new RunningGateway(nats, folder, services, null as never, bus, port, settings, sealed, temporaryBlobs());
    running.gateway = await composeService(gatewayService(() => settings), { bus, log: running.collectingLog(), blobs: running.blobs.store });
    return running;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Ports beside the first. */
  get sides(): number[] {
    return this.settings.sides.map(({ port }) => port);
  }

  /** Another gateway takes the first one's place, with nothing of its memory. */
  async restartGateway(): Promise<void> {
    await this.gateway.close();
    await this.gatewayBus.close();
    this.gatewayBus = await this.nats.bus('gateway');
    this.gateway = await composeService(gatewayService(() => this.settings), { bus: this.gatewayBus, log: this.collectingLog(), blobs: this.blobs.store });
  }

  get<T>(type: new (...parts: never[]) => T): T {
    return this.gateway.app.get(type, { strict: false });
  }

  async ask(method: string, path: string, options: { token?: string; body?: unknown; headers?: Record<string, string> } = {}): Promise<{ status: number; body: any; headers: Headers }> {
    const response = await fetch(this.url + path, {
      method,
      headers: { ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }), ...(options.body !== undefined && { 'content-type': 'application/json' }), ...options.headers },
      ...(options.body !== undefined && { body: typeof options.body === 'string' ? options.body : JSON.stringify(options.body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true && text !== '';
    return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
  }

  /** A new account; all but the first are made by the operator, as on a product whose registration is closed. */
  async account(): Promise<Account> {
    const name = `person${++this.count}`;
    const credentials = { username: name, password: 'correct horse battery' };
    if (this.count === 1) await this.ask('POST', '/api/auth/register', { body: { ...credentials, email: `${name}@example.org` } });
    else {
      const { auth } = await import('@deskhand/contracts');
      await (await this.operator()).request(auth.createUser, { ...credentials, email: `${name}@example.org` });
    }
    const { body } = await this.ask('POST', '/api/auth/login', { body: credentials });
    return { name, id: body.user.id, token: body.access_token, session: body };
  }

  private operatorBus: Promise<NatsBus> | null = null;
  operator(): Promise<NatsBus> {
    return (this.operatorBus ??= this.nats.bus('operator'));
  }

  async conversation(account: Account): Promise<string> {
    return (await this.ask('POST', '/api/conversations', { token: account.token, body: {} })).body.id;
  }

  async close(): Promise<void> {
    await this.gateway.close();
    for (const service of this.services) await service.close();
    await this.nats.close();
    this.blobs.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Every line the gateway logs, as it would be written. */
  private collectingLog(): Log {
    const keep = (text: string, fields?: object): void => void this.logged.push(`${text} ${JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? { message: value.message, stack: value.stack } : value)) ?? ''}`);
    const show = process.env.SHOW_LOG ? Log.forService('gateway', 'info') : new Log();
    const log = Object.assign(new Log(), Object.fromEntries(['debug', 'info', 'warn', 'error'].map((level) => [level, (text: string, fields?: Record<string, unknown>) => {
      keep(text, fields);
      (show[level as 'info'] as typeof show.info)(text, fields);
    }])));
    return Object.assign(log, { child: () => log });
  }
}

async function standInForModels(bus: NatsBus, sealed: string[]): Promise<void> {
  const keys = sealingKeys(randomBytes(32));
  const saved = new Map<string, unknown[]>();
  await bus.serve(llm.sealingKey, null, async () => ({ public_key: keys.publicKey }));
  await bus.serve(llm.providers, null, async ({ user_id }) => (saved.get(user_id) ?? []) as never);
  await bus.serve(llm.models, null, async () => ({ models: [{ id: 'scripted/demo', provider: 'scripted', label: 'Demo', scripted: true }], default_model: 'scripted/demo' }));
  await bus.serve(llm.saveProvider, null, async ({ user_id, provider, sealed_api_key, endpoint_url, model_name, is_default }) => {
    if (sealed_api_key !== undefined) sealed.push(sealed_api_key);
    const view = { id: newId(), provider, endpoint_url: endpoint_url ?? null, model_name: model_name ?? null, is_default: is_default ?? false, has_api_key: true as const };
    saved.set(user_id, [view]);
    return view;
  });
  await bus.serve(llm.removeProvider, null, async () => ({}));
  await bus.serve(llm.testProvider, null, async () => ({ ok: true, message: 'fine', duration_ms: 1 }));
  const figures = { calls: 1, failed_calls: 0, input_tokens: 2, cached_tokens: 0, cache_write_tokens: 0, output_tokens: 3, reasoning_tokens: 0, cost: 0.5, unpriced_calls: 0 };
  // 1,500 lines of whomever is asked for.
  await bus.serve(usage.report, null, async ({ from, to, filter, group_by, limit, offset }) => ({
    from: from ?? '2026-11-01T00:00:00.000Z', to: to ?? '2026-11-21T08:00:00.000Z', total: { ...figures, calls: 1_500 }, has_more: offset + limit < 1_500,
    rows: Array.from({ length: Math.min(limit, 1_500 - offset) }, (_, index) => ({ ...figures, model: `m${offset + index}`, ...(group_by.includes('user') && { user_id: filter.user_id ?? null }) })),
  }));
}

async function standInForComputers(bus: NatsBus): Promise<void> {
  const view = (computer_id: string) => ({ computer_id, state: 'ready' as const, started_at: null });
  await bus.request(grants.keys, {});
  await bus.serve(sandbox.start, null, async ({ computer_id }) => view(computer_id));
  await bus.serve(sandbox.stop, null, async ({ computer_id }) => ({ ...view(computer_id), state: 'stopped' as const }));
  await bus.serve(sandbox.restart, null, async ({ computer_id }) => view(computer_id));
  await bus.serve(sandbox.list, null, async () => []);
}
