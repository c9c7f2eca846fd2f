import { computerChanged, type ComputerState, DeclaredError } from '@deskhand/contracts';
import { Database, Outbox } from '@deskhand/platform';
import { Injectable } from '@nestjs/common';
import { type ComputerRow, computerEntity } from '../database/entities.ts';

/** What is written when a computer changes; the rest of its row stays. */
export interface ComputerChange {
  state: ComputerState;
  step?: string;
  error?: string;
  containerId?: string | null;
  host?: string | null;
}

/** Another manager has the computer now, or nobody: what this one wanted to write was not written. */
export class ComputerTaken extends DeclaredError {
  constructor() {
    super('UNAVAILABLE', 'The computer moved to another manager; ask again');
  }
}

/** A computer as a manager took it over. */
export type Held = Pick<ComputerRow, 'id' | 'managerId' | 'epoch'>;

@Injectable()
export class ComputersRepository {
  constructor(private readonly database: Database, private readonly outbox: Outbox) {}

  async all(): Promise<ComputerRow[]> {
    const rows = await this.database.read(async (em) => em.find(computerEntity, {}, { orderBy: { id: 'asc' }, disableIdentityMap: true }));
    return rows.map(plain);
  }

  async find(id: string): Promise<ComputerRow | null> {
    const row = await this.database.read(async (em) => em.findOne(computerEntity, id, { disableIdentityMap: true }));
    return row && plain(row);
  }

  /** The row of a computer, made when it is new. An old one keeps its owner. */
  async ensure(id: string, conversationId: string, userId: string, now = Date.now()): Promise<ComputerRow> {
    const row = await this.database.transaction(async (em) => {
      const known = await em.findOne(computerEntity, id);
      return known ?? em.create(computerEntity, {
        id, conversationId, userId, containerId: null, state: 'none', step: null, error: null, createdAt: now, startedAt: null, lastUsedAt: now, pausedAt: null, stoppedAt: null, changedAt: 0,
        managerId: null, epoch: 0, host: null, removedAt: null,
      }, { persist: true });
    });
    return plain(row);
  }

  /** Writes a change and tells it. Null when the row is gone: then nothing is told. `ComputerTaken` when it is not `held` any more. */
  async change(held: Held, change: ComputerChange, now = Date.now()): Promise<ComputerRow | null> {
    const { id } = held;
    const changed = await this.database.transaction(async (em) => {
      const row = await em.findOne(computerEntity, id);
      if (row === null) return null;
      assertHeld(row, held);
      const at = Math.max(now, row.changedAt + 1);
      if (change.state === 'ready' && row.state !== 'paused' && row.state !== 'ready') row.startedAt = now;
      row.pausedAt = change.state === 'paused' ? now : null;
      if (change.state === 'stopped') row.stoppedAt = now;
      if (change.containerId !== undefined) row.containerId = change.containerId;
      if (change.host !== undefined) row.host = change.host;
      Object.assign(row, { state: change.state, step: change.step ?? null, error: change.error ?? null, changedAt: at });
      this.outbox.add(em, computerChanged, {
        computer_id: id, state: change.state, ...(change.step !== undefined && { step: change.step }), ...(change.error !== undefined && { error: change.error }), at: new Date(at).toISOString(),
      }, { id: `${id}:${at}` });
      return row;
    });
    return changed && plain(changed);
  }

  async used(id: string, lastUsedAt: number): Promise<void> {
    await this.database.transaction(async (em) => em.nativeUpdate(computerEntity, { id }, { lastUsedAt }));
  }

  /** Throws `ComputerTaken` when it is not `held` any more: asked before something is done that cannot be taken back. */
  async assertHeld(held: Held): Promise<void> {
    const row = await this.find(held.id);
    if (row !== null) assertHeld(row, held);
  }

  async remove(held: Held): Promise<void> {
    const { id, managerId, epoch } = held;
    await this.database.transaction(async (em) => em.nativeDelete(computerEntity, { id, managerId, epoch }));
  }
}

function assertHeld(row: Pick<Stored, 'managerId' | 'epoch'>, { managerId, epoch }: Held): void {
  if ((row.managerId ?? null) !== managerId || row.epoch !== epoch) throw new ComputerTaken();
}

type Stored = { [Key in keyof ComputerRow]: null extends ComputerRow[Key] ? ComputerRow[Key] | undefined : ComputerRow[Key] };

/** The row without its entity manager. */
export function plain({ id, conversationId, userId, containerId, state, step, error, createdAt, startedAt, lastUsedAt, pausedAt, stoppedAt, changedAt, managerId, epoch, host, removedAt }: Stored): ComputerRow {
  return {
    id, conversationId, userId, state, createdAt, lastUsedAt, changedAt, epoch, managerId: managerId ?? null, host: host ?? null, removedAt: removedAt ?? null,
    containerId: containerId ?? null, step: step ?? null, error: error ?? null, startedAt: startedAt ?? null, pausedAt: pausedAt ?? null, stoppedAt: stoppedAt ?? null,
  };
}
