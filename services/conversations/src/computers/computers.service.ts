import { Injectable } from '@nestjs/common';
import type { computerChanged, conversations as contracts, DataOf, OutputOf, usageRecorded } from '@deskhand/contracts';
import { Database } from '@deskhand/platform';
import { forWriting, owned } from '../conversations/conversations.service.ts';
import { timestamp } from '../database/clock.ts';
import { branchEntity, computerEntity, conversationEntity, runEntity, takenEntity } from '../database/entities.ts';
import { Timeline } from '../timeline/timeline.ts';
import { addUsage } from '../usage/run-usage.ts';

/** What the sandbox manager and the model gateway tell, put into the timeline; and what they ask. */
@Injectable()
export class ComputersService {
  constructor(private readonly database: Database, private readonly timeline: Timeline) {}

  async of(userId: string, conversationId: string): Promise<OutputOf<typeof contracts.computer>> {
    return this.database.read(async (em) => {
      const conversation = await owned(em, userId, conversationId);
      const branch = await em.findOneOrFail(branchEntity, conversation.branchId);
      const computer = await em.findOneOrFail(computerEntity, branch.computerId);
      return { computer_id: computer.id, state: computer.state, ...(computer.step && { step: computer.step }), ...(computer.error && { error: computer.error }) };
    });
  }

  /** News may come twice or late: older than what is known, they change nothing. */
  async changed(news: DataOf<typeof computerChanged>): Promise<void> {
    await this.database.transaction(async (em) => {
      const computer = await em.findOne(computerEntity, news.computer_id);
      if (computer === null || news.at <= computer.changedAt) return;
      const conversation = await em.findOneOrFail(conversationEntity, computer.conversationId, forWriting);
      Object.assign(computer, { state: news.state, step: news.step ?? null, error: news.error ?? null, changedAt: news.at });
      this.timeline.append(em, conversation, 'computer-changed', { computer_id: computer.id, state: news.state, ...(news.step !== undefined && { step: news.step }), ...(news.error !== undefined && { error: news.error }) });
    });
  }

  async used(usage: DataOf<typeof usageRecorded>): Promise<void> {
    await this.database.transaction(async (em) => {
      const conversation = await em.findOne(conversationEntity, usage.conversation_id, forWriting);
      if (conversation === null || conversation.userId !== usage.user_id || (await em.findOne(takenEntity, `usage:${usage.call_id}`)) !== null) return;
      em.create(takenEntity, { id: `usage:${usage.call_id}`, at: timestamp() });
      const { run_id, model, input_tokens, output_tokens, cached_tokens, reasoning_tokens, cost } = usage;
      this.timeline.append(em, conversation, 'usage-recorded', { run_id, model, input_tokens, output_tokens, cached_tokens, reasoning_tokens, cost });
      await addUsage(em, usage);
    });
  }

  async activity(ids: readonly string[]): Promise<OutputOf<typeof contracts.activity>> {
    return this.database.read(async (em) => {
      const computers = await em.find(computerEntity, { id: { $in: [...ids] } }, { disableIdentityMap: true });
      const branches = await em.find(branchEntity, { computerId: { $in: computers.map((computer) => computer.id) } }, { disableIdentityMap: true });
      const runs = await em.find(runEntity, { branchId: { $in: branches.map((branch) => branch.id) }, state: { $ne: 'ended' } }, { disableIdentityMap: true });
      return computers.map((computer) => {
        const branch = branches.find((candidate) => candidate.computerId === computer.id);
        const open = runs.filter((run) => run.branchId === branch?.id);
        const parked = open.flatMap((run) => (run.state === 'parked' && run.parkedAt ? [run.parkedAt] : [])).sort();
        return { computer_id: computer.id, active: open.some((run) => run.state !== 'parked'), parked_since: parked[0] ?? null };
      });
    });
  }
}
