import { Injectable } from '@nestjs/common';
import { DeclaredError, type conversations as contracts, type DurableEvent, type OpenBlock, type OutputOf } from '@deskhand/contracts';
import { Database, type EntityManager } from '@deskhand/platform';
import { owned } from '../conversations/conversations.service.ts';
import { approvalView, conversationView, messageView, runView } from '../conversations/views.ts';
import { approvalEntity, branchEntity, computerEntity, desktopLeaseEntity, messageEntity, openBlockEntity, runEntity, toolCallEntity, type RunRow } from '../database/entities.ts';
import { leaseOf } from '../desktop/lease-row.ts';
import { conversationUsage, usageOfRuns } from '../usage/run-usage.ts';
import { fitting, pageSize } from './fitting.ts';

const snapshotMessages = 50;
const pageEvents = 500;
/** Rows of one look: events may be large, and what does not fit into the page was read in vain. */
const readAtOnce = 50;

/** A row as the database gives it; SQLite keeps JSON as text. */
interface EventRecord {
  seq: number;
  type: string;
  data: string | object;
  created_at: string;
}

/** Reads the timeline for those who start, and for those who come back. */
@Injectable()
export class TimelineReader {
  constructor(private readonly database: Database) {}

  /** Everything in one transaction, so that the snapshot is exactly what stood at its `seq`. */
  async snapshot(userId: string, conversationId: string): Promise<OutputOf<typeof contracts.snapshot>> {
    return this.database.transaction(async (em) => {
      const conversation = await owned(em, userId, conversationId);
      const branch = await em.findOneOrFail(branchEntity, conversation.branchId);
      const computer = await em.findOne(computerEntity, branch.computerId);
      const found = await em.find(messageEntity, { branchId: branch.id }, { orderBy: { runId: 'desc', seq: 'desc' }, limit: snapshotMessages + 1 });
      const messages = fitting(found.slice(0, snapshotMessages).map(messageView)).reverse();
      const open = await em.find(runEntity, { conversationId, state: { $ne: 'ended' } }, { orderBy: { id: 'asc' } });
      const ended = await em.find(runEntity, { id: { $in: [...new Set(messages.flatMap((message) => (message.run_id === null ? [] : [message.run_id])))] }, state: 'ended' }, { orderBy: { id: 'asc' } });
      const calls = await em.find(toolCallEntity, { runId: { $in: open.map((run) => run.id) }, state: { $ne: 'ended' } }, { orderBy: { step: 'asc', position: 'asc' } });
      const approvals = await em.find(approvalEntity, { conversationId, decision: null }, { orderBy: { id: 'asc' } });
      const activity = open.some((run) => run.state === 'parked') ? 'waiting' : open.length > 0 ? 'running' : 'idle';
      const usage = await usageOfRuns(em, conversationId, [...ended, ...open].map((run) => run.id));
      const total = await conversationUsage(em, conversationId);
      const lease = await em.findOne(desktopLeaseEntity, branch.computerId);
      return {
        snapshot: {
          seq: conversation.seq, conversation: conversationView(conversation, activity), messages, has_more: found.length > messages.length, runs: [...ended, ...open].map((run) => ({ ...runView(run), ...(usage[run.id] && { usage: usage[run.id] }) })), open_blocks: await this.openBlocks(em, open),
          approvals: approvals.map(approvalView),
          tool_calls: calls.map((call) => ({ run_id: call.runId, tool_call_id: call.id, name: call.name, arguments: call.arguments, state: call.state === 'started' ? 'started' as const : call.state === 'waiting' ? 'waiting' as const : 'proposed' as const })),
          computer: computer === null ? null : { computer_id: computer.id, state: computer.state, ...(computer.step && { step: computer.step }), ...(computer.error && { error: computer.error }) },
          desktop_lease: lease === null ? null : leaseOf(lease),
          ...(total && { usage: total }),
        },
        workers: workersOf(open),
      };
    });
  }

  async read(userId: string, conversationId: string, after: number): Promise<OutputOf<typeof contracts.read>> {
    return this.database.transaction(async (em) => {
      const conversation = await owned(em, userId, conversationId);
      if (after > conversation.seq) throw new DeclaredError('BAD_INPUT', 'This cursor is ahead of the conversation');
      const events: DurableEvent[] = [];
      let size = 0;
      for (let full = false; !full; ) {
        const last = events.at(-1)?.seq ?? after;
        const rows = await em.execute<EventRecord[]>(`select seq, type, data, created_at from timeline_event where conversation_id = ? and seq > ? order by seq limit ${readAtOnce}`, [conversationId, last]);
        full = rows.length < readAtOnce;
        for (const row of rows) {
          const text = typeof row.data === 'string' ? row.data : JSON.stringify(row.data);
          size += text.length;
          full ||= events.length > 0 && (size > pageSize || events.length >= pageEvents);
          if (events.length > 0 && size > pageSize) break;
          events.push({ ...(JSON.parse(text) as object), type: row.type, seq: row.seq, created_at: row.created_at } as DurableEvent);
        }
      }
      const more = (events.at(-1)?.seq ?? after) < conversation.seq;
      const open = more ? [] : await em.find(runEntity, { conversationId, state: 'active' }, { orderBy: { id: 'asc' } });
      return { events, more, open_blocks: await this.openBlocks(em, open), workers: workersOf(open) };
    });
  }

  private async openBlocks(em: EntityManager, runs: readonly RunRow[]): Promise<OpenBlock[]> {
    if (runs.length === 0) return [];
    const rows = await em.find(openBlockEntity, { runId: { $in: runs.map((run) => run.id) } }, { orderBy: { block: 'asc' } });
    return rows.map((row) => ({ block: row.block, kind: row.kind, attempt: row.attempt, text: row.text, run_id: row.runId, ...(row.toolCallId && { tool_call_id: row.toolCallId }) }));
  }
}

function workersOf(runs: readonly RunRow[]): { worker_id: string; run_id: string }[] {
  return runs.flatMap((run) => (run.state === 'active' && run.workerId ? [{ worker_id: run.workerId, run_id: run.id }] : []));
}
