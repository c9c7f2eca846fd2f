import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { conversations as contracts, DeclaredError, newId, runsWaiting, type InputOf, type Message, type OutputOf, type ToolResultBlock } from '@deskhand/contracts';
import { Bus, Database, type EntityManager } from '@deskhand/platform';
import { owned } from '../conversations/conversations.service.ts';
import { messageView } from '../conversations/views.ts';
import { timestamp } from '../database/clock.ts';
import { branchEntity, messageEntity, runEntity, saidEntity, type ConversationRow, type MessageRow, type RunRow } from '../database/entities.ts';
import { fitting } from '../timeline/fitting.ts';
import { Timeline } from '../timeline/timeline.ts';
import { usageOfRuns } from '../usage/run-usage.ts';

type NewMessage = Omit<MessageRow, 'id' | 'conversationId' | 'branchId' | 'seq' | 'createdAt' | 'steering'> & { id?: string; branchId?: string; steering?: boolean };

@Injectable()
export class MessagesService {
  constructor(private readonly database: Database, private readonly bus: Bus, private readonly timeline: Timeline) {}

  /** Stores a message in the transaction of `em` and tells the timeline. */
  add(em: EntityManager, conversation: ConversationRow, message: NewMessage): MessageRow {
    const row = em.create(messageEntity, {
      id: message.id ?? newId(), conversationId: conversation.id, branchId: message.branchId ?? conversation.branchId, runId: message.runId ?? null, seq: conversation.seq + 1, role: message.role,
      content: message.content, blocks: message.blocks, cut: message.cut, model: message.model ?? null, steering: message.steering ?? false, createdAt: timestamp(),
    });
    this.timeline.append(em, conversation, 'message-added', { message: messageView(row) });
    return row;
  }

  /** A tool's result as a message. No event of its own: `tool-call-ended` carries it. Its place is that event's. */
  addToolResult(em: EntityManager, conversation: ConversationRow, run: RunRow, block: ToolResultBlock): void {
    em.create(messageEntity, {
      id: newId(), conversationId: conversation.id, branchId: run.branchId, runId: run.id, seq: conversation.seq + 1, role: 'tool', content: block.result.output, blocks: [block], cut: false, model: null, steering: false, createdAt: timestamp(),
    });
  }

  async say({ user_id, conversation_id, content, idempotency_key }: InputOf<typeof contracts.say>): Promise<OutputOf<typeof contracts.say>> {
    const { answer, asks } = await this.database.transaction(async (em) => {
      const conversation = await owned(em, user_id, conversation_id, 'write');
      const before = await this.saidBefore(em, user_id, conversation_id, idempotency_key, content);
      if (before !== null) return { answer: before };
      const runId = newId();
      const message = this.add(em, conversation, { role: 'user', runId, content, blocks: [{ type: 'text', text: content }], cut: false, model: null });
      em.create(runEntity, {
        id: runId, conversationId: conversation.id, branchId: conversation.branchId, userId: user_id, messageId: message.id, state: 'queued', epoch: 0, workerId: null, leaseUntil: 0, step: 0,
        interrupt: false, reason: null, error: null, parkedAt: null, createdAt: message.createdAt, endedAt: null,
      });
      this.remember(em, user_id, conversation_id, idempotency_key, content, message.id, runId);
      this.touch(em, conversation, content, message.createdAt);
      return { answer: { message_id: message.id, run_id: runId }, asks: { user_id, conversation_id, provider: conversation.provider ?? null, model_name: conversation.modelName ?? null } };
    });
    await this.bus.emit(runsWaiting, { run_id: answer.run_id, asks });
    return answer;
  }

  async steer({ user_id, conversation_id, run_id, content, idempotency_key }: InputOf<typeof contracts.steer>): Promise<OutputOf<typeof contracts.steer>> {
    return this.database.transaction(async (em) => {
      const conversation = await owned(em, user_id, conversation_id, 'write');
      const before = await this.saidBefore(em, user_id, conversation_id, idempotency_key, content);
      if (before !== null) return { message_id: before.message_id };
      const run = await em.findOne(runEntity, { id: run_id, conversationId: conversation_id });
      if (run === null) throw new DeclaredError('NOT_FOUND', 'No such run');
      if (run.state === 'ended') throw new DeclaredError('CONFLICT', 'This run has ended; send a message instead');
      const message = this.add(em, conversation, { role: 'user', runId: run.id, branchId: run.branchId, content, blocks: [{ type: 'text', text: content }], cut: false, model: null, steering: true });
      this.remember(em, user_id, conversation_id, idempotency_key, content, message.id, run.id);
      conversation.updatedAt = message.createdAt;
      return { message_id: message.id };
    });
  }

  async list({ user_id, conversation_id, branch_id, limit = 50, offset = 0, before }: InputOf<typeof contracts.messages>): Promise<OutputOf<typeof contracts.messages>> {
    return this.database.read(async (em) => {
      const conversation = await owned(em, user_id, conversation_id);
      const branch = branch_id === undefined ? conversation.branchId : (await this.branch(em, conversation.id, branch_id)).id;
      const total = await em.count(messageEntity, { branchId: branch });
      if (before === undefined) {
        const rows = await em.find(messageEntity, { branchId: branch }, { orderBy: { runId: 'asc', seq: 'asc' }, limit, offset, disableIdentityMap: true });
        return this.page(em, conversation.id, fitting(rows.map(messageView)), total);
      }
      const mark = await em.findOne(messageEntity, { id: before, branchId: branch });
      if (mark === null) throw new DeclaredError('NOT_FOUND', 'No such message');
      const rows = await em.find(messageEntity, { branchId: branch, $or: [{ runId: { $lt: mark.runId } }, { runId: mark.runId, seq: { $lt: mark.seq } }] }, { orderBy: { runId: 'desc', seq: 'desc' }, limit, disableIdentityMap: true });
      return this.page(em, conversation.id, fitting(rows.map(messageView)).reverse(), total);
    });
  }

  private async page(em: EntityManager, conversationId: string, messages: Message[], total: number): Promise<OutputOf<typeof contracts.messages>> {
    return { messages, total, usage: await usageOfRuns(em, conversationId, messages.flatMap(({ run_id }) => (run_id === null ? [] : [run_id]))) };
  }

  private async branch(em: EntityManager, conversationId: string, id: string) {
    const branch = await em.findOne(branchEntity, { id, conversationId });
    if (branch === null) throw new DeclaredError('NOT_FOUND', 'No such branch');
    return branch;
  }

  /** What the same key answered before; the same key with another text is a mistake of the caller. */
  private async saidBefore(em: EntityManager, userId: string, conversationId: string, key: string, content: string): Promise<{ message_id: string; run_id: string } | null> {
    const row = await em.findOne(saidEntity, { userId, conversationId, key });
    if (row === null) return null;
    if (row.digest !== digest(content)) throw new DeclaredError('CONFLICT', 'This idempotency key was used for another message');
    return { message_id: row.messageId, run_id: row.runId };
  }

  private remember(em: EntityManager, userId: string, conversationId: string, key: string, content: string, messageId: string, runId: string): void {
    em.create(saidEntity, { userId, conversationId, key, digest: digest(content), messageId, runId });
  }

  /** The first message names a conversation that nobody has named. */
  private touch(em: EntityManager, conversation: ConversationRow, content: string, now: string): void {
    conversation.updatedAt = now;
    if (conversation.titled) return;
    const line = content.trim().split(/\s+/).join(' ');
    const letters = [...new Intl.Segmenter().segment(line)].map((part) => part.segment);
    conversation.title = letters.length > 50 ? `${letters.slice(0, 50).join('')}...` : line || conversation.title;
    conversation.titled = true;
    this.timeline.append(em, conversation, 'conversation-changed', { title: conversation.title });
  }
}

function digest(content: string): string {
  return createHash('sha256').update(content).digest('base64url');
}
