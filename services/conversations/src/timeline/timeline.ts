import { Injectable } from '@nestjs/common';
import { seqHeader, timelinePublished, type DurableData, type DurableType } from '@deskhand/contracts';
import { Database, Outbox, type EntityManager } from '@deskhand/platform';
import { timestamp } from '../database/clock.ts';
import type { ConversationRow } from '../database/entities.ts';

/** Appends durable events: the only place that gives a conversation its next `seq`. */
@Injectable()
export class Timeline {
  constructor(private readonly database: Database, private readonly outbox: Outbox) {}

  /**
   * Adds an event in the transaction of `em`, in which `conversation` was loaded, and answers its seq. It is published
   * after the commit as `timeline.<user>.<conversation>.<type>` with the id `<conversation>:<seq>`.
   */
  append<Type extends DurableType>(em: EntityManager, conversation: ConversationRow, type: Type, data: DurableData<Type>): number {
    conversation.seq += 1;
    const seq = conversation.seq;
    const createdAt = timestamp();
    this.database.appendRow(em, 'timeline_event', { conversation_id: conversation.id, seq, type, data: JSON.stringify(data), created_at: createdAt });
    this.publish(em, conversation, seq, { ...data, type, seq, created_at: createdAt });
    return seq;
  }

  /** The last event of a conversation that is deleted in the same transaction: published, not kept. */
  farewell(em: EntityManager, conversation: ConversationRow): void {
    const seq = conversation.seq + 1;
    this.publish(em, conversation, seq, { type: 'conversation-changed', deleted: true, seq, created_at: timestamp() });
  }

  private publish(em: EntityManager, conversation: ConversationRow, seq: number, event: { type: string; seq: number } & Record<string, unknown>): void {
    this.outbox.add(em, timelinePublished, event, {
      id: `${conversation.id}:${seq}`, address: { user: conversation.userId, conversation: conversation.id, type: event.type }, headers: { [seqHeader]: String(seq) },
    });
  }
}
