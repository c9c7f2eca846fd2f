import type { UsageFigures, UsageGroup, UsageSum } from '@deskhand/contracts';
import { Database, type EntityManager } from '@deskhand/platform';
import { Inject, Injectable } from '@nestjs/common';
import { virtualKeyEntity } from '../database/entities.ts';
import { dayText, hourText, type HourRange } from './usage-range.ts';

const modelName = `case when provider = '' then model else provider || '/' || model end`;
const expressions: Readonly<Record<UsageGroup, string>> = { hour: 'hour', day: 'hour / 24', user: 'user_id', conversation: 'conversation_id', agent: 'agent', model: modelName, key: 'key_hash', team: 'team_id' };
const figures = 'sum(calls) as calls, sum(failed) as failed, sum(unpriced) as unpriced, sum(input) as input, sum(cache_read) as cache_read, sum(cache_write) as cache_write, sum(output) as output, sum(reasoning) as reasoning, sum(cost) as cost';

/** PostgreSQL gives sums of whole numbers as text; of nothing they are null. */
type Summed = Record<string, string | number | null>;

export interface UsageWhere extends HourRange {
  userId?: string | undefined;
  conversationId?: string | undefined;
  model?: string | undefined;
  agent?: string | undefined;
  keyHash?: string | undefined;
}

/** Sums over what was used, from the lines that hold each hour's: no report reads call by call. */
@Injectable()
export class UsageReports {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** At most `limit` rows, times first and then the most expensive; `hasMore` when others follow. */
  async rows(where: UsageWhere, groups: readonly UsageGroup[], limit: number, offset = 0): Promise<{ rows: UsageSum[]; hasMore: boolean }> {
    if (groups.length === 0) return { rows: [], hasMore: false };
    const { sql, values } = conditions(where);
    const numbers = groups.map((_, index) => index + 1);
    const times = numbers.filter((number) => groups[number - 1] === 'day' || groups[number - 1] === 'hour');
    const order = [...times, 'sum(cost) desc', 'sum(input) + sum(output) desc', ...numbers.filter((number) => !times.includes(number))];
    const columns = groups.map((group, index) => `${expressions[group]} as g${index}`).join(', ');
    const query = `select ${columns}, ${figures} from usage_hours where ${sql} group by ${numbers.join(', ')} order by ${order.join(', ')} limit ${limit + 1} offset ${offset}`;
    return this.database.read(async (em) => {
      const found = await em.execute<Summed[]>(query, values);
      const page = found.slice(0, limit);
      const keys = groups.includes('key') ? await keyNames(em, page.map((row) => String(row[`g${groups.indexOf('key')}`]))) : new Map();
      return { rows: page.map((row) => ({ ...namesOf(row, groups, keys), ...figuresOf(row) })), hasMore: found.length > limit };
    });
  }

  async total(where: UsageWhere): Promise<UsageFigures> {
    const { sql, values } = conditions(where);
    const [row] = await this.database.read(async (em) => em.execute<Summed[]>(`select ${figures} from usage_hours where ${sql}`, values));
    return figuresOf(row ?? {});
  }
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
