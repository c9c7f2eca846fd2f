import { Injectable } from '@nestjs/common';
import { conversationDeleted, conversations as contracts, DeclaredError, newId, type ConversationView, type InputOf } from '@deskhand/contracts';
import { Database, Outbox, type EntityManager } from '@deskhand/platform';
import { LockMode } from '@deskhand/platform/database';
import { timestamp } from '../database/clock.ts';
import { branchEntity, computerEntity, conversationEntity, runEntity, type ConversationRow } from '../database/entities.ts';
import { Timeline } from '../timeline/timeline.ts';
import { conversationView, type Activity } from './views.ts';

type Settings = Omit<InputOf<typeof contracts.create>, 'user_id'>;
/** Whoever gives a conversation its next `seq` holds its row until the commit. */
export const forWriting = { lockMode: LockMode.PESSIMISTIC_WRITE } as const;

const defaultTitle = 'New Conversation';

@Injectable()
export class ConversationsService {
  constructor(private readonly database: Database, private readonly timeline: Timeline, private readonly outbox: Outbox) {}

  async create(userId: string, settings: Settings): Promise<ConversationView> {
    const now = timestamp();
    return this.database.transaction(async (em) => {
      const id = newId();
      const branchId = newId();
      const computerId = newId();
      const row = em.create(conversationEntity, {
        id, userId, title: settings.title ?? defaultTitle, titled: settings.title !== undefined, provider: settings.provider ?? null, modelName: settings.model_name ?? null,
        systemPromptOverride: settings.system_prompt_override ?? null, approvalMode: settings.approval_mode ?? 'auto', pinned: settings.pinned ?? false, archived: settings.archived ?? false,
        branchId, seq: 0, alwaysAllowed: [], createdAt: now, updatedAt: now,
      });
      await em.flush();
      em.create(branchEntity, { id: branchId, conversationId: id, computerId, createdAt: now });
      em.create(computerEntity, { id: computerId, conversationId: id, state: 'none', step: null, error: null, changedAt: '' });
      return conversationView(row, 'idle');
    });
  }

  async list(userId: string, limit: number, offset: number, archived: boolean): Promise<ConversationView[]> {
    return this.database.read(async (em) => {
      const rows = await em.find(conversationEntity, { userId, archived }, { orderBy: { updatedAt: 'desc', id: 'desc' }, limit, offset, disableIdentityMap: true });
      const open = await em.find(runEntity, { userId, state: { $ne: 'ended' } }, { fields: ['conversationId', 'state'], disableIdentityMap: true });
      const activity = new Map<string, Activity>();
      for (const run of open) if (activity.get(run.conversationId) !== 'waiting') activity.set(run.conversationId, run.state === 'parked' ? 'waiting' : 'running');
      return rows.map((row) => conversationView(row, activity.get(row.id) ?? 'idle'));
    });
  }

  async get(userId: string, id: string): Promise<ConversationView> {
    return this.database.read(async (em) => {
      const row = await owned(em, userId, id);
      return conversationView(row, await activityOf(em, id));
    });
  }

  async update(userId: string, id: string, settings: Settings): Promise<ConversationView> {
    return this.database.transaction(async (em) => {
      const row = await owned(em, userId, id, 'write');
      if (settings.title !== undefined) Object.assign(row, { title: settings.title, titled: true });
      if (settings.provider !== undefined) row.provider = settings.provider;
      if (settings.model_name !== undefined) row.modelName = settings.model_name;
      if (settings.system_prompt_override !== undefined) row.systemPromptOverride = settings.system_prompt_override;
      if (settings.approval_mode !== undefined) row.approvalMode = settings.approval_mode;
      if (settings.pinned !== undefined) row.pinned = settings.pinned;
      if (settings.archived !== undefined) row.archived = settings.archived;
      row.updatedAt = timestamp();
      this.timeline.append(em, row, 'conversation-changed', { title: row.title, approval_mode: row.approvalMode, model_name: row.modelName ?? null });
      return conversationView(row, await activityOf(em, id));
    });
  }

  async remove(userId: string, id: string): Promise<void> {
    await this.database.transaction(async (em) => {
      const row = await owned(em, userId, id, 'write');
      const computers = await em.find(computerEntity, { conversationId: id });
      this.timeline.farewell(em, row);
      this.outbox.add(em, conversationDeleted, { conversation_id: id, user_id: userId, computer_ids: computers.map((computer) => computer.id) }, { id: `${id}:deleted` });
      // Everything else of it goes with the row: every table that names a conversation cascades.
      await em.nativeDelete(conversationEntity, { id });
    });
  }
}

/** The user's conversation; one of somebody else is as missing as one that never was. */
export async function owned(em: EntityManager, userId: string, id: string, use: 'read' | 'write' = 'read'): Promise<ConversationRow> {
  const row = await em.findOne(conversationEntity, { id, userId }, use === 'write' ? forWriting : {});
  if (row === null) throw new DeclaredError('NOT_FOUND', 'No such conversation');
  return row;
}

async function activityOf(em: EntityManager, conversationId: string): Promise<Activity> {
  const open = await em.find(runEntity, { conversationId, state: { $ne: 'ended' } }, { fields: ['state'], disableIdentityMap: true });
  if (open.some((run) => run.state === 'parked')) return 'waiting';
  return open.length > 0 ? 'running' : 'idle';
}
