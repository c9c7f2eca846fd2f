import { Log } from '@deskhand/platform';
import type { UsageRow } from '../database/entities.ts';
import { noUsage } from '../wire/token-usage.ts';
import { endedCall } from './ended-call.ts';
import { estimatedInput, type CallOutcome, type EndedCall, type ModelCall } from './model-call.ts';
import type { PriceTable } from './price-table.ts';
import type { UsageJournal } from './usage-journal.ts';

const batchMs = 50;
/** Where so many calls come at once, they share commits that are further apart. */
const crowd = 64;
const crowdMs = 500;
const largestBatch = 4_096;
const retryMs = 1_000;

/**
 * Keeps exactly one row for every model call. Rows reach the database in batches within about 50 ms, within half a second where
 * many come at once; until then, and while the database is away, the journal keeps them on disk, so that a kill loses none.
 */
export class UsageRecorder {
  private readonly pending: EndedCall[] = [];
  private timer: NodeJS.Timeout | null = null;
  private flushing: Promise<void> | null = null;
  private failures = 0;
  private crowded = false;
  /** Some of what is pending may be stored already: by the process before this one, or in a commit whose answer never came. */
  private doubtful = false;

  constructor(
    private readonly store: (rows: readonly UsageRow[], mayBeThere: boolean) => Promise<void>,
    private readonly prices: PriceTable,
    private readonly journal: UsageJournal,
    private readonly log: Log,
  ) {}

  /** Stores what an earlier process left behind. Calls that it had begun and not ended count as `lost`, with an estimate of their input. */
  async recover(): Promise<void> {
    const found = this.journal.takeOver();
    this.doubtful = found.length > 0;
    const ended = found.flatMap((entry) => entry.ended ?? []);
    const lost = found.filter((entry) => entry.ended === null).map(({ call }) => endedCall(call, { status: 'lost', httpStatus: null, usage: { ...noUsage, uncachedInput: call.baseUrl === null ? 0 : estimatedInput(call.requestBytes) }, estimated: true, firstByteMs: null }, 0));
    if (ended.length + lost.length > 0) this.log.info('Usage of an earlier process is stored', { ended: ended.length, lost: lost.length });
    for (const call of [...ended, ...lost]) this.enqueue(call);
    await this.flush();
  }

  begin(call: ModelCall): void {
    if (call.baseUrl !== null) this.prices.warm();
    this.journal.begun(call);
  }

  /** The call as it is kept; its cost may come later. */
  end(call: ModelCall, outcome: CallOutcome): EndedCall {
    const ended = endedCall(call, outcome, performance.now() - call.startedMark);
    const cost = this.prices.cost(ended);
    if (!(cost instanceof Promise)) {
      ended.row.cost = cost;
      ended.priced = true;
      // Only a price that is still to be found depends on it.
      if (ended.prices) ended.prices = null;
    }
    this.journal.ended(call, ended);
    this.enqueue(ended);
    return ended;
  }

  /** Answers once everything told before is on disk, at the latest when this turn of the event loop ends. An answer that cannot be given is broken off, and others go on. */
  written(response: { destroy(): unknown }, answer: () => void): void {
    this.journal.written(() => {
      try {
        answer();
      } catch (error) {
        this.log.error('An answer could not be given', { error });
        response.destroy();
      }
    });
  }

  /** Stores everything that is waiting. */
  async flush(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.flushing ??= this.storePending().finally(() => { this.flushing = null; });
    await this.flushing;
  }

  /** Whether everything is stored. */
  async close(): Promise<boolean> {
    await this.flush();
    if (this.pending.length > 0) await this.flush();
    if (this.timer !== null) clearTimeout(this.timer);
    this.journal.close(this.pending.length === 0);
    return this.pending.length === 0;
  }

  private enqueue(call: EndedCall): void {
    this.pending.push(call);
    this.timer ??= setTimeout(() => void this.flush(), this.crowded ? crowdMs : batchMs);
  }

  private async storePending(): Promise<void> {
    while (this.pending.length > 0) {
      const batch = this.pending.slice(0, largestBatch);
      this.crowded = batch.length >= crowd;
      try {
        for (const call of batch) if (call.priced !== true) call.row.cost = await this.prices.cost(call);
        await this.store(batch.map((call) => call.row), this.doubtful);
      } catch (error) {
        this.doubtful = true;
        if (this.failures++ === 0) this.log.warn('Usage cannot be stored at the moment; it is kept', { error });
        this.timer ??= setTimeout(() => void this.flush(), retryMs);
        return;
      }
      this.failures = 0;
      this.pending.splice(0, batch.length);
      this.doubtful &&= this.pending.length > 0;
      this.journal.stored(batch);
    }
  }
}
