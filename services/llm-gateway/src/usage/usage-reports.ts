import { setImmediate as nextTurn } from 'node:timers/promises';
import type { UsageFigures, UsageGroup, UsageSum } from '@deskhand/contracts';
import { Database, type EntityManager } from '@deskhand/platform';
import { Inject, Injectable } from '@nestjs/common';
import { virtualKeyEntity } from '../database/entities.ts';
import { dayText, hourText, type HourRange } from './usage-range.ts';

const modelName = `case when provider = '' then model else provider || '/' || model end`;
const expressions: Readonly<Record<UsageGroup, string>> = { hour: 'hour', day: 'hour / 24', user: 'user_id', conversation: 'conversation_id', agent: 'agent', model: modelName, key: 'key_hash', team: 'team_id' };
const counts = ['calls', 'failed', 'unpriced', 'input', 'cache_read', 'cache_write', 'output', 'reasoning', 'cost'] as const;
const figures = counts.map((name) => `sum(${name}) as ${name}`).join(', ');

/** PostgreSQL gives sums of whole numbers as text; of nothing they are null. */
type Summed = Record<string, string | number | null>;

export interface UsageWhere extends HourRange {
  userId?: string | undefined;
  conversationId?: string | undefined;
  model?: string | undefined;
  agent?: string | undefined;
  keyHash?: string | undefined;
}

/** SQLite answers within this process, so a long range is read a day at a time: calls at work do not wait for a report. */
const sliceHours = 24;

/** Sums over what was used, from the lines that hold each hour's: no report reads call by call. */
@Injectable()
export class UsageReports {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** At most `limit` rows, times first and then the most expensive; `hasMore` when others follow. */
  async rows(where: UsageWhere, groups: readonly UsageGroup[], limit: number, offset = 0): Promise<{ rows: UsageSum[]; hasMore: boolean }> {
    if (groups.length === 0) return { rows: [], hasMore: false };
    return this.database.read(async (em) => {
      const found = this.database.dialect === 'postgres' ? await page(em, where, groups, limit + 1, offset) : [...(await inSlices(em, where, groups)).values()].sort(inOrder(groups)).slice(offset, offset + limit + 1);
      const rows = found.slice(0, limit);
      const keys = groups.includes('key') ? await keyNames(em, rows.map((row) => String(row[`g${groups.indexOf('key')}`]))) : new Map();
      return { rows: rows.map((row) => ({ ...namesOf(row, groups, keys), ...figuresOf(row) })), hasMore: found.length > limit };
    });
  }

  async total(where: UsageWhere): Promise<UsageFigures> {
    const [row] = await this.database.read(async (em) => (this.database.dialect === 'postgres' ? summed(em, where, []) : [...(await inSlices(em, where, [])).values()]));
    return figuresOf(row ?? {});
  }
}

const isTime = (group: UsageGroup): boolean => group === 'day' || group === 'hour';
const numbersOf = (groups: readonly UsageGroup[], which: (group: UsageGroup) => boolean = () => true): number[] => groups.flatMap((group, index) => (which(group) ? [index + 1] : []));

/** `end`: what follows the grouping. */
async function summed(em: EntityManager, where: UsageWhere, groups: readonly UsageGroup[], end = ''): Promise<Summed[]> {
  const { sql, values } = conditions(where);
  const columns = groups.map((group, index) => `${expressions[group]} as g${index}, `).join('');
  return em.execute<Summed[]>(`select ${columns}${figures} from usage_hours where ${sql}${groups.length === 0 ? '' : ` group by ${numbersOf(groups).join(', ')}`}${end}`, values);
}

async function page(em: EntityManager, where: UsageWhere, groups: readonly UsageGroup[], limit: number, offset: number): Promise<Summed[]> {
  const order = [...numbersOf(groups, isTime), 'sum(cost) desc', 'sum(input) + sum(output) desc', ...numbersOf(groups, (group) => !isTime(group))];
  return summed(em, where, groups, ` order by ${order.join(', ')} limit ${limit} offset ${offset}`);
}

/** By what they are grouped by. */
async function inSlices(em: EntityManager, where: UsageWhere, groups: readonly UsageGroup[]): Promise<Map<string, Summed>> {
  const sums = new Map<string, Summed>();
  for (let { from } = where; from < where.to; from += sliceHours) {
    for (const row of await summed(em, { ...where, from, to: Math.min(where.to, from + sliceHours) }, groups)) {
      const key = groups.map((_, index) => row[`g${index}`]).join('\u0000');
      const known = sums.get(key);
      if (known === undefined) sums.set(key, row);
      else for (const name of counts) known[name] = Number(known[name] ?? 0) + Number(row[name] ?? 0);
    }
    await nextTurn();
  }
  return sums;
}

/** As the database would put them. */
function inOrder(groups: readonly UsageGroup[]): (one: Summed, other: Summed) => number {
  const [times, names] = [numbersOf(groups, isTime), numbersOf(groups, (group) => !isTime(group))];
  const by = (numbers: readonly number[], one: Summed, other: Summed): number => {
    for (const number of numbers) if (one[`g${number - 1}`] !== other[`g${number - 1}`]) return one[`g${number - 1}`]! < other[`g${number - 1}`]! ? -1 : 1;
    return 0;
  };
  const of = (row: Summed, ...fields: (typeof counts)[number][]): number => fields.reduce((sum, field) => sum + Number(row[field] ?? 0), 0);
  return (one, other) => by(times, one, other) || of(other, 'cost') - of(one, 'cost') || of(other, 'input', 'output') - of(one, 'input', 'output') || by(names, one, other);
}

function conditions({ from, to, userId, conversationId, model, agent, keyHash }: UsageWhere): { sql: string; values: (string | number)[] } {
  const all: [string, string | number | undefined][] = [['hour >= ?', from], ['hour < ?', to], ['user_id = ?', userId], ['conversation_id = ?', conversationId], [`${modelName} = ?`, model], ['agent = ?', agent], ['key_hash = ?', keyHash]];
  const given = all.filter((condition): condition is [string, string | number] => condition[1] !== undefined);
  return { sql: given.map(([text]) => text).join(' and '), values: given.map(([, value]) => value) };
}

type KeyNames = ReadonlyMap<string, { name: string; alias: string | null }>;

async function keyNames(em: EntityManager, hashes: readonly string[]): Promise<KeyNames> {
  const rows = await em.find(virtualKeyEntity, { hash: { $in: [...new Set(hashes)] } }, { fields: ['hash', 'name', 'alias'] });
  return new Map(rows.map(({ hash, name, alias }) => [hash, { name, alias: alias ?? null }]));
}

function namesOf(row: Summed, groups: readonly UsageGroup[], keys: KeyNames): Partial<UsageSum> {
  const names: Partial<UsageSum> = {};
  for (const [index, group] of groups.entries()) {
    const value = row[`g${index}`];
    const text = value === '' || value === null || value === undefined ? null : String(value);
    if (group === 'hour') names.hour = hourText(Number(value));
    else if (group === 'day') names.day = dayText(Number(value));
    else if (group === 'model') names.model = text ?? '';
    else if (group === 'agent') names.agent = text;
    else if (group === 'key') names.key = text === null ? null : { hash: text, name: keys.get(text)?.name ?? null, alias: keys.get(text)?.alias ?? null };
    else names[`${group}_id`] = text;
  }
  return names;
}

function figuresOf(row: Summed): UsageFigures {
  const of = (name: string): number => Number(row[name] ?? 0);
  return {
    calls: of('calls'), failed_calls: of('failed'), input_tokens: of('input'), cached_tokens: of('cache_read'), cache_write_tokens: of('cache_write'), output_tokens: of('output'), reasoning_tokens: of('reasoning'),
    cost: of('cost'), unpriced_calls: of('unpriced'),
  };
}
