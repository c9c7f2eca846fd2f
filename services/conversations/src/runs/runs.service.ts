import { Injectable } from '@nestjs/common';
import { DeclaredError, runInterrupted, type InputOf, type Message, type OutputOf, type runs as contracts } from '@deskhand/contracts';
import { Bus, Database, Metrics, type EntityManager } from '@deskhand/platform';
import { forWriting, owned } from '../conversations/conversations.service.ts';
import { databaseNow, timestamp } from '../database/clock.ts';
import { branchEntity, conversationEntity, messageEntity, openBlockEntity, runEntity, toolCallEntity, workerEntity, type RunRow } from '../database/entities.ts';
import { Grants } from '../grants/grants.service.ts';
import { Timeline } from '../timeline/timeline.ts';
import { ClaimService, leaseMs } from './claim.service.ts';
import { Ending } from './ending.ts';

type Contracts = typeof contracts;

/** What workers and people ask of runs beside claiming and recording. */
@Injectable()
export class RunsService {
  constructor(private readonly database: Database, private readonly bus: Bus, private readonly claims: ClaimService, private readonly ending: Ending, private readonly grants: Grants, private readonly timeline: Timeline, metrics: Metrics) {
    metrics.add({ name: 'deskhand_runs_open', help: 'Runs that have not ended', type: 'gauge', read: async () => this.openRuns() });
  }

  private async openRuns(): Promise<{ value: number; labels: { state: string } }[]> {
    const rows = await this.database.read(async (em) => em.execute<{ state: string; count: number | string }[]>("select state, count(*) as count from run where state <> 'ended' group by state"));
    return ['queued', 'active', 'parked'].map((state) => ({ value: Number(rows.find((row) => row.state === state)?.count ?? 0), labels: { state } }));
  }

  async begin({ worker_id, instance }: InputOf<Contracts['begin']>): Promise<void> {
    await this.database.transaction(async (em) => {
      const place = await em.findOne(workerEntity, instance);
      if (place === null) em.create(workerEntity, { instance, workerId: worker_id, begunAt: timestamp() });
      if (place === null || place.workerId === worker_id) return;
      for (const run of await em.find(runEntity, { state: 'active', workerId: place.workerId })) this.letGo(em, run);
      Object.assign(place, { workerId: worker_id, begunAt: timestamp() });
    });
  }

  async heartbeat({ worker_id, runs }: InputOf<Contracts['heartbeat']>): Promise<OutputOf<Contracts['heartbeat']>> {
    return this.database.transaction(async (em) => {
      const until = (await databaseNow(this.database, em)) + leaseMs;
      const rows = new Map((await em.find(runEntity, { id: { $in: runs.map((run) => run.run_id) } })).map((row) => [row.id, row]));
      const branches = new Map((await em.find(branchEntity, { id: { $in: [...rows.values()].map((row) => row.branchId) } })).map((row) => [row.id, row]));
      return {
        runs: await Promise.all(runs.map(async ({ run_id, epoch }) => {
          const row = rows.get(run_id);
          if (row === undefined || row.state !== 'active' || row.epoch !== epoch || row.workerId !== worker_id) return { run_id, held: false, interrupt: false, lease_ms: 0, grant: '' };
          row.leaseUntil = until;
          const grant = await this.grants.sign(row.userId, row.conversationId, branches.get(row.branchId)!.computerId, ['computer:run']);
          return { run_id, held: true, interrupt: row.interrupt, lease_ms: leaseMs, grant };
        })),
      };
    });
  }

  async checkpoint({ worker_id, blocks }: InputOf<Contracts['checkpoint']>): Promise<OutputOf<Contracts['checkpoint']>> {
    return this.database.transaction(async (em) => {
      const rows = new Map((await em.find(runEntity, { id: { $in: blocks.map((block) => block.run_id) } })).map((row) => [row.id, row]));
      const open = new Map((await em.find(openBlockEntity, { block: { $in: blocks.map((part) => part.block) } })).map((row) => [`${row.block} ${row.attempt}`, row]));
      const behind: { block: string; length: number }[] = [];
      for (const part of blocks) {
        const run = rows.get(part.run_id);
        if (run === undefined || run.state !== 'active' || run.epoch !== part.epoch || run.workerId !== worker_id) continue;
        const key = `${part.block} ${part.attempt}`;
        const saved = open.get(key);
        const length = saved?.text.length ?? 0;
        if (part.offset > length) behind.push({ block: part.block, length });
        else if (saved !== undefined) saved.text += part.text.slice(length - part.offset);
        else if (!(await this.isOver(em, run, part))) {
          open.set(key, em.create(openBlockEntity, { block: part.block, attempt: part.attempt, conversationId: run.conversationId, runId: run.id, kind: part.kind, toolCallId: part.tool_call_id ?? null, text: part.text }));
        }
      }
      return { behind };
    });
  }

  /** A repeat that was on its way while the block was closed must not open it again. */
  private async isOver(em: EntityManager, run: RunRow, { step, tool_call_id }: InputOf<Contracts['checkpoint']>['blocks'][number]): Promise<boolean> {
    if (tool_call_id !== undefined) return (await em.findOne(toolCallEntity, { id: tool_call_id, runId: run.id }))?.state === 'ended';
    return step !== undefined && step < run.step;
  }

  async history({ run_id, epoch, before }: InputOf<Contracts['history']>): Promise<{ messages: Message[]; complete: boolean }> {
    return this.database.read(async (em) => {
      const run = await heldRun(em, run_id, epoch);
      const mark = await em.findOne(messageEntity, { id: before, branchId: run.branchId });
      if (mark === null) throw new DeclaredError('NOT_FOUND', 'No such message');
      return this.claims.history(em, run.branchId, { runId: mark.runId ?? run.id, seq: mark.seq });
    });
  }

  async release({ worker_id, runs }: InputOf<Contracts['release']>): Promise<void> {
    await this.database.transaction(async (em) => {
      for (const { run_id, epoch } of runs) {
        const run = await em.findOne(runEntity, { id: run_id, epoch, state: 'active', workerId: worker_id });
        if (run !== null) this.letGo(em, run);
      }
    });
  }

  /** Still active, without an owner: the next claim takes it over with all the care of a take-over. */
  private letGo(em: EntityManager, run: RunRow): void {
    Object.assign(run, { leaseUntil: 0, workerId: null });
    this.ending.wake(em, run.id);
  }

  /** Stops a run: at once when nobody works on it, else by telling its worker. A run that has ended stays as it is. */
  async interrupt(userId: string, conversationId: string, runId: string): Promise<void> {
    await this.database.transaction(async (em) => {
      const conversation = await owned(em, userId, conversationId, 'write');
      const run = await em.findOne(runEntity, { id: runId, conversationId });
      if (run === null) throw new DeclaredError('NOT_FOUND', 'No such run');
      if (run.state === 'queued' || run.state === 'parked') return this.ending.run(em, conversation, run, 'interrupted');
      if (run.state !== 'active') return;
      run.interrupt = true;
      this.database.onCommit(em, () => void this.bus.emit(runInterrupted, { run_id: runId }).catch(() => {}));
    });
  }

  /** Ends a run that nobody has begun and removes what was said to it, so that no later run reads it. Doing it again changes nothing. */
  async withdraw(userId: string, conversationId: string, runId: string): Promise<void> {
    await this.database.transaction(async (em) => {
      const conversation = await owned(em, userId, conversationId, 'write');
      const run = await em.findOne(runEntity, { id: runId, conversationId });
      if (run === null) throw new DeclaredError('NOT_FOUND', 'No such run');
      const messages = await em.find(messageEntity, { runId: run.id });
      if (messages.length === 0) return;
      if (run.state !== 'queued' || run.epoch > 0) throw new DeclaredError('CONFLICT', 'This message is being answered already: stop the run instead');
      for (const message of messages) {
        this.timeline.append(em, conversation, 'message-withdrawn', { run_id: run.id, message_id: message.id });
        em.remove(message);
      }
      await this.ending.run(em, conversation, run, 'interrupted');
    });
  }
}

/** The run, if this epoch still owns it. */
export async function heldRun(em: EntityManager, runId: string, epoch: number): Promise<RunRow> {
  const run = await em.findOne(runEntity, runId);
  if (run === null) throw new DeclaredError('NOT_FOUND', 'This run is gone');
  if (run.epoch !== epoch || run.state !== 'active') throw new DeclaredError('STALE_EPOCH', 'Another worker has taken this run over, or it has ended');
  return run;
}

export async function conversationOf(em: EntityManager, run: RunRow) {
  return em.findOneOrFail(conversationEntity, run.conversationId, forWriting);
}
