import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { llm, newId, usageRecorded, type DataOf, type ProviderName } from '@deskhand/contracts';
import { composeService, Log, seal, type Bus, type RunningService } from '@deskhand/platform';
import { startDatabases, startNats, type TestDatabases, type TestNats } from '@deskhand/platform/testing';
import type { GatewayConfig } from '../src/gateway-config.ts';
import { GatewayService } from '../src/gateway.service.ts';
import { llmGatewayService } from '../src/service.ts';
import { usageEntity, type UsageRow } from '../src/database/entities.ts';

export const masterKey = 'sk-gateway-master-key-of-the-tests';

export interface RunningGateway {
  url: string;
  service: RunningService;
  /** Buses with the permissions of the services that call this one. */
  agent: Bus;
  gateway: Bus;
  events: DataOf<typeof usageRecorded>[];
  /** Lines that the service logged. */
  lines: string[];
  /** Stores a provider for a user, its key sealed as the gateway service seals it. */
  addProvider(userId: string, provider: ProviderName, settings: { key?: string; endpoint?: string | null; model?: string | null; isDefault?: boolean }): Promise<void>;
  /** A run's route to a model. */
  resolve(userId: string, model: string | null, provider?: string | null): Promise<{ wire: string; base_url: string; token: string; model: string; label: string; scripted: boolean; context_window: number | null; conversation_id: string; run_id: string }>;
  usage(): Promise<UsageRow[]>;
  /** Waits until so many usage rows are stored. Rows of calls answered before may be among the newest: `rowOf` tells them apart. */
  usageRows(count: number): Promise<UsageRow[]>;
  /** Waits for the usage row of the call that was answered with these headers. Throws after five seconds. */
  rowOf(headers: Headers | IncomingHttpHeaders): Promise<UsageRow>;
  close(): Promise<void>;
}

export interface GatewayGround {
  nats: TestNats;
  databases: TestDatabases;
  close(): Promise<void>;
}

/** A real nats-server and a real SQLite file. */
export async function prepareGround(): Promise<GatewayGround> {
  const [nats, databases] = await Promise.all([startNats(), startDatabases('sqlite')]);
  return { nats, databases, close: async () => { await databases.close(); await nats.close(); } };
}

/** The service, whole, in this process. */
export async function runGateway(ground: GatewayGround, changes: Partial<GatewayConfig> = {}): Promise<RunningGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'deskhand-llm-'));
  const config: GatewayConfig = {
    SERVICE_INSTANCE: 'test', HTTP_HOST: '127.0.0.1', HTTP_PORT: 0, MASTER_KEY: randomBytes(32).toString('hex'), LITELLM_MASTER_KEY: masterKey, ALLOWED_PRIVATE_HOSTS: '', DATA_DIR: folder,
    CONNECT_TIMEOUT_MS: 1_000, FIRST_BYTE_TIMEOUT_MS: 900, IDLE_TIMEOUT_MS: 900, SLOW_CLIENT_TIMEOUT_MS: 2_000, MAXIMUM_BODY_BYTES: 1024 * 1024, MAXIMUM_KEPT_BYTES: 64 * 1024 * 1024, ...changes,
  };
  const lines: string[] = [];
  const log = recordingLog(lines);
  const [bus, agent, gateway, conversations] = await Promise.all((['llm-gateway', 'agent', 'gateway', 'conversations'] as const).map(async (name) => ground.nats.bus(name, log)));
  const service = await composeService(llmGatewayService(() => config), { bus: bus!, log, databaseUrl: await ground.databases.url() });
  const events: DataOf<typeof usageRecorded>[] = [];
  const consumer = await conversations!.consume(usageRecorded, (data) => void events.push(data));
  const { public_key } = await gateway!.request(llm.sealingKey, {});
  const usage = async (): Promise<UsageRow[]> => service.database!.read(async (em) => em.find(usageEntity, {}, { orderBy: { startedAt: 'asc', id: 'asc' } }));
  const resolve: RunningGateway['resolve'] = async (userId, model, provider = null) => {
    const ids = { conversation_id: newId(), run_id: newId() };
    return { ...(await agent!.request(llm.resolve, { user_id: userId, ...ids, provider, model_name: model })), ...ids };
  };
  // Asked of this very instance: over the bus any of them may answer.
  const url = service.app.get(GatewayService, { strict: false }).baseUrl();
  return {
    url, service, agent: agent!, gateway: gateway!, events, lines, usage, resolve,
    addProvider: async (userId, provider, { key, endpoint, model, isDefault }) => {
      await gateway!.request(llm.saveProvider, { user_id: userId, provider, sealed_api_key: key === undefined ? undefined : seal(public_key, key), endpoint_url: endpoint, model_name: model, is_default: isDefault });
    },
    usageRows: async (count) => {
      const until = Date.now() + 5_000;
      for (;;) {
        const rows = await usage();
        if (rows.length >= count || Date.now() > until) return rows;
        await new Promise((next) => setTimeout(next, 20));
      }
    },
    rowOf: async (headers) => {
      const callId = headers instanceof Headers ? headers.get('x-litellm-call-id') : headers['x-litellm-call-id'];
      const until = Date.now() + 5_000;
      for (;;) {
        const row = (await usage()).find(({ id }) => id === callId);
        if (row) return row;
        if (Date.now() > until) throw new Error(`No usage row for call ${String(callId)}.`);
        await new Promise((next) => setTimeout(next, 20));
      }
    },
    close: async () => {
      await service.close();
      await consumer.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function recordingLog(lines: string[]): Log {
  const record = (text: string, fields?: object): void => void lines.push(`${text} ${JSON.stringify(fields ?? {}, (_, value: unknown) => (value instanceof Error ? { ...value, message: value.message, stack: value.stack } : value))}`);
  const log = Object.create(Log.prototype) as Log;
  return Object.assign(log, { info: record, warn: record, error: record, debug: record, child: () => log });
}
