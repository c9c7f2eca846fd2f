import type { EntityManager } from '@mikro-orm/sql';
import { DeclaredError, fillSubject, type DataOf, type EventContract } from '@deskhand/contracts';
import type { Bus } from '../bus/bus.ts';
import type { Log } from '../log.ts';
import type { Database } from './database.ts';
import type { OutboxEntity } from './outbox-row.ts';

const batch = 200;
const removalDelayMs = 200;

/** A row as the database gives it; SQLite keeps the headers as text. */
interface OutboxRecord {
  id: number;
  event_id: string;
  subject: string;
  stream: string | null;
  headers: string | Record<string, string>;
  payload: string;
}

/**
 * Publishes events after the commit that wrote them, in order, at least once. What could not be published stays a row
 * and is tried again: the next commit and a timer look for it.
 */
export class Outbox {
  /** Events that were too large to be published. */
  givenUp = 0;
  private pumping: Promise<void> | null = null;
  private again = false;
  private timer: NodeJS.Timeout | null = null;
  private failures = 0;
  /** SQLite: rows up to this one are published. */
  private published = 0;
  private done: number[] = [];
  private removing: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(private readonly database: Database, private readonly bus: Bus, private readonly log: Log, private readonly entity: OutboxEntity) {}

  /** Adds an event to the transaction of `em`. `id` makes repeats count once; `address` fills placeholders the data lacks. */
  add<Contract extends EventContract>(
    em: EntityManager, contract: Contract, data: DataOf<Contract>, options: { id: string; address?: Readonly<Record<string, string>>; headers?: Record<string, string> },
  ): void {
    this.database.appendRow(em, 'outbox', {
      event_id: options.id, subject: fillSubject(contract.subject, { ...(data as object), ...options.address }), stream: contract.stream, headers: JSON.stringify(options.headers ?? {}), payload: JSON.stringify(data),
    });
    this.database.onCommit(em, () => this.wake());
  }

  start(): void {
    this.wake();
    this.timer = setInterval(() => this.wake(), 1_000);
    this.timer.unref();
  }

  wake(): void {
    if (this.closed) return;
    this.again = true;
    this.pumping ??= this.pump().finally(() => { this.pumping = null; });
  }

  /** Publishes what is there and stops. */
  async close(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    this.wake();
    await this.pumping;
    await this.remove();
    this.closed = true;
  }

  private async pump(): Promise<void> {
    while (this.again) {
      this.again = false;
      try {
        while ((await this.publishBatch()) === batch);
        this.failures = 0;
      } catch (error) {
        // Once is a reconnect, more is worth a line; the timer tries on.
        if (this.failures++ === 3) this.log.warn('Events cannot be published at the moment; they are kept', { error });
        return;
      }
    }
  }

  private async publishBatch(): Promise<number> {
    // On PostgreSQL other instances publish too: each takes rows that nobody holds. SQLite has one instance, and holding
    // its only writer while NATS answers would make every commit wait.
    if (this.database.dialect === 'sqlite') {
      const rows = await this.database.read(async (em) => em.execute<OutboxRecord[]>(`select id, event_id, subject, stream, headers, payload from outbox where id > ? order by id limit ${batch}`, [this.published]));
      const published = await this.publishRows(rows);
      // Rows that were passed over are behind the mark; the next look must find them again.
      if (published.length === rows.length && rows.length > 0) this.published = rows.at(-1)!.id;
      this.removeLater(published);
      return this.completed(rows.length, published.length);
    }
    const [found, published] = await this.database.lockingTransaction(async (em) => {
      const rows = await em.execute<OutboxRecord[]>(`select id, event_id, subject, stream, headers, payload from outbox order by id limit ${batch} for update skip locked`);
      const published = await this.publishRows(rows);
      if (published.length > 0) await em.nativeDelete(this.entity, { id: { $in: published } });
      return [rows.length, published.length] as const;
    });
    // After the commit: what was published is gone from here, whatever became of the others.
    return this.completed(found, published);
  }

  /** Off the way of those who wait: a deletion is a commit of its own. One that a crash prevents is a repeat that counts once. */
  private removeLater(ids: readonly number[]): void {
    this.done.push(...ids);
    if (this.done.length === 0 || this.removing !== null) return;
    this.removing = setTimeout(() => {
      this.removing = null;
      void this.remove().catch((error: unknown) => this.log.warn('Published events could not be removed; they are sent again at the next start', { error }));
    }, removalDelayMs);
  }

  private async remove(): Promise<void> {
    if (this.removing !== null) clearTimeout(this.removing);
    this.removing = null;
    const ids = this.done.splice(0);
    if (ids.length > 0) await this.database.transaction(async (em) => { await em.nativeDelete(this.entity, { id: { $in: ids } }); });
  }

  private completed(found: number, published: number): number {
    if (published < found) throw new Error(`${found - published} events were not taken by NATS`);
    return found;
  }

  /**
   * Sends all in order without waiting in between; gives the ids that are done with. One that is larger than the server
   * takes never arrives: readers find it in the database, and nothing waits behind it.
   */
  private async publishRows(rows: readonly OutboxRecord[]): Promise<number[]> {
    const results = await Promise.allSettled(rows.map(async (row) => {
      const headers = typeof row.headers === 'string' ? (JSON.parse(row.headers) as Record<string, string>) : row.headers;
      await this.bus.publish(row.subject, row.payload, { id: row.event_id, headers, stream: row.stream });
    }));
    return rows.flatMap((row, index) => {
      const result = results[index]!;
      if (result.status === 'fulfilled') return [row.id];
      if (!(result.reason instanceof DeclaredError) || result.reason.code !== 'TOO_LARGE') return [];
      this.givenUp++;
      this.log.error('An event is too large to be published and is given up', { subject: row.subject, id: row.event_id, units: row.payload.length });
      return [row.id];
    });
  }
}
