import { type ComputerState } from '@deskhand/contracts';
import { Database, type EntityManager } from '@deskhand/platform';
import { Injectable } from '@nestjs/common';
import { plain } from '../computers/computers.repository.ts';
import { type ComputerRow, computerEntity, managerEntity } from '../database/entities.ts';

/** A manager as others see it. `host` is its engine's id, null while that does not answer. */
export interface Manager {
  id: string;
  host: string | null;
}

/** `held`: the caller has it now · `ask`: another manager has it, or is nearer to its files · `leaving`: its manager is about to give it back. */
export type Claim = { type: 'held'; row: ComputerRow } | { type: 'ask'; managerId: string } | { type: 'leaving' };

/** How long a manager has its computers after its last heartbeat. */
export const leaseMs = 6_000;
/** How long one that ends may take. */
const leavingMs = 20_000;
const rememberedMs = 24 * 3_600_000;
/** States in which a computer has a container, or should. */
export const liveStates: readonly ComputerState[] = ['starting', 'ready', 'paused', 'stopping'];

/** Who looks after which computer: rows of the database, leases by its clock. */
@Injectable()
export class ManagersRepository {
  constructor(private readonly database: Database) {}

  /** Enters a manager. What the one before it had at the same place is its own from now on. */
  async begin({ id, host }: Manager, instance: string): Promise<void> {
    await this.database.transaction(async (em) => {
      const now = await this.database.now(em);
      for (const before of await em.find(managerEntity, { instance, id: { $ne: id } })) {
        await em.execute('update computers set manager_id = ?, epoch = epoch + 1 where manager_id = ?', [id, before.id]);
        em.remove(before);
      }
      await em.nativeDelete(managerEntity, { leaseUntil: { $lt: now - rememberedMs } });
      em.create(managerEntity, { id, instance, host, leaseUntil: now + leaseMs, leaving: false });
    });
  }

  /** Renews the lease of all its computers at once; answers which they are and their epochs. Null when it is not known any more. */
  async beat({ id, host }: Manager): Promise<Map<string, number> | null> {
    return this.database.transaction(async (em) => {
      if ((await em.nativeUpdate(managerEntity, { id }, { host, leaseUntil: (await this.database.now(em)) + leaseMs })) === 0) return null;
      const rows = await em.find(computerEntity, { managerId: id }, { fields: ['id', 'epoch'], disableIdentityMap: true });
      return new Map(rows.map((row) => [row.id, row.epoch]));
    });
  }

  /** Takes a computer that nobody has. Null when there is no such computer. */
  async claim(computerId: string, me: Manager): Promise<Claim | null> {
    return this.database.transaction(async (em) => {
      const row = await em.findOne(computerEntity, computerId);
      if (row === null) return null;
      const others = await this.live(em, me);
      if (row.managerId === me.id) return { type: 'held', row: plain(row) };
      const owner = others.find(({ id }) => id === row.managerId);
      if (owner) return owner.leaving ? { type: 'leaving' } : { type: 'ask', managerId: owner.id };
      const stay = others.filter(({ leaving }) => !leaving);
      const nearer = row.host !== null && row.host !== me.host ? stay.find(({ host }) => host === row.host) : undefined;
      const able = nearer ?? (me.host === null ? stay.find(({ host }) => host !== null) : undefined);
      if (able) return { type: 'ask', managerId: able.id };
      return { type: 'held', row: take(row, me) };
    });
  }

  /** Takes what nobody has and this manager's host does: computers that should run, that have a container there, or that wait to be removed. */
  async claimAbandoned(me: Manager, withContainer: readonly string[]): Promise<ComputerRow[]> {
    if (me.host === null) return [];
    const { host } = me;
    const wanted = { $and: [{ $or: [{ host }, { host: null }] }, { $or: [{ state: { $in: [...liveStates] } }, { removedAt: { $ne: null } }, { id: { $in: [...withContainer] } }] }] };
    // Managers look often and mostly in vain: a look without a write lock is enough for that.
    const look = async (em: EntityManager) => {
      const living = [me.id, ...(await this.live(em, me)).map(({ id }) => id)];
      return em.find(computerEntity, { $and: [wanted, { $or: [{ managerId: null }, { managerId: { $nin: living } }] }] });
    };
    if ((await this.database.read(look)).length === 0) return [];
    return this.database.transaction(async (em) => (await look(em)).map((row) => take(row, me)));
  }

  /** Gives one computer back: whoever is asked for it next may take it. `removed`: its host is to remove it. */
  async giveBack({ id, managerId, epoch }: ComputerRow, { removed }: { removed: boolean }): Promise<void> {
    await this.database.transaction(async (em) => em.nativeUpdate(computerEntity, { id, managerId, epoch }, { managerId: null, ...(removed && { removedAt: Date.now() }) }));
  }

  /** Says that a manager is about to end. Answers whether another one stays. */
  async leave(me: Manager): Promise<boolean> {
    return this.database.transaction(async (em) => {
      await em.nativeUpdate(managerEntity, { id: me.id }, { leaving: true, leaseUntil: (await this.database.now(em)) + leavingMs });
      return (await this.live(em, me)).some(({ leaving }) => !leaving);
    });
  }

  /** Gives everything back. */
  async end({ id }: Manager): Promise<void> {
    await this.database.transaction(async (em) => {
      await em.nativeUpdate(computerEntity, { managerId: id }, { managerId: null });
      await em.nativeDelete(managerEntity, { id });
    });
  }

  private async live(em: EntityManager, me: Manager) {
    return em.find(managerEntity, { id: { $ne: me.id }, leaseUntil: { $gte: await this.database.now(em) } }, { disableIdentityMap: true });
  }
}

function take(row: Parameters<typeof plain>[0], me: Manager): ComputerRow {
  Object.assign(row, { managerId: me.id, epoch: row.epoch + 1 });
  return plain(row);
}
