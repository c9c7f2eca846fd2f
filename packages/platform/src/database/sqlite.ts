import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { MikroORM } from '@mikro-orm/sqlite';
import { Migrator } from '@mikro-orm/migrations';
import BetterSqlite3, { type Statement } from 'better-sqlite3';
import { CompiledQuery, SqliteDialect, type Driver } from 'kysely';
import { bindParameters, type StatementRunner } from './bind-parameters.ts';
import type { DatabaseOptions } from './database.ts';

/**
 * Takes the write lock when a transaction begins. A deferred transaction that reads first and then writes fails at once
 * when another process wrote in between, however long it would be willing to wait. One that SQLite has ended by itself, as
 * it does when the disk is full, is over: ending it again must not fail, or the one connection would never be given back.
 */
class ImmediateSqliteDialect extends SqliteDialect {
  override createDriver(): Driver {
    const driver = super.createDriver();
    driver.beginTransaction = async (connection) => {
      await connection.executeQuery(CompiledQuery.raw('begin immediate'));
    };
    driver.rollbackTransaction = async (connection) => {
      await connection.executeQuery(CompiledQuery.raw('rollback')).catch((error: unknown) => {
        if (!(error instanceof Error) || !error.message.includes('no transaction is active')) throw error;
      });
    };
    return driver;
  }
}

export async function openSqlite(options: DatabaseOptions): Promise<MikroORM> {
  const file = options.url.slice('sqlite:'.length);
  if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const orm = await MikroORM.init({
    dbName: file,
    entities: [...options.entities],
    extensions: [Migrator],
    migrations: { migrationsList: [...options.migrations], snapshot: false, silent: true },
    driverOptions: new ImmediateSqliteDialect({ database: async () => connectFile(file) }) as never,
  } as never);
  await (orm as unknown as { migrator: Migrator }).migrator.up();
  bindParameters(orm.em.getConnection() as unknown as StatementRunner);
  return orm as unknown as MikroORM;
}

function connectFile(file: string): BetterSqlite3 {
  const database = new BetterSqlite3(file, { timeout: 5_000 });
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.pragma('foreign_keys = ON');
  database.pragma('busy_timeout = 5000');
  database.pragma('cache_size = -8000');
  return keepStatements(database);
}

const maximumStatements = 500;

/** Statements without parameters that are seen again; any other has its values written in. */
const words = new Set(['begin', 'begin immediate', 'commit', 'rollback']);

/** Compiling a statement takes longer than running it, and a service runs the same few over and over. */
function keepStatements(database: BetterSqlite3): BetterSqlite3 {
  const prepare = database.prepare.bind(database);
  const kept = new Map<string, ReturnType<typeof prepare>>();
  database.prepare = (source) => {
    const known = kept.get(source);
    if (known !== undefined) return known;
    const statement = rowsAtOnce(prepare(source));
    if (!source.includes('?') && !words.has(source)) return statement;
    if (kept.size >= maximumStatements) kept.delete(kept.keys().next().value!);
    kept.set(source, statement);
    return statement;
  };
  return database;
}

/** better-sqlite3 compiles a function for the rows of some statements anew each time they run: as arrays they need none. */
function rowsAtOnce(statement: Statement): Statement {
  if (!statement.reader) return statement;
  const all = statement.raw(true).all.bind(statement);
  const names = statement.columns().map((column) => column.name);
  statement.all = (parameters) => (all(parameters) as unknown[][]).map((values) => {
    const row: Record<string, unknown> = {};
    for (let index = 0; index < names.length; index++) row[names[index]!] = values[index];
    return row;
  });
  return statement;
}
