import type { Database, EntityManager } from '@deskhand/platform';

/** Milliseconds by the database's clock: the one clock that all instances share. */
export async function databaseNow(database: Database, em: EntityManager): Promise<number> {
  if (database.dialect === 'sqlite') return Date.now();
  const [row] = await em.execute<{ now: string }[]>('select floor(extract(epoch from clock_timestamp()) * 1000) as now');
  return Number(row!.now);
}

export function timestamp(): string {
  return new Date().toISOString();
}
