import { Database, type EntityManager } from '@deskhand/platform';
import { Inject, Injectable } from '@nestjs/common';
import { usageEntity, type UsageRow } from '../database/entities.ts';

/** Unix milliseconds; `to` is the first that is no longer in it. */
export interface CallsWhere {
  id?: string | undefined;
  from?: number | undefined;
  to?: number | undefined;
  keyHash?: string | undefined;
  user?: string | undefined;
}

/** An id is made right before its call's beginning is noted. */
const toleranceMs = 60_000;
/** Callers that are asked one by one; among more of them the newest calls are looked for together. */
const mostApart = 100;

/** Single calls, newest first, a page at a time. */
@Injectable()
export class UsageCalls {
  constructor(@Inject(Database) private readonly database: Database) {}

  async list({ id, keyHash, user, ...time }: CallsWhere, limit: number, offset: number): Promise<UsageRow[]> {
    return this.database.read(async (em) => {
      const callers = keyHash === undefined && user === undefined ? null : await callersWho(em, keyHash, user);
      const ids = await newest(em, callers, timesOf(id, time), limit, offset);
      return em.find(usageEntity, { id: { $in: ids } }, { orderBy: { id: 'desc' } });
    });
  }
}

interface Condition {
  sql: string;
  values: (string | number)[];
}

/** Their numbers in `usage_callers`. */
async function callersWho(em: EntityManager, keyHash: string | undefined, user: string | undefined): Promise<number[]> {
  const all: [sql: string, values: string[]][] = [];
  if (keyHash !== undefined) all.push(['key_hash = ?', [keyHash]]);
  if (user !== undefined) all.push(['(user_id = ? or (user_id is null and key_user = ?))', [user, user]]);
  const rows = await em.execute<{ id: number | string }[]>(`select id from usage_callers where ${all.map(([sql]) => sql).join(' and ')}`, all.flatMap(([, values]) => values));
  return rows.map((row) => Number(row.id));
}

function timesOf(id: string | undefined, { from, to }: Pick<CallsWhere, 'from' | 'to'>): Condition {
  const all: [string, string | number][] = [];
  if (id !== undefined) all.push(['id = ?', id]);
  // The id finds them, for it begins with the time; what counts is when they began.
  if (from !== undefined) all.push(['id >= ?', idAt(from - toleranceMs)], ['started_at >= ?', from]);
  if (to !== undefined) all.push(['id < ?', idAt(to + toleranceMs)], ['started_at < ?', to]);
  return { sql: all.map(([sql]) => ` and ${sql}`).join(''), values: all.map(([, value]) => value) };
}

async function newest(em: EntityManager, callers: readonly number[] | null, times: Condition, limit: number, offset: number): Promise<string[]> {
  if (callers?.length === 0) return [];
  const page = ` order by id desc limit ${limit} offset ${offset}`;
  const each = ` order by id desc limit ${limit + offset}`;
  // Each caller's newest come from the index in order; of several callers' calls that would all have to be sorted.
  const found = callers === null ? await em.execute<{ id: string }[]>(`select id from usage_calls where 1 = 1${times.sql}${page}`, times.values)
    : callers.length > mostApart ? await em.execute<{ id: string }[]>(`select id from usage_calls where caller in (${callers.join(', ')})${times.sql}${page}`, times.values)
    : await em.execute<{ id: string }[]>(`select id from (${callers.map((caller) => `select * from (select id from usage_calls where caller = ${caller}${times.sql}${each}) c${caller}`).join(' union all ')}) newest${page}`, callers.flatMap(() => times.values));
  return found.map((row) => row.id);
}

/** The first id of a moment. */
function idAt(milliseconds: number): string {
  const time = Math.max(0, Math.floor(milliseconds)).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}`;
}
