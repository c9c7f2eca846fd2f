import { Database, type EntityManager } from '@deskhand/platform';
import type { UsageRow } from '../database/entities.ts';

type Value = string | number | boolean | null;

/** Combinations one process remembers. */
const mostKnown = 10_000;

/**
 * Facts that many calls have in common, in a table of their own: a call names the combination by its number. The same one may
 * stand there more than once, where two processes met it at the same time; nothing depends on its number.
 */
export class SharedFacts {
  private known = new Map<string, number>();

  constructor(private readonly database: Database, private readonly table: string, private readonly columns: readonly string[], private readonly valuesOf: (row: UsageRow) => readonly Value[], private readonly areSame: (one: UsageRow, other: UsageRow) => boolean) {}

  /** The number of each row's combination, in the rows' order; what is new is added in the transaction of `em`. */
  async numbersOf(em: EntityManager, rows: readonly UsageRow[]): Promise<number[]> {
    const fresh = new Map<string, number>();
    const numbers: number[] = [];
    let before: UsageRow | null = null;
    let number = 0;
    for (const row of rows) {
      // Calls come in rows of the same kind.
      if (before === null || !this.areSame(row, before)) {
        const values = this.valuesOf(row);
        const key = JSON.stringify(values);
        const known = this.known.get(key) ?? fresh.get(key);
        number = known ?? (await this.numberOf(em, values));
        if (known === undefined) fresh.set(key, number);
      }
      before = row;
      numbers.push(number);
    }
    if (fresh.size > 0) this.database.onCommit(em, () => this.remember(fresh));
    return numbers;
  }

  private async numberOf(em: EntityManager, values: readonly Value[]): Promise<number> {
    const [found] = await em.execute<{ id: number | string }[]>(`select id from ${this.table} where ${this.columns.map((column) => `${column} is not distinct from ?`).join(' and ')} limit 1`, [...values]);
    const [row] = found === undefined ? await em.execute<{ id: number | string }[]>(`insert into ${this.table} (${this.columns.join(', ')}) values (${this.columns.map(() => '?').join(', ')}) returning id`, [...values]) : [found];
    // PostgreSQL gives large numbers as text.
    return Number(row!.id);
  }

  private remember(fresh: ReadonlyMap<string, number>): void {
    if (this.known.size > mostKnown) this.known = new Map();
    for (const [key, number] of fresh) this.known.set(key, number);
  }
}

/** Whose calls they are. */
export const callersOf = (database: Database): SharedFacts => new SharedFacts(
  database, 'usage_callers', ['user_id', 'key_hash', 'key_user', 'key_team', 'key_job'],
  (row) => [row.userId ?? null, row.keyHash ?? null, row.keyUser ?? null, row.keyTeam ?? null, row.keyJob ?? null],
  (one, other) => one.keyHash === other.keyHash && one.userId === other.userId && one.keyUser === other.keyUser && one.keyTeam === other.keyTeam && one.keyJob === other.keyJob,
);

/** What was asked, by which program, and what became of it. */
export const kindsOf = (database: Database): SharedFacts => new SharedFacts(
  database, 'usage_kinds', ['agent', 'model_group', 'source', 'provider', 'model', 'wire', 'stream', 'status', 'http_status', 'estimated'],
  (row) => [row.agent ?? null, row.modelGroup ?? null, row.source ?? null, row.provider, row.model, row.wire, row.stream, row.status, row.httpStatus ?? null, row.estimated],
  (one, other) => one.model === other.model && one.modelGroup === other.modelGroup && one.status === other.status && one.httpStatus === other.httpStatus && one.stream === other.stream && one.wire === other.wire && one.estimated === other.estimated
    && one.provider === other.provider && one.agent === other.agent && one.source === other.source,
);
