import { Lifecycle, Log } from '@deskhand/platform';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Clock } from './clock.ts';
import { sessionEntity } from './database/entities.ts';
import { Transactions } from './database/transactions.ts';
import { RateLimits } from './limits/rate-limits.ts';

const everyMs = 3_600_000;
/** Ended sessions are kept this long, because access tokens made from them may still be about. */
const keptMs = 24 * 3_600_000;

/** Removes, once an hour, what nobody will ask for again. Any number of instances may do it side by side. */
@Injectable()
export class Maintenance implements OnApplicationBootstrap {
  constructor(
    private readonly transactions: Transactions,
    private readonly rateLimits: RateLimits,
    private readonly clock: Clock,
    private readonly lifecycle: Lifecycle,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    const timer = setInterval(() => {
      this.run().catch((error: unknown) => this.log.warn('Old sessions could not be removed; the next hour tries again', { error }));
    }, everyMs);
    timer.unref();
    this.lifecycle.onDrain(10, async () => clearInterval(timer));
  }

  async run(): Promise<void> {
    const before = this.clock.now() - keptMs;
    await this.transactions.run(async (em) => em.nativeDelete(sessionEntity, { $or: [{ expiresAt: { $lt: before } }, { revokedAt: { $lt: before } }] }));
    await this.rateLimits.prune();
  }
}
