// Real: SQLite and PostgreSQL. Scripted: nothing. The outbox has a bus in memory.
import { newId, usageRecorded } from '@deskhand/contracts';
import { composeService, Database, Log, type RunningService } from '@deskhand/platform';
import type { EntitySchema } from '@deskhand/platform/database';
import { MemoryBus, startDatabases, type TestDatabases } from '@deskhand/platform/testing';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { BudgetsRepository } from '../src/budgets/budgets.repository.ts';
import { budgetEntity, providerEntity, usageEntity, type ModelRow, type UsageRow } from '../src/database/entities.ts';
import { migrations } from '../src/database/migrations.ts';
import type { GatewayConfig, GatewaySettings } from '../src/gateway-config.ts';
import { extraBudgetId } from '../src/keys/extra-budgets.ts';
import { KeysRepository } from '../src/keys/keys.repository.ts';
import { ModelsRepository } from '../src/models/models.repository.ts';
import { ProvidersRepository } from '../src/providers/providers.repository.ts';
import { Router } from '../src/routing/router.ts';
import { llmGatewayService } from '../src/service.ts';
import { UsageCalls } from '../src/usage/usage-calls.ts';
import { UsageRepository } from '../src/usage/usage.repository.ts';

const config: GatewayConfig = {
  HTTP_HOST: '127.0.0.1', HTTP_PORT: 0, SERVICE_INSTANCE: 'test', MASTER_KEY: randomBytes(32).toString('hex'), ALLOWED_PRIVATE_HOSTS: '', CONNECT_TIMEOUT_MS: 1_000, FIRST_BYTE_TIMEOUT_MS: 1_000, IDLE_TIMEOUT_MS: 1_000, SLOW_CLIENT_TIMEOUT_MS: 1_000, MAXIMUM_BODY_BYTES: 1_000_000, MAXIMUM_KEPT_BYTES: 10_000_000,
};

const rowOf = (more: Partial<UsageRow> = {}): UsageRow => ({
  id: newId(), startedAt: 1_790_000_000_123, userId: 'u', conversationId: 'c', runId: 'r', provider: 'openai', model: 'm', wire: 'openai-chat', stream: true, status: 'completed', httpStatus: 200,
  uncachedInput: 5_000_000_000, cacheRead: 2, cacheWrite5m: 3, cacheWrite1h: 4, output: 6, reasoning: 1, estimated: false, cost: 0.000123456789, firstByteMs: 1.25, durationMs: 2.5, ...more,
} as UsageRow);

describe.each(['sqlite', 'postgres'] as const)('on %s', (dialect) => {
  let databases: TestDatabases;
  let service: RunningService;
  let database: Database;
  const bus = new MemoryBus();

  beforeAll(async () => {
    databases = await startDatabases(dialect);
    service = await composeService(llmGatewayService(() => config), { bus, log: new Log(), databaseUrl: await databases.url() });
    database = service.database!;
  });
  afterAll(async () => {
    await service?.close();
    await databases?.close();
  });

  const providers = (): ProvidersRepository => service.app.get(ProvidersRepository, { strict: false });
  const usage = (): UsageRepository => service.app.get(UsageRepository, { strict: false });

  it('keeps one provider of a name a user; what is absent stays; one is the default', async () => {
    const repository = providers();
    expect(await repository.save('u', 'openai', { modelName: 'm' })).toBeNull();
    const first = await repository.save('u', 'openai', { encryptedKey: 'k1', endpointUrl: 'https://e', modelName: 'm', isDefault: true }, 1);
    const changed = await repository.save('u', 'openai', { modelName: null }, 2);
    expect(changed).toMatchObject({ id: first?.id, encryptedKey: 'k1', endpointUrl: 'https://e', modelName: null, isDefault: true, createdAt: 1, updatedAt: 2 });
    await repository.save('u', 'mistral', { encryptedKey: 'k2', isDefault: true }, 3);
    await repository.save('other', 'openai', { encryptedKey: 'k3', isDefault: true }, 4);
    expect((await repository.list('u')).map((row) => [row.provider, row.isDefault])).toEqual([['openai', false], ['mistral', true]]);
    expect((await repository.find('other', 'openai'))?.isDefault).toBe(true);
    expect(await repository.remove('u', 'openai')).toBe(true);
    expect(await repository.remove('u', 'openai')).toBe(false);
    expect(await repository.find('u', 'openai')).toBeNull();
  });

  it('takes the same save from many at once', async () => {
    const results = await Promise.allSettled(Array.from({ length: 8 }, async (_, index) => providers().save('racer', 'openai', { encryptedKey: `k${index}`, isDefault: true })));
    expect(results.filter((result) => result.status === 'fulfilled').length).toBeGreaterThan(0);
    expect(await providers().list('racer')).toHaveLength(1);
  });

  it('stores usage once with every figure whole, and announces what runs used', async () => {
    const events: unknown[] = [];
    const consumer = await bus.consume(usageRecorded, (data) => void events.push(data));
    const [full, failed, foreign] = [rowOf(), rowOf({ status: 'failed', httpStatus: null, uncachedInput: 0, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0, output: 0, reasoning: 0, cost: 0, firstByteMs: null }), rowOf({ userId: null, conversationId: null, runId: null, cost: null })];
    await usage().store([full, failed], false);
    await usage().store([full, failed, foreign], true);
    const stored = await database.read(async (em) => em.find(usageEntity, { id: { $in: [full.id, failed.id, foreign.id] } }));
    expect(stored).toHaveLength(3);
    expect({ ...stored.find((row) => row.id === full.id) }).toMatchObject({ ...full });
    expect(stored.find((row) => row.id === failed.id)).toMatchObject({ cost: 0, firstByteMs: null, httpStatus: null });
    await expect.poll(() => events).toEqual([{ call_id: full.id, user_id: 'u', conversation_id: 'c', run_id: 'r', model: 'openai/m', input_tokens: 5_000_000_009, output_tokens: 6, cached_tokens: 2, reasoning_tokens: 1, cost: 0.000123456789 }]);
    await consumer.close();
  });

  it('finds single calls by id, caller and time, newest first, a page at a time', async () => {
    const calls = service.app.get(UsageCalls, { strict: false });
    const start = Date.UTC(2026, 9, 1);
    const hour = 3_600_000;
    const key = (name: string) => ({ userId: null, conversationId: null, runId: null, keyHash: name, keyUser: 'eve' });
    const rows = Array.from({ length: 12 }, (_, n) => rowOf({ id: newId(start + n * hour), startedAt: start + n * hour + 1, output: n, ...(n % 3 === 0 ? key('k1') : n % 3 === 1 ? key('k2') : { userId: 'eve' }), ...(n === 5 && { model: 'other' }) }));
    await usage().store([...rows].reverse(), false);
    const found = async (where: Parameters<UsageCalls['list']>[0], limit = 50, offset = 0) => (await calls.list({ from: start, to: start + 24 * hour, ...where }, limit, offset)).map(({ output }) => output);
    expect(await found({})).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect([await found({}, 3), await found({}, 3, 3), await found({}, 3, 12)]).toEqual([[11, 10, 9], [8, 7, 6], []]);
    expect(await found({ keyHash: 'k1' })).toEqual([9, 6, 3, 0]);
    expect(await found({ user: 'eve' }, 4, 2)).toEqual([9, 8, 7, 6]);
    expect(await found({ keyHash: 'k1', user: 'nobody' })).toEqual([]);
    expect(await found({ from: start + 4 * hour + 1, to: start + 7 * hour + 1 })).toEqual([6, 5, 4]);
    expect(await found({ keyHash: 'k2', from: start + 4 * hour + 2 })).toEqual([10, 7]);
    expect((await calls.list({ id: rows[5]!.id }, 10, 0)).map(({ model, keyHash, userId }) => [model, keyHash, userId])).toEqual([['other', null, 'eve']]);
    expect(await calls.list({ id: newId() }, 10, 0)).toEqual([]);
  });

  it('takes the calls of an older version along', async () => {
    const url = await databases.url();
    const entities = [usageEntity as unknown as EntitySchema];
    const older = migrations.slice(0, migrations.findIndex(({ name }) => name.endsWith('share-what-calls-have-in-common')));
    expect(older.length).toBeGreaterThan(5);
    const before = await Database.open({ url, entities, migrations: older });
    const insert = (id: string, more: Record<string, unknown> = {}) => {
      const row = { id, started_at: 1_790_000_000_123, user_id: 'u', run_id: 'r', key_hash: null, agent: 'deskhand', source: null, provider: 'openai', model: `it's`, wire: 'openai-chat', stream: true, status: 'completed', http_status: 200, uncached_input: 5_000_000_000, cache_read: 1, cache_write5m: 2, cache_write1h: 3, output: 4, reasoning: 0, estimated: false, cost: 0.25, first_byte_ms: null, duration_ms: 7.5, ...more };
      return before.transaction(async (em) => em.execute(`insert into usage (${Object.keys(row).join(', ')}) values (${Object.keys(row).map(() => '?').join(', ')})`, Object.values(row)));
    };
    for (const [id, more] of [['a', {}], ['b', { user_id: null, key_hash: 'k' }], ['c', { status: 'cut', http_status: null, cost: null }], ['d', {}]] as const) await insert(id, more);
    const read = async (from: Database) => from.read(async (em) => em.execute<Record<string, unknown>[]>('select * from usage order by id'));
    const wanted = await read(before);
    await before.close();
    const after = await Database.open({ url, entities, migrations });
    expect(wanted).toHaveLength(4);
    // What the older version could not say of them is empty.
    expect(await read(after)).toEqual(wanted.map((row) => ({ ...row, key_job: null })));
    const counted = await after.read(async (em) => em.execute<{ n: number | string }[]>('select count(*) as n from usage_callers union all select count(*) from usage_kinds'));
    expect(counted.map(({ n }) => Number(n))).toEqual([2, 2]);
    await after.close();
  });

  it('counts a key\'s calls in its budgets of windows and of models', async () => {
    const keys = service.app.get(KeysRepository, { strict: false });
    const [day, month, fast, slow] = [{ model: null, duration: '1d', max: 1 }, { model: null, duration: '30d', max: 5 }, { model: 'fast', duration: null, max: 2 }, { model: 'anthropic/slow', duration: '1h', max: 3 }];
    const { key, made } = await keys.generate({ alias: 'capped' }, { max: 10 }, undefined, { windows: [day], models: [fast, slow] });
    await keys.generate({}, {});
    const { hash } = made.row;
    const [id, known] = [(extra: { model: string | null; duration: string | null }) => extraBudgetId(hash, extra), await keys.find(hash)];
    expect(known?.budgets.map((budget) => [budget.id, budget.max, budget.model]).sort()).toEqual([[`key:${hash}`, 10, undefined], [id(day), 1, undefined], [id(fast), 2, 'fast'], [id(slow), 3, 'anthropic/slow']].sort());
    const call = (more: Partial<UsageRow>): UsageRow => rowOf({ userId: null, conversationId: null, runId: null, keyHash: hash, startedAt: Date.now(), cost: 0.25, ...more });
    // The first began before any of these windows.
    await usage().store([call({ modelGroup: 'other', startedAt: Date.now() - 60_000 }), call({ modelGroup: 'fast' }), call({ modelGroup: 'fast' }), call({ modelGroup: null, provider: 'anthropic', model: 'slow' }), call({ modelGroup: 'other' }), rowOf({ keyHash: null })], false);
    const spent = async (of: string): Promise<Record<string, number>> => {
      const found = (await keys.info(of))!;
      return Object.fromEntries([found.budget!, ...found.extras!].map((budget) => [budget.id.replace(of, ''), budget.spend]));
    };
    expect(await spent(hash)).toEqual({ 'key:': 1.25, 'key:/window 1d': 1, 'key:/model fast': 0.5, 'key:/model anthropic/slow': 0.25 });
    expect((await keys.bySpend(10)).map(({ row, budget }) => [row.hash === hash, budget?.spend])).toEqual([[true, 1.25], [false, 0]]);
    const changed = await keys.change(hash, {}, {}, { windows: [month, day] });
    expect(changed?.extras?.map((budget) => [budget.id, budget.max, budget.spend, budget.windowMs])).toEqual([[id(month), 5, 0, 30 * 86_400_000], [id(day), 1, 1, 86_400_000], [id(fast), 2, 0.5, null], [id(slow), 3, 0.25, 3_600_000]]);
    await keys.change(hash, {}, {}, { models: [] });
    const again = (await keys.regenerate(hash))!;
    expect(again.key).not.toBe(key);
    expect(await spent(again.made.row.hash)).toEqual({ 'key:': 1.25, 'key:/window 30d': 0, 'key:/window 1d': 1 });
    expect(await keys.info(hash)).toBeNull();
    await keys.remove([again.made.row.hash]);
    const left = await database.read(async (em) => em.find(budgetEntity, { id: { $like: '%/%' } }));
    expect(left.map((budget) => budget.id)).toEqual([]);
  });

  it('leases, takes back and spends of one budget at the same time, and turns nobody away', async () => {
    const keys = service.app.get(KeysRepository, { strict: false });
    await keys.saveBudget('user:hasty', { max: 1_000 });
    const settings = (instance: string) => ({ values: { ...config, SERVICE_INSTANCE: instance } }) as GatewaySettings;
    const [one, two] = ['one', 'two'].map((instance) => new BudgetsRepository(database, settings(instance), service.app.get(Router, { strict: false }))) as [BudgetsRepository, BudgetsRepository];
    const rounds = Array.from({ length: 240 }, (_, index) => index);
    const granted = await Promise.all(rounds.flatMap((index) => [
      one.lease('user:hasty', 1, 2).then((lease) => lease.granted), two.lease('user:hasty', 1, 1).then((lease) => lease.granted), ...(index % 3 === 0 ? [one.giveBack('user:hasty', 0).then(() => 0), usage().store([rowOf({ userId: 'hasty', conversationId: null, cost: 0.5 })], true).then(() => 0)] : []),
    ]));
    expect(granted.reduce((sum, amount) => sum + amount, 0)).toBeCloseTo(240 * 3, 9);
    expect(await keys.budget('user:hasty')).toMatchObject({ spend: 40, leased: 720 });
  });

  it('counts a call in a window that began later by a clock that went back', async () => {
    const keys = service.app.get(KeysRepository, { strict: false });
    const { hash } = (await keys.generate({}, { max: 1, windowMs: 3_600_000 })).made.row;
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() - 60_000);
    await usage().store([rowOf({ userId: null, conversationId: null, runId: null, keyHash: hash, startedAt: Date.now(), cost: 0.25 })], false).finally(() => clock.mockRestore());
    expect((await keys.info(hash))!.budget!.spend).toBe(0.25);
    await keys.remove([hash]);
  });

  it('counts the calls of a job\'s keys in its budget, and takes the keys away with it', async () => {
    const keys = service.app.get(KeysRepository, { strict: false });
    await keys.saveHolder('job', 'nightly', { rpm: 9 }, { max: 3 }, 'new');
    const [first, second] = [(await keys.generate({ jobId: 'nightly' }, {})).made.row, (await keys.generate({ jobId: 'nightly', userId: 'eve' }, {})).made.row];
    expect(await keys.find(first.hash)).toMatchObject({ jobId: 'nightly', budgets: [{ id: 'job:nightly', max: 3 }], holders: [{ kind: 'job', id: 'nightly', rpm: 9 }] });
    const call = (keyHash: string, more: Partial<UsageRow> = {}): UsageRow => rowOf({ userId: null, conversationId: null, runId: null, keyHash, keyJob: 'nightly', cost: 0.25, ...more });
    const rows = [call(first.hash), call(second.hash, { keyUser: 'eve' }), rowOf({ keyHash: first.hash, cost: 9 })];
    await usage().store(rows, false);
    expect((await keys.holder('job', 'nightly'))?.budget).toMatchObject({ spend: 0.5, max: 3 });
    expect((await database.read(async (em) => em.find(usageEntity, { keyJob: 'nightly' }))).map(({ id }) => id).sort()).toEqual([rows[0]!.id, rows[1]!.id].sort());
    expect((await keys.list({ jobId: 'nightly' }, 10, 0)).total).toBe(2);
    const again = (await keys.regenerate(first.hash))!.made.row;
    expect(again.jobId).toBe('nightly');
    expect(await keys.removeHolder('job', 'nightly')).toBe(true);
    expect([await keys.find(again.hash), await keys.find(second.hash), await keys.budget('job:nightly')]).toEqual([null, null, null]);
  });

  it('keeps added models, counts every change, and takes no change over another', async () => {
    const models = service.app.get(ModelsRepository, { strict: false });
    const row = (id: string, more: Partial<ModelRow> = {}) => ({ id, group: 'g', encryptedParameters: 'secret', info: { note: 'it\'s', nested: [1, { two: null }] }, createdAt: 1, updatedAt: 5, ...more }) as ModelRow;
    const before = await models.revision();
    expect([await models.add(row('a')), await models.add(row('b', { createdAt: 0 })), await models.add(row('a'))]).toEqual([true, true, false]);
    expect((await models.list()).map(({ id }) => id)).toEqual(['b', 'a']);
    expect(await models.find('a')).toMatchObject(row('a'));
    expect(await models.change(row('a', { group: 'other', info: {}, updatedAt: 6 }), 5)).toBe(true);
    expect(await models.change(row('a', { group: 'late', updatedAt: 7 }), 5)).toBe(false);
    expect(await models.find('a')).toMatchObject({ group: 'other', info: {}, updatedAt: 6 });
    expect([await models.change(row('nobody'), 5), await models.remove('nobody'), await models.remove('b')]).toEqual([false, false, true]);
    const together = await Promise.all(Array.from({ length: 8 }, async (_, index) => models.add(row(`many-${index}`))));
    expect([together.every(Boolean), (await models.list()).length]).toEqual([true, 9]);
    expect(await models.revision()).toBeGreaterThanOrEqual(before + 12);
  });

  it('SECURITY 26: keeps text that looks like SQL as text', async () => {
    const evil = `x'; drop table providers; --`;
    await providers().save(evil, 'openai', { encryptedKey: 'k', modelName: evil });
    expect(await providers().find(evil, 'openai')).toMatchObject({ modelName: evil });
    expect(await database.read(async (em) => em.count(providerEntity, {}))).toBeGreaterThan(1);
  });
});
