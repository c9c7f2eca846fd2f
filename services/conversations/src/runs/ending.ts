import { Injectable } from '@nestjs/common';
import { runsWaiting, type DurableData, type EndReason, type ToolResult } from '@deskhand/contracts';
import { Bus, Database, type EntityManager } from '@deskhand/platform';
import { timestamp } from '../database/clock.ts';
import { approvalEntity, openBlockEntity, runEntity, toolCallEntity, type ConversationRow, type RunRow, type ToolCallRow } from '../database/entities.ts';
import { MessagesService } from '../messages/messages.service.ts';
import { Timeline } from '../timeline/timeline.ts';

interface ToolEnd {
  is_error: boolean;
  interrupted?: boolean;
  result: ToolResult;
  block?: string;
  attempt?: number;
}

/** How tool calls and runs end, whoever ends them. */
@Injectable()
export class Ending {
  constructor(private readonly database: Database, private readonly bus: Bus, private readonly messages: MessagesService, private readonly timeline: Timeline) {}

  /** Records a call's result, once: a call that has ended stays as it ended. */
  async toolCall(em: EntityManager, conversation: ConversationRow, run: RunRow, call: ToolCallRow, end: ToolEnd): Promise<void> {
    if (call.state === 'ended') return;
    call.state = 'ended';
    const { is_error, interrupted, result } = end;
    this.messages.addToolResult(em, conversation, run, { type: 'tool_result', tool_call_id: call.id, name: call.name, result, is_error, ...(interrupted && { interrupted }) });
    const data: DurableData<'tool-call-ended'> = { run_id: run.id, tool_call_id: call.id, name: call.name, is_error, ...(interrupted && { interrupted }), result };
    const block = end.block ?? call.block ?? undefined;
    if (block !== undefined) Object.assign(data, { block, attempt: end.attempt ?? call.attempt ?? run.epoch });
    this.timeline.append(em, conversation, 'tool-call-ended', data);
    await em.nativeDelete(openBlockEntity, { runId: run.id, toolCallId: call.id });
  }

  /** Ends a run for good: nothing of it stays open, and the next one of its branch may start. */
  async run(em: EntityManager, conversation: ConversationRow, run: RunRow, reason: EndReason, error?: string): Promise<void> {
    if (run.state === 'ended') return;
    const calls = await em.find(toolCallEntity, { runId: run.id, state: { $ne: 'ended' } }, { orderBy: { step: 'asc', position: 'asc' } });
    for (const call of calls) {
      await this.abandonOutput(em, conversation, run, call);
      const output = call.state === 'started' ? 'Stopped before it finished; what it did until then is not known.' : 'Not run: the turn was stopped first.';
      await this.toolCall(em, conversation, run, call, { is_error: true, interrupted: true, result: { output } });
    }
    const approvals = await em.find(approvalEntity, { runId: run.id, decision: null });
    for (const approval of approvals) {
      Object.assign(approval, { decision: 'interrupted', decidedAt: timestamp() });
      this.timeline.append(em, conversation, 'approval-resolved', { approval_id: approval.id, run_id: run.id, tool_call_id: approval.toolCallId, decision: 'interrupted', by: 'deskhand' });
    }
    await em.nativeDelete(openBlockEntity, { runId: run.id });
    const now = timestamp();
    Object.assign(run, { state: 'ended', reason, error: error ?? null, workerId: null, leaseUntil: 0, parkedAt: null, endedAt: now });
    conversation.updatedAt = now;
    this.timeline.append(em, conversation, 'run-ended', { run_id: run.id, reason, ...(error !== undefined && { error }) });
    const next = await em.findOne(runEntity, { branchId: run.branchId, state: 'queued', id: { $ne: run.id } }, { orderBy: { id: 'asc' } });
    if (next !== null) this.wake(em, next.id);
  }

  /** What was streamed of a call that gets no result of its own: its block ends without one. */
  private async abandonOutput(em: EntityManager, conversation: ConversationRow, run: RunRow, call: ToolCallRow): Promise<void> {
    if (call.state !== 'started' || call.block === null || call.block === undefined) return;
    const attempt = call.attempt ?? run.epoch;
    const saved = await em.findOne(openBlockEntity, { block: call.block, attempt });
    this.timeline.append(em, conversation, 'block-abandoned', { run_id: run.id, block: call.block, attempt, kind: 'tool-output', text: saved?.text ?? '' });
    Object.assign(call, { block: null, attempt: null });
  }

  /** Tells workers, after the commit, that a run may be claimable. */
  wake(em: EntityManager, runId: string): void {
    this.database.onCommit(em, () => void this.bus.emit(runsWaiting, { run_id: runId }).catch(() => {}));
  }
}
