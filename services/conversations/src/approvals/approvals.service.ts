import { Injectable } from '@nestjs/common';
import { DeclaredError, type ApprovalView, type conversations as contracts, type InputOf } from '@deskhand/contracts';
import { Database } from '@deskhand/platform';
import { forWriting } from '../conversations/conversations.service.ts';
import { approvalView } from '../conversations/views.ts';
import { timestamp } from '../database/clock.ts';
import { approvalEntity, conversationEntity, runEntity, toolCallEntity } from '../database/entities.ts';
import { Ending } from '../runs/ending.ts';
import { Timeline } from '../timeline/timeline.ts';

@Injectable()
export class ApprovalsService {
  constructor(private readonly database: Database, private readonly timeline: Timeline, private readonly ending: Ending) {}

  async waiting(userId: string): Promise<ApprovalView[]> {
    return this.database.read(async (em) => (await em.find(approvalEntity, { userId, decision: null }, { orderBy: { id: 'asc' } })).map(approvalView));
  }

  /** One decision wins; a run that waited for it goes on once nothing else of it waits. */
  async decide({ user_id, approval_id, decision, arguments: edited }: InputOf<typeof contracts.decide>): Promise<void> {
    await this.database.transaction(async (em) => {
      const approval = await em.findOne(approvalEntity, { id: approval_id, userId: user_id });
      if (approval === null) throw new DeclaredError('NOT_FOUND', 'No such approval');
      if (approval.decision !== null && approval.decision !== undefined) throw new DeclaredError('CONFLICT', 'This was decided already', { decision: approval.decision });
      const conversation = await em.findOneOrFail(conversationEntity, approval.conversationId, forWriting);
      const run = await em.findOneOrFail(runEntity, approval.runId);
      const call = await em.findOneOrFail(toolCallEntity, approval.toolCallId);
      Object.assign(approval, { decision, decidedAt: timestamp() });
      if (call.state === 'waiting') Object.assign(call, { state: decision === 'deny' ? 'denied' : 'allowed', ...(edited !== undefined && decision !== 'deny' && { arguments: edited, invalidArguments: null }) });
      if (decision === 'always' && !conversation.alwaysAllowed.includes(call.name)) conversation.alwaysAllowed = [...conversation.alwaysAllowed, call.name];
      this.timeline.append(em, conversation, 'approval-resolved', { approval_id, run_id: run.id, tool_call_id: call.id, decision, by: user_id, ...(edited !== undefined && { arguments: edited }) });
      await em.flush();
      if (run.state !== 'parked' || (await em.count(approvalEntity, { runId: run.id, decision: null })) > 0) return;
      Object.assign(run, { state: 'queued', parkedAt: null });
      this.ending.wake(em, run.id);
    });
  }
}
