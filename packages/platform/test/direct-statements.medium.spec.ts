/** Real: SQLite files and a PostgreSQL server. What is asked directly must be what MikroORM would have found. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EntityManager } from '@mikro-orm/sql';
import type { Database } from '../src/index.ts';
import { defineEntity, LockMode, Migration, p, type EntitySchema } from '../src/database/index.ts';
import { startDatabases, type TestDatabases } from '../src/testing/index.ts';

const thing = defineEntity({
  name: 'Thing',
  properties: {
    id: p.string().primary(), kind: p.string(), size: p.integer(), madeAt: p.bigint('number'), price: p.float().nullable(), isOpen: p.boolean(), tags: p.json<string[]>(), noteText: p.text().nullable(),
  },
});
const link = defineEntity({ name: 'Link', properties: { fromId: p.string().primary(), toId: p.string().primary(), weight: p.integer() } });

const tables = (dialect: 'sqlite' | 'postgres') => class extends Migration {
  override up(): void {
    this.addSql(`create table thing (id text primary key, kind text not null, size integer not null, made_at bigint not null, price double precision, is_open boolean not null, tags ${dialect === 'sqlite' ? 'text' : 'jsonb'} not null, note_text text)`);
    this.addSql('create table link (from_id text not null, to_id text not null, weight integer not null, primary key (from_id, to_id))');
  }
};

const wheres: Record<string, unknown>[] = [
  {}, { kind: 'b' }, { kind: 'b', isOpen: true }, { isOpen: false }, { noteText: null }, { noteText: { $ne: null } }, { price: { $gt: 1.5 } }, { price: { $ne: 2.5 } }, { size: { $gte: 3 }, kind: { $ne: 'a' } }, { size: { $lt: 2 } }, { size: { $lte: 2 } },
  { id: { $in: ['t1', 't4', 'none'] } }, { id: { $in: [] } }, { id: 'none' }, { madeAt: { $lte: 1_700_000_000_003 } }, { kind: 'it\'s "?"' },
  // What is not plain goes on as it always did.
  { $or: [{ kind: 'a' }, { size: 4 }] }, { id: { $like: 't%' } }, { size: { $gt: 1, $lt: 4 } },
];
const ways: Record<string, unknown>[] = [{}, { orderBy: { size: 'desc', id: 'asc' } }, { orderBy: { kind: 'asc', id: 'desc' }, limit: 2 }, { orderBy: { id: 'asc' }, limit: 3, offset: 1 }, { orderBy: { id: 'asc' }, disableIdentityMap: true }];

for (const dialect of ['sqlite', 'postgres'] as const) {
  describe(`statements without the query builder on ${dialect}`, () => {
    let databases: TestDatabases;
    let database: Database;
    beforeAll(async () => {
      databases = await startDatabases(dialect);
      database = await databases.open({ entities: [thing, link] as unknown as EntitySchema[], migrations: [{ name: '1-tables', class: tables(dialect) as never }] });
      await database.transaction(async (em) => {
        for (let n = 0; n < 6; n++) {
          em.create(thing, { id: `t${n}`, kind: n === 5 ? 'it\'s "?"' : 'abc'[n % 3]!, size: n, madeAt: 1_700_000_000_000 + n, price: n % 2 === 0 ? null : n + 0.5, isOpen: n % 2 === 1, tags: [`tag ${n}`, 'é'], noteText: n < 2 ? null : `note ${n}` });
        }
        em.create(link, { fromId: 't1', toId: 't2', weight: 1 });
      });
    }, 60_000);
    afterAll(async () => databases.close());

    const plain = (rows: readonly unknown[]) => rows.map((row) => ({ ...(row as object) }));

    it('find what MikroORM finds, in its order', async () => {
      for (const where of wheres) {
        for (const way of ways) {
          const wanted = plain(await (database.orm.em.fork() as EntityManager).find(thing, where as never, way as never));
          const found = plain(await database.read(async (em) => em.find(thing, where as never, way as never)));
          if (way['orderBy'] === undefined) for (const rows of [wanted, found]) rows.sort((a, b) => ((a as { id: string }).id < (b as { id: string }).id ? -1 : 1));
          expect(found, JSON.stringify([where, way])).toEqual(wanted);
        }
      }
      expect(await database.read(async (em) => em.findOne(thing, 't3'))).toMatchObject({ id: 't3', madeAt: 1_700_000_000_003, price: 3.5, isOpen: true, tags: ['tag 3', 'é'], noteText: 'note 3' });
      expect(await database.read(async (em) => em.findOne(thing, { id: 't3', kind: 'b' }))).toBeNull();
      await expect(database.read(async (em) => em.findOneOrFail(thing, 'none'))).rejects.toThrow('not found');
    });

    it('give one entity for one row, and see what was changed before them', async () => {
      await database.transaction(async (em) => {
        const one = await em.findOneOrFail(thing, 't1');
        one.kind = 'changed';
        one.tags = ['new'];
        one.price = null;
        expect(await em.findOneOrFail(thing, 't1', { lockMode: LockMode.PESSIMISTIC_WRITE })).toBe(one);
        expect((await em.find(thing, { id: { $in: ['t1'] } }))[0]).toBe(one);
        em.create(thing, { id: 'new', kind: 'changed', size: 9, madeAt: 1, price: null, isOpen: true, tags: [], noteText: null });
        // A query flushes what was created.
        expect((await em.find(thing, { kind: 'changed' }, { orderBy: { id: 'asc' } })).map(({ id }) => id)).toEqual(['new', 't1']);
        const [apart] = await em.find(thing, { id: 't2' }, { disableIdentityMap: true });
        apart!.kind = 'lost';
      });
      expect(await database.read(async (em) => em.findOneOrFail(thing, 't1'))).toMatchObject({ kind: 'changed', tags: ['new'], price: null, isOpen: true });
      expect((await database.read(async (em) => em.findOneOrFail(thing, 't2'))).kind).toBe('c');
    });

    it('write only what changed, of rows with two keys too', async () => {
      await database.transaction(async (em) => {
        const row = await em.findOneOrFail(link, { fromId: 't1', toId: 't2' });
        row.weight += 1;
        await em.execute("update thing set size = 77 where id = 't3'");
        (await em.findOneOrFail(thing, 't3')).isOpen = false;
      });
      expect(await database.read(async (em) => em.findOneOrFail(link, { fromId: 't1', toId: 't2' }))).toMatchObject({ weight: 2 });
      await database.transaction(async (em) => {
        const row = await em.findOneOrFail(thing, 't4');
        row.noteText = null;
        await em.execute("update thing set size = 88 where id = 't4'");
      });
      expect(await database.read(async (em) => em.findOneOrFail(thing, 't4'))).toMatchObject({ size: 88, noteText: null });
      expect(await database.read(async (em) => em.findOneOrFail(thing, 't3'))).toMatchObject({ size: 77, isOpen: false });
    });

    it('delete what they name and say how much that was', async () => {
      await database.transaction(async (em) => {
        for (const n of [1, 2, 3, 4]) em.create(thing, { id: `d${n}`, kind: 'gone', size: n, madeAt: 1, price: null, isOpen: true, tags: [], noteText: null });
      });
      expect(await database.transaction(async (em) => em.nativeDelete(thing, { kind: 'gone', size: { $gte: 3 } }))).toBe(2);
      expect(await database.transaction(async (em) => em.nativeDelete(thing, { kind: 'gone', $or: [{ size: 1 }, { size: 9 }] }))).toBe(1);
      expect(await database.transaction(async (em) => em.nativeDelete(thing, { kind: 'gone', price: null, id: { $in: ['d2'] } }))).toBe(1);
      expect(await database.read(async (em) => em.count(thing, { kind: 'gone' }))).toBe(0);
    });

    it('hold a row that is locked until the commit', async () => {
      const order: string[] = [];
      const work = async (name: string) => database.transaction(async (em) => {
        const row = await em.findOneOrFail(thing, 't0', { lockMode: LockMode.PESSIMISTIC_WRITE });
        order.push(`${name} in`);
        await new Promise((resolve) => setTimeout(resolve, 30));
        row.size += 1;
        order.push(`${name} out`);
      });
      await Promise.all([work('a'), work('b')]);
      expect((await database.read(async (em) => em.findOneOrFail(thing, 't0'))).size).toBe(2);
      expect(order.at(-1)!.replace('out', 'in')).toBe(order.at(-2));
    });
  });
}
