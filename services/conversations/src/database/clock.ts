import type { Database, EntityManager } from '@deskhand/platform';

/** Milliseconds by the database's clock: the one clock that all instances share. */
export function databaseNow(database: Database, em: EntityManager): Promise<number> {
  return database.now(em);
}

export function timestamp(): string {
  return new Date().toISOString();
}
