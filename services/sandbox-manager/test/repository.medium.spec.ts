import { computerChanged, type DataOf } from '@deskhand/contracts';
import { composeService, Log, type RunningService } from '@deskhand/platform';
import { MemoryBus, startDatabases, type TestDatabases } from '@deskhand/platform/testing';
import { Module } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ComputersRepository, ComputerTaken } from '../src/computers/computers.repository.ts';
import { entities } from '../src/database/entities.ts';
import { migrations } from '../src/database/migrations.ts';

/** As nobody has it. */
const held = { id: 'computer', managerId: null, epoch: 0 };

@Module({ providers: [ComputersRepository] })
class RepositoryModule {}

// Real: SQLite and PostgreSQL. Not real: the bus, which is in memory.
describe.each(['sqlite', 'postgres'] as const)('computers on %s', (dialect) => {
  let databases: TestDatabases;
  let repository: ComputersRepository;
  let service: RunningService;
  let news: DataOf<typeof computerChanged>[];

  beforeAll(async () => {
    databases = await startDatabases(dialect);
  });
  afterAll(() => databases.close());
  beforeEach(async () => {
    const bus = new MemoryBus();
    const log = new Log();
    news = [];
    await bus.consume(computerChanged, (event) => void news.push(event));
    service = await composeService({ name: 'sandbox-manager', module: RepositoryModule, database: { entities, migrations } }, { bus, log, databaseUrl: await databases.url() });
    repository = service.app.get(ComputersRepository, { strict: false });
  });
  afterEach(() => service.close());

  it('makes a row once and keeps its first owner', async () => {
    const first = await repository.ensure('computer', 'conversation', 'user', 1_000);
    expect(first).toEqual({
      id: 'computer', conversationId: 'conversation', userId: 'user', containerId: null, state: 'none', step: null, error: null,
      createdAt: 1_000, startedAt: null, lastUsedAt: 1_000, pausedAt: null, stoppedAt: null, changedAt: 0,
      managerId: null, epoch: 0, host: null, removedAt: null,
    });
    expect(await repository.ensure('computer', 'other', 'other', 2_000)).toEqual(first);
    expect(await repository.find('computer')).toEqual(first);
    expect(await repository.find('none')).toBeNull();
  });

  it('tells every change once, in an order that readers can see', async () => {
    await repository.ensure('computer', 'conversation', 'user', 1_000);
    await repository.change(held, { state: 'starting', step: 'one' }, 5_000);
    await repository.change(held, { state: 'starting', step: 'two', containerId: 'container' }, 5_000);
    const ready = await repository.change(held, { state: 'ready' }, 5_000);
    expect(ready).toMatchObject({ state: 'ready', step: null, containerId: 'container', startedAt: 5_000, changedAt: 5_002 });
    await service.close();
    expect(news.map(({ state, step, at }) => [state, step, at])).toEqual([
      ['starting', 'one', '1970-01-01T00:00:05.000Z'], ['starting', 'two', '1970-01-01T00:00:05.001Z'], ['ready', undefined, '1970-01-01T00:00:05.002Z'],
    ]);
  });

  it('notes when a computer slept and stopped', async () => {
    await repository.ensure('computer', 'conversation', 'user', 1_000);
    await repository.change(held, { state: 'ready' }, 2_000);
    expect(await repository.change(held, { state: 'paused' }, 3_000)).toMatchObject({ pausedAt: 3_000, startedAt: 2_000 });
    expect(await repository.change(held, { state: 'ready' }, 4_000)).toMatchObject({ pausedAt: null, startedAt: 2_000 });
    expect(await repository.change(held, { state: 'stopped', containerId: null, error: 'why' }, 5_000)).toMatchObject({ stoppedAt: 5_000, containerId: null, error: 'why' });
    await repository.used('computer', 6_000);
    expect((await repository.all()).map(({ id, lastUsedAt }) => [id, lastUsedAt])).toEqual([['computer', 6_000]]);
  });

  it('says nothing of a computer that was removed', async () => {
    await repository.ensure('computer', 'conversation', 'user');
    await repository.remove(held);
    expect(await repository.change(held, { state: 'ready' })).toBeNull();
    expect(await repository.all()).toEqual([]);
    await service.close();
    expect(news).toEqual([]);
  });

  it('refuses what is written in the name of a manager that has it no more', async () => {
    await repository.ensure('computer', 'conversation', 'user');
    for (const other of [{ ...held, epoch: 1 }, { ...held, managerId: 'other' }]) {
      await expect(repository.change(other, { state: 'ready' })).rejects.toBeInstanceOf(ComputerTaken);
      await expect(repository.assertHeld(other)).rejects.toBeInstanceOf(ComputerTaken);
      await repository.remove(other);
    }
    expect(await repository.find('computer')).toMatchObject({ state: 'none' });
    await service.close();
    expect(news).toEqual([]);
  });
});
