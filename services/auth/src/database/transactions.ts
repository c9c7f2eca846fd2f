import { Database, type EntityManager } from '@deskhand/platform';
import { Injectable } from '@nestjs/common';

/** Any number will do as long as all instances use the same. */
const accountsLock = 5_120_871;

/**
 * Transactions that wait for one another instead of failing when many people sign in at once. On PostgreSQL each sees what
 * is committed and locks the rows its decision rests on; SQLite has one writer at a time anyhow.
 */
@Injectable()
export class Transactions {
  constructor(private readonly database: Database) {}

  run<Result>(work: (em: EntityManager) => Promise<Result>): Promise<Result> {
    return this.database.lockingTransaction(work);
  }

  /** One at a time over all instances: for what depends on which accounts there are. */
  alone<Result>(work: (em: EntityManager) => Promise<Result>): Promise<Result> {
    return this.run(async (em) => {
      if (this.database.dialect === 'postgres') await em.execute(`select pg_advisory_xact_lock(${accountsLock})`);
      return work(em);
    });
  }
}
