import { MikroORM } from '@mikro-orm/postgresql';
import { Migrator } from '@mikro-orm/migrations';
import type { DatabaseOptions } from './database.ts';

/** Any number will do as long as all instances use the same. */
const migrationLock = 4_716_203;

export async function openPostgres(options: DatabaseOptions): Promise<MikroORM> {
  const url = new URL(options.url);
  const schema = url.searchParams.get('schema') ?? 'public';
  if (!/^[a-z_][a-z0-9_]*$/.test(schema)) throw new Error(`The schema name ${schema} is not usable`);
  url.searchParams.delete('schema');
  const orm = await MikroORM.init({
    clientUrl: url.toString(),
    entities: [...options.entities],
    extensions: [Migrator],
    pool: { min: 0, max: 10 },
    // Unqualified names in migrations and queries mean the service's own schema.
    driverOptions: { options: `-c search_path=${schema} -c default_transaction_isolation=serializable` } as never,
    // Named with its schema: the migrator looks for its table in `public` otherwise, and makes it a second time.
    migrations: { tableName: `${schema}.mikro_orm_migrations`, migrationsList: [...options.migrations], snapshot: false, silent: true },
  } as never) as unknown as MikroORM;
  const em = orm.em.fork() as unknown as import('@mikro-orm/sql').EntityManager;
  await em.transactional(async (locked) => {
    await locked.execute(`select pg_advisory_xact_lock(${migrationLock})`);
    await (orm.em.fork() as unknown as typeof em).execute(`create schema if not exists ${schema}`);
    await (orm as unknown as { migrator: Migrator }).migrator.up();
  }, { isolationLevel: 'read committed' as never });
  return orm;
}
