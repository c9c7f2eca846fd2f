import { Log } from '@deskhand/platform';
import { Inject, Injectable } from '@nestjs/common';
import { KeyCache } from '../keys/key-cache.ts';
import { Router } from '../routing/router.ts';
import { Instances } from './instances.ts';
import { LimitLedger } from './limit-ledger.ts';
import { LimitsRepository } from './limits.repository.ts';

/** How often the slots that are held of limits are kept for another while. */
const renewMs = 3_000;

/** Brings this instance among the others and takes it out again. */
@Injectable()
export class InstancesService {
  private renewing: NodeJS.Timeout | null = null;

  constructor(
    @Inject(Instances) private readonly instances: Instances,
    @Inject(LimitLedger) private readonly ledger: LimitLedger,
    @Inject(LimitsRepository) private readonly shares: LimitsRepository,
    @Inject(KeyCache) private readonly keys: KeyCache,
    @Inject(Router) private readonly router: Router,
    @Inject(Log) private readonly log: Log,
  ) {}

  /** What rests elsewhere rests here soon after. */
  async join(): Promise<void> {
    const { instances, ledger, router, keys } = this;
    await instances.join({ release: async (limitId) => ledger.release(limitId), learned: (deployments) => router.learned(deployments), resting: () => router.resting(), keysChanged: () => keys.clear() });
    router.tell = (news) => instances.learn(news);
    this.renewing = setInterval(() => void ledger.renew().catch((error: unknown) => this.log.warn('Slots of limits could not be kept', { error })), renewMs).unref();
  }

  /** Gives back what this instance holds. */
  async leave(): Promise<void> {
    if (this.renewing !== null) clearInterval(this.renewing);
    await this.instances.leave();
    await this.shares.end();
  }
}
