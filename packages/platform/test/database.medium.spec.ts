/** Real: SQLite files and a PostgreSQL server. The bus is the one in memory. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeclaredError, runInterrupted, timelinePublished } from '@deskhand/contracts';
import { Log, Outbox, type Database } from '../src/index.ts';
import { defineEntity, Migration, outboxTable, p, type EntitySchema } from '../src/database/index.ts';
import { outboxEntity } from '../src/database/outbox-row.ts';
import { MemoryBus, startDatabases, type TestDatabases } from '../src/testing/index.ts';

const counter = defineEntity({ name: 'Counter', properties: { id: p.string().primary(), value: p.integer() } });
const tables = (dialect: 'sqlite' | 'postgres') => class extends Migration {
  override up(): void {
    this.addSql(outboxTable(dialect));
    this.addSql('create table counter (id text primary key, value integer not null)');
    this.addSql("insert into counter values ('one', 0)");
  }
};

for (const dialect of ['sqlite', 'postgres'] as const) {
  describe(`a database on ${dialect}`, () => {
    let databases: TestDatabases;
    let database: Database;
    beforeAll(async () => {
      databases = await startDatabases(dialect);
      database = await databases.open({ entities: [counter as unknown as EntitySchema], migrations: [{ name: '1-tables', class: tables(dialect) as never }] });
    }, 60_000);
    afterAll(async () => databases.close());

    it('loses no update when many transactions read and then write', async () => {
      await Promise.all(Array.from({ length: 20 }, async () => database.transaction(async (em) => {
        const row = await em.findOneOrFail(counter, 'one');
        row.value += 1;
      })));
      expect((await database.read(async (em) => em.findOneOrFail(counter, 'one'))).value).toBe(20);
    });

    it('undoes everything when the work fails, and tells nobody of a commit', async () => {
      let told = false;
      await expect(database.transaction(async (em) => {
        database.onCommit(em, () => { told = true; });
        em.create(counter, { id: 'two', value: 1 });
        await em.flush();
        throw new Error('no');
      })).rejects.toThrow('no');
      expect(await database.read(async (em) => em.findOne(counter, 'two'))).toBeNull();
      expect(told).toBe(false);
    });

    it('SECURITY 32: publishes what was committed, once, in order, also when the process ended in between', async () => {
      const bus = new MemoryBus();
      const seen: number[] = [];
      await bus.subscribe(timelinePublished, {}, (data) => { seen.push(data.seq); });
      const dead = new Outbox(database, { publish: async () => { throw new Error('no NATS'); } } as never, new Log(), outboxEntity);
      for (const seq of [1, 2, 3]) {
        await database.transaction(async (em) => dead.add(em, timelinePublished, { type: 'run-started', seq }, { id: `c:${seq}`, address: { user: 'u', conversation: 'c', type: 'run-started' } }));
      }
      await dead.close();
      expect(seen).toEqual([]);
      const next = new Outbox(database, bus, new Log(), outboxEntity);
      next.start();
      for (let attempt = 0; seen.length < 3 && attempt < 200; attempt++) await new Promise((resolve) => setTimeout(resolve, 10));
      await next.close();
      expect(seen).toEqual([1, 2, 3]);
      expect(runInterrupted.stream).toBeNull();
      expect(await database.read(async (em) => em.count(outboxEntity))).toBe(0);
    });

    it('SECURITY 33: gives up an event that no server takes, and lets nothing wait behind it or come twice', async () => {
      const sent: string[] = [];
      let away = true;
      const publish = async (_: string, payload: string, { id }: { id: string }): Promise<void> => {
        if (payload.includes('poison')) throw new DeclaredError('TOO_LARGE', 'larger than a message may be');
        if (away && id === 'p:3') throw new Error('no NATS');
        sent.push(id);
      };
      const outbox = new Outbox(database, { publish } as never, new Log(), outboxEntity);
      await database.transaction(async (em) => {
        for (const [index, type] of ['a', 'poison', 'b', 'c'].entries()) outbox.add(em, timelinePublished, { type, seq: index }, { id: `p:${index + 1}`, address: { user: 'u', conversation: 'p', type: 'x' } });
      });
      const left = async () => (await database.read(async (em) => em.find(outboxEntity, {}))).map(({ eventId }) => eventId);
      await expect.poll(left).toEqual(['p:3']);
      away = false;
      outbox.wake();
      await expect.poll(left).toEqual([]);
      expect(sent).toEqual(['p:1', 'p:4', 'p:3']);
      expect(outbox.givenUp).toBe(1);
      await outbox.close();
    });
  });
}
