// Real: SQLite and PostgreSQL. The outbox has a bus in memory, and so have the questions.
import { randomBytes } from 'node:crypto';
import { newId, usage as contract, type InputOf, type OutputOf } from '@deskhand/contracts';
import { composeService, Log, type RunningService } from '@deskhand/platform';
import { MemoryBus, startDatabases, type TestDatabases } from '@deskhand/platform/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UsageRow } from '../src/database/entities.ts';
import type { GatewayConfig } from '../src/gateway-config.ts';
import { KeysRepository } from '../src/keys/keys.repository.ts';
import { llmGatewayService } from '../src/service.ts';
import { UsageRepository } from '../src/usage/usage.repository.ts';

const config = (instance: string): GatewayConfig => ({
  HTTP_HOST: '127.0.0.1', HTTP_PORT: 0, SERVICE_INSTANCE: instance, MASTER_KEY: randomBytes(32).toString('hex'), ALLOWED_PRIVATE_HOSTS: '', CONNECT_TIMEOUT_MS: 1_000, FIRST_BYTE_TIMEOUT_MS: 1_000, IDLE_TIMEOUT_MS: 1_000,
  SLOW_CLIENT_TIMEOUT_MS: 1_000, MAXIMUM_BODY_BYTES: 1_000_000, MAXIMUM_KEPT_BYTES: 10_000_000,
});
const at = (text: string): number => Date.parse(text);
const rowOf = (more: Partial<UsageRow>): UsageRow => ({
  id: newId(), startedAt: at('2026-11-20T10:30:00Z'), userId: 'ada', conversationId: 'c1', runId: 'r', agent: 'deskhand', modelGroup: null, source: 'server', keyHash: null, keyUser: null, keyTeam: null, keyJob: null, provider: 'openai', model: 'gpt-5.5', wire: 'openai-chat', stream: true,
  status: 'completed', httpStatus: 200, uncachedInput: 100, cacheRead: 20, cacheWrite5m: 3, cacheWrite1h: 4, output: 10, reasoning: 5, estimated: false, cost: 0.01, firstByteMs: 1, durationMs: 2, ...more,
});

describe.each(['sqlite', 'postgres'] as const)('reports on %s', (dialect) => {
  let databases: TestDatabases;
  let services: RunningService[];
  const bus = new MemoryBus();
  let keyHash = '';

  const store = async (instance: number, rows: UsageRow[]): Promise<void> => services[instance]!.app.get(UsageRepository, { strict: false }).store(rows, true);
  const report = async (input: InputOf<typeof contract.report>): Promise<OutputOf<typeof contract.report>> => bus.request(contract.report, { from: '2026-11-01', to: '2026-11-30', ...input });

  beforeAll(async () => {
    databases = await startDatabases(dialect);
    const databaseUrl = await databases.url();
    services = [];
    for (const instance of ['1', '2']) services.push(await composeService(llmGatewayService(() => config(instance)), { bus: instance === '1' ? bus : new MemoryBus(), log: new Log(), databaseUrl }));
    keyHash = (await services[0]!.app.get(KeysRepository, { strict: false }).generate({ alias: 'ci', userId: 'bob', teamId: 'web' }, {})).made.row.hash;
    const repeated = rowOf({});
    await store(0, [
      repeated, rowOf({ startedAt: at('2026-11-20T10:59:59.999Z'), status: 'cut' }), rowOf({ startedAt: at('2026-11-20T23:59:59Z'), conversationId: 'c2', model: 'gpt-5-mini', cost: 0.5 }),
      rowOf({ startedAt: at('2026-11-21T00:00:00Z'), provider: 'anthropic', model: 'claude-haiku-4-5', cost: null }),
    ]);
    // The same calls again, and others of the same hour by another instance.
    await store(1, [repeated, rowOf({}), rowOf({ userId: null, conversationId: null, runId: null, agent: null, keyHash, keyUser: 'bob', keyTeam: 'web', cost: 2 })]);
    await store(1, [rowOf({ userId: null, conversationId: null, runId: null, agent: null, cost: 0.25 }), rowOf({ startedAt: at('2026-10-31T23:59:59Z'), cost: 100 }), rowOf({ startedAt: at('2026-12-01T00:00:00Z'), cost: 100 })]);
  });
  afterAll(async () => {
    for (const service of services ?? []) await service.close();
    await databases?.close();
  });

  it('LLM-6: count every call once, to the token, and only within the range', async () => {
    const { total, rows, from, to } = await report({});
    expect(rows).toEqual([]);
    expect([from, to]).toEqual(['2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z']);
    expect(total).toEqual({ calls: 7, failed_calls: 1, input_tokens: 889, cached_tokens: 140, cache_write_tokens: 49, output_tokens: 70, reasoning_tokens: 35, cost: expect.closeTo(2.78, 9) as number, unpriced_calls: 1 });
  });

  it('by user, conversation, agent, model, key, team, day and hour', async () => {
    const by = async (...group_by: NonNullable<InputOf<typeof contract.report>['group_by']>) => (await report({ group_by })).rows.map(({ calls, cost, ...names }) => ({ ...Object.fromEntries(Object.entries(names).filter(([name]) => !/_tokens$|_calls$/.test(name))), calls, cost: Math.round(cost * 1e6) / 1e6 }));
    expect(await by('user')).toEqual([{ user_id: 'bob', calls: 1, cost: 2 }, { user_id: 'ada', calls: 5, cost: 0.53 }, { user_id: null, calls: 1, cost: 0.25 }]);
    expect(await by('conversation')).toEqual([{ conversation_id: null, calls: 2, cost: 2.25 }, { conversation_id: 'c2', calls: 1, cost: 0.5 }, { conversation_id: 'c1', calls: 4, cost: 0.03 }]);
    expect(await by('agent')).toEqual([{ agent: null, calls: 2, cost: 2.25 }, { agent: 'deskhand', calls: 5, cost: 0.53 }]);
    expect(await by('model')).toEqual([{ model: 'openai/gpt-5.5', calls: 5, cost: 2.28 }, { model: 'openai/gpt-5-mini', calls: 1, cost: 0.5 }, { model: 'anthropic/claude-haiku-4-5', calls: 1, cost: 0 }]);
    expect(await by('key')).toEqual([{ key: { hash: keyHash, name: expect.stringMatching(/^sk-\.\.\./) as string, alias: 'ci' }, calls: 1, cost: 2 }, { key: null, calls: 6, cost: 0.78 }]);
    expect(await by('team')).toEqual([{ team_id: 'web', calls: 1, cost: 2 }, { team_id: null, calls: 6, cost: 0.78 }]);
    expect(await by('day')).toEqual([{ day: '2026-11-20', calls: 6, cost: 2.78 }, { day: '2026-11-21', calls: 1, cost: 0 }]);
    expect(await by('hour')).toEqual([{ hour: '2026-11-20T10:00:00.000Z', calls: 5, cost: 2.28 }, { hour: '2026-11-20T23:00:00.000Z', calls: 1, cost: 0.5 }, { hour: '2026-11-21T00:00:00.000Z', calls: 1, cost: 0 }]);
    expect((await by('day', 'model', 'user')).slice(0, 2)).toEqual([{ day: '2026-11-20', model: 'openai/gpt-5.5', user_id: 'bob', calls: 1, cost: 2 }, { day: '2026-11-20', model: 'openai/gpt-5-mini', user_id: 'ada', calls: 1, cost: 0.5 }]);
  });

  it('of one user, conversation, model, agent or key', async () => {
    const calls = async (filter: NonNullable<InputOf<typeof contract.report>['filter']>): Promise<number> => (await report({ filter })).total.calls;
    expect(await calls({ user_id: 'ada' })).toBe(5);
    expect(await calls({ user_id: 'ada', conversation_id: 'c2' })).toBe(1);
    expect(await calls({ user_id: 'bob', conversation_id: 'c2' })).toBe(0);
    expect(await calls({ model: 'anthropic/claude-haiku-4-5' })).toBe(1);
    expect(await calls({ agent: 'deskhand' })).toBe(5);
    expect(await calls({ key: keyHash })).toBe(1);
    expect(await calls({ user_id: `ada' or '1'='1` })).toBe(0);
  });

  it('in pages that lose and repeat nothing', async () => {
    const all = (await report({ group_by: ['conversation', 'model'] })).rows;
    const first = await report({ group_by: ['conversation', 'model'], limit: 2 });
    const second = await report({ group_by: ['conversation', 'model'], limit: 2, offset: 2 });
    expect([first.has_more, second.has_more]).toEqual([true, false]);
    expect([...first.rows, ...second.rows]).toEqual(all);
    expect(second.total).toEqual(first.total);
  });

  it('in the same hour from both instances at once', async () => {
    // Two that share a file are two processes; in one they would wait for each other and for themselves.
    const instances = dialect === 'sqlite' ? 1 : 2;
    const rows = Array.from({ length: 40 }, () => rowOf({ userId: 'racer', startedAt: at('2026-11-10T01:00:00Z') }));
    await Promise.all(rows.map(async (row, index) => store(index % instances, [row])));
    expect((await report({ filter: { user_id: 'racer' } })).total).toMatchObject({ calls: 40, input_tokens: 40 * 127 });
  });

  it('refuse a range that is none', async () => {
    await expect(report({ from: '2026-11-02', to: '2026-11-01' })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await expect(report({ from: '2020-01-01' })).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });
});
