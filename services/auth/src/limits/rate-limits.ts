import { createHash } from 'node:crypto';
import { DeclaredError } from '@deskhand/contracts';
import type { EntityManager } from '@deskhand/platform';
import { Injectable } from '@nestjs/common';
import { Clock } from '../clock.ts';
import { attemptCounterEntity } from '../database/entities.ts';
import { Transactions } from '../database/transactions.ts';
import { waitFor, type Limit } from './limit.ts';

export interface Attempt {
  limit: Limit;
  /** The account name or address group that it counts for. */
  subject: string;
}

/** Counts attempts in the database, so that neither a restart nor a second instance gives anybody new ones. */
@Injectable()
export class RateLimits {
  constructor(
    private readonly transactions: Transactions,
    private readonly clock: Clock,
  ) {}

  /** Counts all of these or none. Throws `RATE_LIMITED` with the seconds to wait when one of them has no attempt left. */
  async take(attempts: readonly Attempt[]): Promise<void> {
    // Always in one order, so that two transactions never wait for one another.
    const counters = attempts.map((attempt) => ({ ...attempt, id: counterId(attempt) })).sort((a, b) => (a.id < b.id ? -1 : 1));
    await this.transactions.run(async (em) => {
      for (const { id, limit } of counters) await this.takeOne(em, id, limit);
    });
  }

  /** Gives attempts back, after a success. */
  async giveBack(attempts: readonly Attempt[]): Promise<void> {
    await this.transactions.run(async (em) => {
      for (const attempt of attempts) await em.execute('update attempt_counters set empty_at = empty_at - ? where id = ?', [attempt.limit.everyMs, counterId(attempt)]);
    });
  }

  /** Forgets the attempts of one subject, for example because its password is new. */
  async forget(attempt: Attempt): Promise<void> {
    await this.transactions.run(async (em) => em.nativeDelete(attemptCounterEntity, { id: counterId(attempt) }));
  }

  /** Removes counters that say nothing any more. */
  async prune(): Promise<void> {
    await this.transactions.run(async (em) => em.nativeDelete(attemptCounterEntity, { emptyAt: { $lt: this.clock.now() } }));
  }

  private async takeOne(em: EntityManager, id: string, limit: Limit): Promise<void> {
    const now = this.clock.now();
    // One statement decides and counts: no two attempts can both take the last place.
    const taken = await em.execute<{ id: string }[]>(
      `insert into attempt_counters (id, empty_at) values (?, ?) on conflict (id) do update
       set empty_at = case when attempt_counters.empty_at > ? then attempt_counters.empty_at else ? end + ?
       where attempt_counters.empty_at <= ? returning id`,
      [id, now + limit.everyMs, now, now, limit.everyMs, now + (limit.burst - 1) * limit.everyMs],
    );
    if (taken.length > 0) return;
    const counter = await em.findOneOrFail(attemptCounterEntity, { id });
    const seconds = Math.max(1, Math.ceil(waitFor(limit, counter.emptyAt, now) / 1_000));
    throw new DeclaredError('RATE_LIMITED', `Too many attempts. Try again in ${seconds} seconds`, { retry_after_seconds: seconds });
  }
}

/** Hashed, because people type passwords where names belong. */
function counterId({ limit, subject }: Attempt): string {
  return `${limit.name}:${createHash('sha256').update(subject).digest('base64url')}`;
}
