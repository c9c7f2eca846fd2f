import { Injectable } from '@nestjs/common';
import { DeclaredError, newId, textOf, type InputOf, type OutputOf, type RunEntry, type runs as contracts } from '@deskhand/contracts';
import { Database, type EntityManager } from '@deskhand/platform';
import { messageView } from '../conversations/views.ts';
import { databaseNow, timestamp } from '../database/clock.ts';
import { approvalEntity, branchEntity, messageEntity, openBlockEntity, runEntity, toolCallEntity, type ConversationRow, type RunRow, type ToolCallRow } from '../database/entities.ts';
import { isDriven } from '../desktop/lease-row.ts';
import { MessagesService } from '../messages/messages.service.ts';
import { Timeline } from '../timeline/timeline.ts';
import { Abandon } from './abandon.ts';
import { Ending } from './ending.ts';
import { conversationOf } from './runs.service.ts';

type EntryOf<Type extends RunEntry['type']> = Extract<RunEntry, { type: Type }>;

/** The journal: what a worker writes before it acts and after. One transaction a record, in order, once a key. */
@Injectable()
export class RecordService {
  constructor(private readonly database: Database, private readonly messages: MessagesService, private readonly timeline: Timeline, private readonly ending: Ending, private readonly abandon: Abandon) {}

  async record({ run_id, epoch, key, entries }: InputOf<typeof contracts.record>): Promise<OutputOf<typeof contracts.record>> {
    return this.database.transaction(async (em) => {
      const run = await em.findOne(runEntity, run_id);
      if (run === null) throw new DeclaredError('NOT_FOUND', 'This run is gone');
      // A repeat is answered even when the first one ended the run; another owner's repeat is not.
      const done = run.epoch === epoch ? await this.recorded(em, run_id, `${epoch}:${key}`) : null;
      if (done !== null) return { steering: await this.messagesById(em, done), interrupt: run.interrupt };
      if (run.epoch !== epoch || run.state !== 'active') throw new DeclaredError('STALE_EPOCH', 'Another worker has taken this run over, or it has ended');
      const conversation = await conversationOf(em, run);
      for (const entry of entries) await this.apply(em, conversation, run, entry);
      const steering = entries.some((entry) => entry.type === 'step-ended' || entry.type === 'tool-call-ended') && run.state === 'active' ? await em.find(messageEntity, { runId: run.id, steering: true }, { orderBy: { seq: 'asc' } }) : [];
      for (const message of steering) message.steering = false;
      this.database.appendRow(em, 'run_record', { run_id, key: `${epoch}:${key}`, steering: JSON.stringify(steering.map((message) => message.id)) });
      const driven = entries.some((entry) => entry.type === 'step-ended' && entry.blocks.some((block) => block.type === 'tool_call')) && (await this.driven(em, run));
      return { steering: steering.map(messageView), interrupt: run.interrupt, ...(driven && { driven }) };
    });
  }

  private async apply(em: EntityManager, conversation: ConversationRow, run: RunRow, entry: RunEntry): Promise<void> {
    switch (entry.type) {
      case 'step-ended': return this.stepEnded(em, conversation, run, entry);
      case 'tool-call-started': return this.toolCallStarted(em, conversation, run, entry);
      case 'tool-call-ended': return this.ending.toolCall(em, conversation, run, await this.call(em, run, entry.tool_call_id), entry);
      case 'approval-requested': return this.approvalRequested(em, conversation, run, entry);
      case 'run-parked': return this.runParked(em, run);
      case 'run-ended': return this.runEnded(em, conversation, run, entry);
      case 'notice-added': return this.noticeAdded(em, conversation, run, entry);
      case 'block-abandoned': return this.abandon.one(em, conversation, run, entry.block, entry.attempt);
    }
  }

  private async stepEnded(em: EntityManager, conversation: ConversationRow, run: RunRow, entry: EntryOf<'step-ended'>): Promise<void> {
    if (entry.step !== run.step) throw new DeclaredError('BAD_INPUT', `Step ${entry.step} was recorded where step ${run.step} is next`);
    run.step += 1;
    let position = 0;
    for (const block of entry.blocks) {
      if (block.type !== 'tool_call') continue;
      em.create(toolCallEntity, {
        id: block.tool_call_id, conversationId: conversation.id, runId: run.id, step: entry.step, position: position++, name: block.name, arguments: block.arguments, invalidArguments: block.invalid_arguments ?? null, state: 'proposed', block: null, attempt: null,
      });
    }
    if (entry.blocks.length > 0) {
      this.messages.add(em, conversation, { id: entry.message_id, role: 'assistant', runId: run.id, branchId: run.branchId, content: textOf(entry.blocks), blocks: entry.blocks, cut: entry.cut, model: entry.model });
    }
    await em.nativeDelete(openBlockEntity, { runId: run.id, toolCallId: null });
    await em.flush();
  }

  private async toolCallStarted(em: EntityManager, conversation: ConversationRow, run: RunRow, entry: EntryOf<'tool-call-started'>): Promise<void> {
    const call = await this.call(em, run, entry.tool_call_id);
    if (call.state !== 'proposed' && call.state !== 'allowed') throw new DeclaredError('BAD_INPUT', `A call that is ${call.state} cannot start`);
    Object.assign(call, { state: 'started', block: entry.block, attempt: entry.attempt });
    this.timeline.append(em, conversation, 'tool-call-started', { run_id: run.id, tool_call_id: call.id, name: call.name, arguments: call.arguments, block: entry.block, attempt: entry.attempt });
  }

  private async noticeAdded(em: EntityManager, conversation: ConversationRow, run: RunRow, { type: _, ...notice }: EntryOf<'notice-added'>): Promise<void> {
    this.messages.add(em, conversation, { role: 'user', runId: run.id, branchId: run.branchId, content: notice.text, blocks: [{ type: 'notice', ...notice }], cut: false, model: null });
    await em.flush();
  }

  private async approvalRequested(em: EntityManager, conversation: ConversationRow, run: RunRow, entry: EntryOf<'approval-requested'>): Promise<void> {
    const call = await this.call(em, run, entry.tool_call_id);
    if (call.state !== 'proposed') return;
    call.state = 'waiting';
    const row = em.create(approvalEntity, {
      id: newId(), conversationId: conversation.id, userId: run.userId, runId: run.id, toolCallId: call.id, name: call.name, arguments: call.arguments, reason: entry.reason, decision: null, createdAt: timestamp(), decidedAt: null,
    });
    this.timeline.append(em, conversation, 'approval-requested', {
      approval_id: row.id, conversation_id: conversation.id, run_id: run.id, tool_call_id: call.id, name: call.name, arguments: call.arguments, reason: entry.reason, created_at: row.createdAt,
    });
    await em.flush();
  }

  /** The run waits as a row. When everything was decided meanwhile it goes straight back to the queue. */
  private async runParked(em: EntityManager, run: RunRow): Promise<void> {
    const waiting = await em.count(approvalEntity, { runId: run.id, decision: null });
    if ((waiting > 0 || (await this.driven(em, run))) && !run.interrupt) Object.assign(run, { state: 'parked', workerId: null, leaseUntil: 0, parkedAt: timestamp() });
    else {
      Object.assign(run, { state: 'queued', workerId: null, leaseUntil: 0 });
      this.ending.wake(em, run.id);
    }
  }

  private async runEnded(em: EntityManager, conversation: ConversationRow, run: RunRow, entry: EntryOf<'run-ended'>): Promise<void> {
    await em.flush();
    // A word to a run that ends before its next step must not be lost: it becomes a turn of its own.
    const unheard = await em.find(messageEntity, { runId: run.id, steering: true }, { orderBy: { seq: 'asc' } });
    await this.ending.run(em, conversation, run, entry.reason, entry.error);
    const next = newId();
    // What happened around the conversation is no reason to speak: it stands before whatever comes next.
    const words = unheard.filter((message) => message.blocks.some((block) => block.type !== 'notice'));
    const speaks = words.length > 0 && entry.reason === 'completed';
    for (const message of unheard) if (speaks || !words.includes(message)) Object.assign(message, { steering: false, runId: next });
    if (!speaks) return;
    em.create(runEntity, {
      id: next, conversationId: conversation.id, branchId: run.branchId, userId: run.userId, messageId: words[0]!.id, state: 'queued', epoch: 0, workerId: null, leaseUntil: 0, step: 0, interrupt: false, reason: null, error: null, parkedAt: null, createdAt: timestamp(), endedAt: null,
    });
    this.ending.wake(em, next);
  }

  /** Whether a person has the desktop of this run: its calls wait until it is given back. */
  private async driven(em: EntityManager, run: RunRow): Promise<boolean> {
    const branch = await em.findOneOrFail(branchEntity, run.branchId);
    return isDriven(em, branch.computerId, await databaseNow(this.database, em));
  }

  /** Steering messages that the first record with this key handed out; null when there was none. */
  private async recorded(em: EntityManager, runId: string, key: string): Promise<string[] | null> {
    const [row] = await em.execute<{ steering: string | string[] }[]>('select steering from run_record where run_id = ? and key = ?', [runId, key]);
    if (row === undefined) return null;
    return typeof row.steering === 'string' ? (JSON.parse(row.steering) as string[]) : row.steering;
  }

  private async call(em: EntityManager, run: RunRow, id: string): Promise<ToolCallRow> {
    const call = await em.findOne(toolCallEntity, { id, runId: run.id });
    if (call === null) throw new DeclaredError('BAD_INPUT', 'This run has no such tool call');
    return call;
  }

  private async messagesById(em: EntityManager, ids: readonly string[]) {
    if (ids.length === 0) return [];
    return (await em.find(messageEntity, { id: { $in: [...ids] } }, { orderBy: { seq: 'asc' } })).map(messageView);
  }
}

