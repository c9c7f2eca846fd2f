import { Injectable } from '@nestjs/common';
import type { ContentBlock } from '@deskhand/contracts';
import type { EntityManager } from '@deskhand/platform';
import { openBlockEntity, toolCallEntity, type ConversationRow, type OpenBlockRow, type RunRow } from '../database/entities.ts';
import { MessagesService } from '../messages/messages.service.ts';
import { Timeline } from '../timeline/timeline.ts';

/** Ends attempts that will not finish, keeping what people were shown of them. */
@Injectable()
export class Abandon {
  constructor(private readonly messages: MessagesService, private readonly timeline: Timeline) {}

  /** All open blocks of a run whose worker is gone. */
  async all(em: EntityManager, conversation: ConversationRow, run: RunRow): Promise<void> {
    const saved = await em.find(openBlockEntity, { runId: run.id }, { orderBy: { block: 'asc' } });
    // A tool's output may have been shown before its first checkpoint: its attempt is over all the same.
    const started = await em.find(toolCallEntity, { runId: run.id, state: 'started' });
    for (const call of started) {
      if (call.block === null || call.block === undefined || saved.some((row) => row.block === call.block)) continue;
      this.timeline.append(em, conversation, 'block-abandoned', { run_id: run.id, block: call.block, attempt: call.attempt ?? run.epoch, kind: 'tool-output', text: '' });
    }
    this.end(em, conversation, run, saved);
  }

  /** One block whose own worker gave the attempt up. */
  async one(em: EntityManager, conversation: ConversationRow, run: RunRow, block: string, attempt: number): Promise<void> {
    const row = await em.findOne(openBlockEntity, { block, attempt, runId: run.id });
    if (row !== null) this.end(em, conversation, run, [row]);
    else this.timeline.append(em, conversation, 'block-abandoned', { run_id: run.id, block, attempt, kind: 'text', text: '' });
  }

  /** The words of a cut answer stay in the conversation as a message of their own, marked as cut. */
  private end(em: EntityManager, conversation: ConversationRow, run: RunRow, rows: readonly OpenBlockRow[]): void {
    for (const row of rows) this.timeline.append(em, conversation, 'block-abandoned', { run_id: run.id, block: row.block, attempt: row.attempt, kind: row.kind, text: row.text });
    const blocks = rows.flatMap((row): ContentBlock[] => (row.kind === 'tool-output' || row.text === '' ? [] : [{ type: row.kind, text: row.text }]));
    if (blocks.length > 0) {
      this.messages.add(em, conversation, { role: 'assistant', runId: run.id, branchId: run.branchId, content: blocks.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join(''), blocks, cut: true, model: null });
    }
    for (const row of rows) em.remove(row);
  }
}
