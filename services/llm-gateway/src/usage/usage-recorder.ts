import { Log } from '@deskhand/platform';
import type { UsageRow } from '../database/entities.ts';
import { noUsage } from '../wire/token-usage.ts';
import { estimatedInput, type CallOutcome, type EndedCall, type ModelCall } from './model-call.ts';
import type { PriceTable } from './price-table.ts';
import type { UsageJournal } from './usage-journal.ts';

const batchMs = 50;
/** Where so many calls come at once, they share commits that are further apart. */
const crowd = 64;
const crowdMs = 200;
const largestBatch = 2_048;
const retryMs = 1_000;

/**
 * Keeps exactly one row for every model call. Rows reach the database in batches within about 50 ms, within 200 where many come
 * at once; until then, and while the database is away, the journal keeps them on disk, so that a kill loses none.
 */
export class UsageRecorder {
  private readonly pending: EndedCall[] = [];
  private timer: NodeJS.Timeout | null = null;
  private flushing: Promise<void> | null = null;
  private failures = 0;
  private crowded = false;

  constructor(
    private readonly store: (rows: readonly UsageRow[]) => Promise<void>,
    private readonly prices: PriceTable,
    private readonly journal: UsageJournal,
    private readonly log: Log,
  ) {}

  /** Stores what an earlier process left behind. Calls that it had begun and not ended count as `lost`, with an estimate of their input. */
  async recover(): Promise<void> {
    const { ended, begun } = this.journal.takeOver();
    const lost = begun.map((call) => endedCall(call, { status: 'lost', httpStatus: null, usage: { ...noUsage, uncachedInput: call.baseUrl === null ? 0 : estimatedInput(call.requestBytes) }, estimated: true, firstByteMs: null }, 0));
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
    this.journal.ended(ended);
    this.enqueue(ended);
    return ended;
  }

  /** Runs `act` once everything told before is on disk, at the latest when this turn of the event loop ends. */
  written(act: () => void): void {
    this.journal.written(act);
  }

  /** Stores everything that is waiting. */
  async flush(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.flushing ??= this.storePending().finally(() => { this.flushing = null; });
    await this.flushing;
  }

  async close(): Promise<void> {
    await this.flush();
    if (this.pending.length > 0) await this.flush();
    if (this.timer !== null) clearTimeout(this.timer);
    this.journal.close(this.pending.length === 0);
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
        await this.store(batch.map((call) => call.row));
      } catch (error) {
        if (this.failures++ === 0) this.log.warn('Usage cannot be stored at the moment; it is kept', { error });
        this.timer ??= setTimeout(() => void this.flush(), retryMs);
        return;
      }
      this.failures = 0;
      this.pending.splice(0, batch.length);
      this.journal.stored(batch.map((call) => call.row.id));
    }
  }
}

type AnyOutcome = Omit<CallOutcome, 'status'> & { status: CallOutcome['status'] | 'lost' };

function endedCall(call: ModelCall, outcome: AnyOutcome, durationMs: number): EndedCall {
  const row = {
    id: call.id, startedAt: call.startedAt, userId: call.run?.userId ?? null, conversationId: call.run?.conversationId ?? null, runId: call.run?.runId ?? null,
    keyHash: call.key?.hash ?? null, keyUser: call.key?.userId ?? null, keyTeam: call.key?.teamId ?? null,
    agent: call.agent ?? null, modelGroup: call.group ?? null,
    source: call.route.source, provider: call.route.provider, model: kept(call.route.model), wire: call.wire, stream: call.stream, status: outcome.status, httpStatus: outcome.httpStatus,
    ...outcome.usage, estimated: outcome.estimated, cost: null, firstByteMs: outcome.firstByteMs, durationMs,
  };
  return { row, baseUrl: call.baseUrl, officialPrices: call.officialPrices, ...(call.prices && { prices: call.prices }), ...(call.baseModel != null && { baseModel: call.baseModel }), ...(outcome.status === 'lost' && call.reserved !== undefined && { least: call.reserved }) };
}

/** A name that a provider stated, as every database keeps it: one that it refuses would hold up all rows after it. */
const kept = (name: string): string => name.replaceAll('\0', '').slice(0, 400);
