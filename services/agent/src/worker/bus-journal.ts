import { DeclaredError, runs, type RunEntry } from '@deskhand/contracts';
import type { Bus } from '@deskhand/platform';
import type { Journal, Recorded } from '../loop/ports.ts';
import { RunAbandoned, unlessAbandoned } from '../loop/stop.ts';
import type { HeldRun } from './held-run.ts';

/** Errors of the journal that another try may not bring; more of them in a row are a fault of ours. */
const maximumFaults = 5;

/** The journal in `conversations`. While that is away, a record is repeated until the lease is over. */
export class BusJournal implements Journal {
  constructor(private readonly bus: Bus, private readonly held: HeldRun) {}

  async record(key: string, entries: RunEntry[]): Promise<Recorded> {
    const { run, stop } = this.held;
    for (let faults = 0; ; ) {
      if (!this.held.held) throw new RunAbandoned();
      try {
        return await unlessAbandoned(this.bus.request(runs.record, { run_id: run.run_id, epoch: run.epoch, key, entries }), stop);
      } catch (error) {
        if (!(error instanceof DeclaredError)) throw error;
        if (error.code === 'STALE_EPOCH' || error.code === 'NOT_FOUND') {
          this.held.abandon();
          throw new RunAbandoned();
        }
        const away = error.code === 'UNAVAILABLE' || error.code === 'TIMEOUT';
        if (!away && (error.code !== 'INTERNAL' || ++faults >= maximumFaults)) throw error;
        await unlessAbandoned(new Promise((resolve) => setTimeout(resolve, away ? 100 : 50 * faults)), stop);
      }
    }
  }
}
