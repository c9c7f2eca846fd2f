import { DeclaredError } from '@deskhand/contracts';
import type { EntityManager } from '@mikro-orm/sql';
import type { Constructor, EntitySchema, MikroORM } from '@mikro-orm/core';
import type { Migration } from '@mikro-orm/migrations';
import { Log } from '../log.ts';
import { queryDirectly, updateDirectly } from './direct-statements.ts';

export interface DatabaseOptions {
  /** `sqlite:/file` or `postgres://…?schema=name`. */
  url: string;
  entities: readonly EntitySchema[];
  /** In order; names never change once released. */
  migrations: readonly { name: string; class: Constructor<Migration> }[];
  /** Told what the operator has to do something about. */
  log?: Log;
}

interface PendingRows {
  columns: string[];
  values: (string | number | null)[][];
}

const attempts = 12;
/** A disk stays full for a while; one line in so many milliseconds says enough. */
const fullEveryMs = 10_000;

/**
 * A service's own database. SQLite: one file, WAL, every commit on disk before it counts. PostgreSQL: one schema.
 * Entity managers live for one call of `transaction` or `read` and must not leave it.
 */
export class Database {
  private readonly afterCommit = new WeakMap<EntityManager, (() => void)[]>();
  private readonly pending = new WeakMap<EntityManager, Map<string, PendingRows>>();
  private fullSaidAt = -Infinity;

  constructor(readonly orm: MikroORM, readonly dialect: 'sqlite' | 'postgres', private readonly log: Log = new Log()) {
    updateDirectly(orm);
  }

  /** Connects and migrates. Instances that start together migrate one after the other. */
  static async open(options: DatabaseOptions): Promise<Database> {
    if (options.url.startsWith('sqlite:')) {
      const { openSqlite } = await import('./sqlite.ts');
      return new Database(await openSqlite(options), 'sqlite', options.log);
    }
    const { openPostgres } = await import('./postgres.ts');
    return new Database(await openPostgres(options), 'postgres', options.log);
  }

  /**
   * Commits all of `work` or nothing. Where the database could not serialise it with others it is run again, so `work`
   * must do nothing outside the database. `UNAVAILABLE` when the disk is full: nothing was saved.
   */
  async transaction<Result>(work: (em: EntityManager) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      const listeners: (() => void)[] = [];
      try {
        const result = await (this.orm.em.fork() as EntityManager).transactional(async (em) => {
          queryDirectly(em, this.dialect);
          this.afterCommit.set(em, listeners);
          const result = await work(em);
          await this.writePending(em);
          return result;
        });
        for (const listener of listeners) listener();
        return result;
      } catch (error) {
        if (hasCode(error, fullCodes)) throw this.full(error);
        if (attempt >= attempts || !hasCode(error, serializationCodes)) throw error;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(10 * 2 ** attempt, 250)));
      }
    }
  }

  /**
   * As `transaction`, for work that locks the rows its decisions rest on: on PostgreSQL it waits there for others and then sees what they
   * committed, instead of failing and being run again. SQLite has one writer at a time anyhow.
   */
  async lockingTransaction<Result>(work: (em: EntityManager) => Promise<Result>): Promise<Result> {
    return this.transaction(async (em) => {
      if (this.dialect === 'postgres') await em.execute('set transaction isolation level read committed');
      return work(em);
    });
  }

  async read<Result>(work: (em: EntityManager) => Promise<Result>): Promise<Result> {
    const em = this.orm.em.fork() as EntityManager;
    queryDirectly(em, this.dialect);
    return work(em);
  }

  /** Milliseconds by the database's clock: the one clock that all instances share. */
  async now(em: EntityManager): Promise<number> {
    if (this.dialect === 'sqlite') return Date.now();
    const [row] = await em.execute<{ now: string }[]>('select floor(extract(epoch from clock_timestamp()) * 1000) as now');
    return Number(row!.now);
  }

  /** Calls `listener` once the transaction of `em` is committed; never when it is not. */
  onCommit(em: EntityManager, listener: () => void): void {
    const listeners = this.afterCommit.get(em);
    if (listeners === undefined) throw new Error('This entity manager belongs to no transaction');
    listeners.push(listener);
  }

  /**
   * Adds a row that the transaction itself never reads back, such as an entry of a log: written at its end, all rows of a
   * table in one statement, past the unit of work. JSON goes in as text.
   */
  appendRow(em: EntityManager, table: string, row: Readonly<Record<string, string | number | null>>): void {
    const tables = this.pending.get(em) ?? new Map<string, PendingRows>();
    this.pending.set(em, tables);
    const rows = tables.get(table) ?? { columns: Object.keys(row), values: [] };
    tables.set(table, rows);
    rows.values.push(rows.columns.map((column) => row[column] ?? null));
  }

  async check(): Promise<void> {
    await this.read(async (em) => em.execute('select 1'));
  }

  private full(cause: unknown): DeclaredError {
    if (Date.now() - this.fullSaidAt > fullEveryMs) {
      this.fullSaidAt = Date.now();
      this.log.error('The disk of the database is full: nothing is saved until there is space again', { error: cause });
    }
    return new DeclaredError('UNAVAILABLE', 'The disk of the server is full, so nothing was saved. Free some space there and try again', undefined, { cause });
  }

  private async writePending(em: EntityManager): Promise<void> {
    const tables = this.pending.get(em);
    if (tables === undefined) return;
    // What the rows refer to must be there first.
    await em.flush();
    for (const [table, { columns, values }] of tables) {
      const places = `(${columns.map(() => '?').join(', ')})`;
      await em.execute(`insert into ${table} (${columns.join(', ')}) values ${values.map(() => places).join(', ')}`, values.flat());
    }
  }

  async close(): Promise<void> {
    await this.orm.close();
  }
}

/** Codes by which a database says: it was the others, try again. */
const serializationCodes = new Set<unknown>(['40001', '40P01', 'SQLITE_BUSY', 'SQLITE_BUSY_SNAPSHOT']);
/** And by which it says that there is no room. */
const fullCodes = new Set<unknown>(['53100', 'SQLITE_FULL', 'ENOSPC']);

function hasCode(error: unknown, codes: ReadonlySet<unknown>): boolean {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth++) if (codes.has((current as { code?: unknown }).code)) return true;
  return false;
}
