import { randomUUID } from 'node:crypto';
import { Database, type EntityManager } from '@deskhand/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { Limit, LimitLeases } from './limit.ts';

const minuteMs = 60_000;
/** How long slots are kept for an instance that does not say that it still needs them. */
const slotsMs = 10_000;
/** Limits that nobody asked about for so long are forgotten. */
const forgottenMs = 86_400_000;

interface ShareRow {
  instance: string;
  amount: number | string;
}

/** Who holds how much of each limit, in the database: the shares of all instances together are never more than the limit. */
@Injectable()
export class LimitsRepository implements LimitLeases {
  /** This process, not its place: a successor counts for itself while what its predecessor held runs out. */
  private readonly instance = randomUUID();

  constructor(@Inject(Database) private readonly database: Database) {}

  async lease({ id, kind, most }: Limit, owed: number, least: number, wanted: number): Promise<{ granted: number; endsInMs: number; lease: number }> {
    return this.database.lockingTransaction(async (em) => {
      await this.lock(em, id);
      // All instances go by the database's clock.
      const now = await this.database.now(em);
      const until = kind === 'minute' ? (Math.floor(now / minuteMs) + 1) * minuteMs : now + slotsMs;
      const shares = await em.execute<ShareRow[]>('select instance, amount from limit_shares where limit_id = ? and until > ?', [id, now]);
      const free = most - owed - shares.reduce((sum, { amount }) => sum + Number(amount), 0);
      const granted = owed + (free >= least ? Math.max(0, Math.min(wanted, free)) : 0);
      const own = Number(shares.find(({ instance }) => instance === this.instance)?.amount ?? 0);
      if (granted > 0 || own > 0) await this.write(em, id, kind, own + granted, until);
      return { granted, endsInMs: until - now, lease: until };
    });
  }

  async giveBack({ id, kind }: Limit, lease: number, amount: number): Promise<void> {
    await this.database.lockingTransaction(async (em) => {
      await this.lock(em, id);
      // A minute that is over has nothing to give.
      const [same, values] = kind === 'minute' ? [' and until = ?', [lease]] : ['', []];
      await em.execute(`update limit_shares set amount = case when amount > ? then amount - ? else 0 end where limit_id = ? and instance = ?${same}`, [amount, amount, id, this.instance, ...values]);
    });
  }

  async renew(ids: readonly string[]): Promise<{ endsInMs: number; kept: ReadonlySet<string> }> {
    return this.database.lockingTransaction(async (em) => {
      const now = await this.database.now(em);
      // One that ran out meanwhile may be others' by now.
      const ours = `instance = ? and limit_id in (${ids.map(() => '?').join(', ')})`;
      await em.execute(`update limit_shares set until = ? where until > ? and ${ours}`, [now + slotsMs, now, this.instance, ...ids]);
      const rows = await em.execute<{ limit_id: string }[]>(`select limit_id from limit_shares where until > ? and ${ours}`, [now, this.instance, ...ids]);
      return { endsInMs: slotsMs, kept: new Set(rows.map((row) => row.limit_id)) };
    });
  }

  /** Gives back the slots of this process, because it ends, and forgets what nobody asked about for a day. */
  async end(): Promise<void> {
    await this.database.lockingTransaction(async (em) => {
      await em.execute(`delete from limit_shares where instance = ? and kind = 'slots'`, [this.instance]);
      await em.execute('delete from limit_shares where until < ?', [(await this.database.now(em)) - forgottenMs]);
      await em.execute('delete from limits where asked_at < ?', [Date.now() - forgottenMs]);
    });
  }

  /** Whoever has this row is alone with the limit. */
  private async lock(em: EntityManager, id: string): Promise<void> {
    await em.execute('insert into limits (id, asked_at) values (?, ?) on conflict (id) do update set asked_at = excluded.asked_at', [id, Date.now()]);
  }

  private async write(em: EntityManager, id: string, kind: Limit['kind'], amount: number, until: number): Promise<void> {
    await em.execute('insert into limit_shares (limit_id, instance, kind, amount, until) values (?, ?, ?, ?, ?) on conflict (limit_id, instance) do update set amount = excluded.amount, until = excluded.until', [id, this.instance, kind, amount, until]);
  }
}
