// Real: SQLite and PostgreSQL. Scripted: nothing. The outbox has a bus in memory.
import { newId, usageRecorded } from '@deskhand/contracts';
import { composeService, Database, Log, type RunningService } from '@deskhand/platform';
import { MemoryBus, startDatabases, type TestDatabases } from '@deskhand/platform/testing';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { providerEntity, usageEntity, type ModelRow, type UsageRow } from '../src/database/entities.ts';
import type { GatewayConfig } from '../src/gateway-config.ts';
import { ModelsRepository } from '../src/models/models.repository.ts';
import { ProvidersRepository } from '../src/providers/providers.repository.ts';
import { llmGatewayService } from '../src/service.ts';
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
