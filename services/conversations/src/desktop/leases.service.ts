import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DeclaredError, desktop, leaseChanged, newId, type DesktopLease, type DrivenSummary, type DurableData, type InputOf, type leases as contracts, type OutputOf } from '@deskhand/contracts';
import { Bus, Database, Lifecycle, Log, type EntityManager } from '@deskhand/platform';
import { forWriting, owned } from '../conversations/conversations.service.ts';
import { databaseNow } from '../database/clock.ts';
import { approvalEntity, branchEntity, conversationEntity, desktopLeaseEntity, runEntity, type ConversationRow, type DesktopLeaseRow } from '../database/entities.ts';
import { MessagesService } from '../messages/messages.service.ts';
import { Ending } from '../runs/ending.ts';
import { Timeline } from '../timeline/timeline.ts';
import { drivenWords } from './driven-words.ts';
import { isHeld, leaseOf } from './lease-row.ts';

type EndReason = NonNullable<DurableData<'desktop-lease-changed'>['reason']>;

/** How long somebody drives without saying that they go on. */
const leaseMs = 600_000;
const sweepMs = 1_000;

/** Who drives which desktop. One row a desktop; its epoch grows with every take. */
@Injectable()
export class Leases implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database, private readonly bus: Bus, private readonly timeline: Timeline, private readonly messages: MessagesService, private readonly ending: Ending,
    private readonly lifecycle: Lifecycle, private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    const sweeping = setInterval(() => void this.sweep(), sweepMs);
    this.lifecycle.onDrain(20, async () => clearInterval(sweeping));
  }

  async take({ user_id, conversation_id, client_id, epoch, ask }: InputOf<typeof contracts.take>): Promise<DesktopLease> {
    const outcome = await this.database.transaction(async (em): Promise<DesktopLease | DeclaredError> => {
      const conversation = await owned(em, user_id, conversation_id, 'write');
      const row = await this.rowOf(em, conversation);
      const now = await databaseNow(this.database, em);
      if (epoch !== undefined && (epoch !== row.epoch || !isHeld(row, now))) throw new DeclaredError('STALE_EPOCH', 'This turn at the desktop is over');
      if (isHeld(row, now)) {
        const own = row.holder === user_id && (epoch === row.epoch || (client_id !== undefined && client_id === row.clientId));
        if (own) {
          row.until = now + leaseMs;
          this.tell(em, conversation, row);
          return leaseOf(row)!;
        }
        // Not thrown: that somebody asked is kept.
        if (ask && row.askedBy !== (client_id ?? user_id)) {
          row.askedBy = client_id ?? user_id;
          this.tell(em, conversation, row);
        }
        const { holder, client_id: client, epoch: held, until } = leaseOf(row)!;
        return new DeclaredError('CONFLICT', 'Somebody drives this desktop', { holder, client_id: client, epoch: held, until });
      }
      // One that ran out and that nobody has swept yet ends first.
      if (row.holder !== null) this.close(em, conversation, row, 'expired', null);
      Object.assign(row, { epoch: row.epoch + 1, holder: user_id, clientId: client_id ?? null, takenAt: now, until: now + leaseMs, askedBy: null });
      this.tell(em, conversation, row);
      this.log.info('A person took a desktop', { user: user_id, conversation: conversation_id, epoch: row.epoch });
      return leaseOf(row)!;
    });
    if (outcome instanceof DeclaredError) throw outcome;
    return outcome;
  }

  async release({ user_id, conversation_id, client_id, epoch, to }: InputOf<typeof contracts.release>): Promise<void> {
    const found = await this.database.read(async (em) => em.findOne(desktopLeaseEntity, { computerId: await this.computerOf(em, await owned(em, user_id, conversation_id)) }));
    if (found === null) return;
    const driven = await this.drivenSoFar(found);
    await this.database.transaction(async (em) => {
      const conversation = await owned(em, user_id, conversation_id, 'write');
      const row = await this.rowOf(em, conversation);
      if (row.holder === null) return;
      if (epoch !== undefined && epoch !== row.epoch) throw new DeclaredError('STALE_EPOCH', 'This turn at the desktop is over');
      // Another tab's turn is not ended by one that names itself.
      if (client_id !== undefined && row.clientId !== null && client_id !== row.clientId) return;
      await this.finish(em, conversation, row, to === undefined ? 'released' : 'handed-over', row.epoch === found.epoch ? driven : null);
      if (to === undefined) return;
      const now = await databaseNow(this.database, em);
      Object.assign(row, { epoch: row.epoch + 1, holder: user_id, clientId: to, takenAt: now, until: now + leaseMs, askedBy: null });
      this.tell(em, conversation, row);
    });
  }

  async current(computerId: string): Promise<OutputOf<typeof contracts.current>> {
    return this.database.read(async (em) => {
      const row = await em.findOne(desktopLeaseEntity, computerId);
      return { lease: row !== null && isHeld(row, await databaseNow(this.database, em)) ? leaseOf(row) : null, epoch: row?.epoch ?? 0 };
    });
  }

  /** Who drives a conversation's desktop now. */
  async of(userId: string, conversationId: string): Promise<DesktopLease | null> {
    const computerId = await this.database.read(async (em) => this.computerOf(em, await owned(em, userId, conversationId)));
    return (await this.current(computerId)).lease;
  }

  /** What the manager saw end: the holder's last viewer went away, or nobody moved. */
  async end({ computer_id, epoch, reason, driven }: InputOf<typeof contracts.end>): Promise<void> {
    await this.endAs(computer_id, epoch, reason, driven);
  }

  private async endAs(computerId: string, epoch: number, reason: EndReason, driven: DrivenSummary | null): Promise<void> {
    await this.database.transaction(async (em) => {
      const found = await em.findOne(desktopLeaseEntity, computerId);
      if (found === null || found.epoch !== epoch || found.holder === null) return;
      const conversation = await em.findOneOrFail(conversationEntity, found.conversationId, forWriting);
      const row = await em.findOneOrFail(desktopLeaseEntity, computerId, { refresh: true });
      if (row.epoch !== epoch || row.holder === null) return;
      if (reason === 'expired' && isHeld(row, await databaseNow(this.database, em))) return;
      await this.finish(em, conversation, row, reason, driven);
    });
  }

  private async sweep(): Promise<void> {
    try {
      const over = await this.database.read(async (em) => em.find(desktopLeaseEntity, { holder: { $ne: null }, until: { $lte: await databaseNow(this.database, em) } }, { limit: 50, disableIdentityMap: true }));
      for (const row of over) await this.endAs(row.computerId, row.epoch, 'expired', await this.drivenSoFar(row));
    } catch (error) {
      this.log.warn('Turns at desktops that ran out could not be ended', { error });
    }
  }

  /** Counts of the manager, when it still has them. */
  private async drivenSoFar(row: Pick<DesktopLeaseRow, 'computerId' | 'epoch' | 'holder'>): Promise<DrivenSummary | null> {
    if (row.holder === null) return null;
    return this.bus.request(desktop.driven, { computer_id: row.computerId, epoch: row.epoch }).catch(() => null);
  }

  /** Ends a turn, tells the model what happened, and lets the runs go on that waited for it. */
  private async finish(em: EntityManager, conversation: ConversationRow, row: DesktopLeaseRow, reason: EndReason, driven: DrivenSummary | null): Promise<void> {
    const seconds = Math.max(0, Math.round(((await databaseNow(this.database, em)) - row.takenAt) / 1_000));
    this.close(em, conversation, row, reason, row.askedBy ?? null);
    const branch = await em.findOneOrFail(branchEntity, { computerId: row.computerId });
    const open = await em.find(runEntity, { branchId: branch.id, state: { $ne: 'ended' } }, { orderBy: { id: 'asc' } });
    const [next] = open;
    const text = drivenWords(seconds, driven);
    this.messages.add(em, conversation, {
      role: 'user', branchId: branch.id, content: text, blocks: [{ type: 'notice', kind: 'desktop-driven', text, facts: { seconds, ...driven } }], cut: false, model: null,
      // A turn at work reads it before its next step; without one it stands before whatever comes next.
      runId: next?.id ?? newId(), steering: next !== undefined && next.state !== 'queued',
    });
    for (const run of open) {
      if (run.state !== 'parked' || (await em.count(approvalEntity, { runId: run.id, decision: null })) > 0) continue;
      Object.assign(run, { state: 'queued', parkedAt: null });
      this.ending.wake(em, run.id);
    }
  }

  private close(em: EntityManager, conversation: ConversationRow, row: DesktopLeaseRow, reason: EndReason, askedBy: string | null): void {
    Object.assign(row, { holder: null, clientId: null, until: 0, askedBy: null });
    this.tell(em, conversation, row, reason, askedBy);
  }

  private tell(em: EntityManager, conversation: ConversationRow, row: DesktopLeaseRow, reason?: EndReason, askedBy: string | null = row.askedBy ?? null): void {
    const lease = leaseOf(row);
    const { computerId: computer_id, epoch } = row;
    this.timeline.append(em, conversation, 'desktop-lease-changed', {
      holder: lease?.holder ?? null, client_id: lease?.client_id ?? null, epoch, until: lease?.until ?? null, ...(reason !== undefined && { reason }), ...(askedBy !== null && { asked_by: askedBy }),
    });
    this.database.onCommit(em, () => void this.bus.emit(leaseChanged, { computer_id, epoch, lease }).catch(() => {}));
  }

  private async rowOf(em: EntityManager, conversation: ConversationRow): Promise<DesktopLeaseRow> {
    const computerId = await this.computerOf(em, conversation);
    return (await em.findOne(desktopLeaseEntity, computerId)) ?? em.create(desktopLeaseEntity, { computerId, conversationId: conversation.id, epoch: 0, holder: null, clientId: null, takenAt: 0, until: 0, askedBy: null });
  }

  private async computerOf(em: EntityManager, conversation: ConversationRow): Promise<string> {
    return (await em.findOneOrFail(branchEntity, conversation.branchId)).computerId;
  }
}
