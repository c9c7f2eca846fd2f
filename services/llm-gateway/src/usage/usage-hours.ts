import type { EntityManager } from '@deskhand/platform';
import type { UsageRow } from '../database/entities.ts';
import { inputTokens } from '../wire/token-usage.ts';
import { wentWell } from './model-call.ts';

const hourMs = 3_600_000;
const names = ['hour', 'instance', 'user_id', 'conversation_id', 'agent', 'key_hash', 'team_id', 'provider', 'model'] as const;
const counts = ['calls', 'failed', 'unpriced', 'input', 'cache_read', 'cache_write', 'output', 'reasoning', 'cost'] as const;
const places = `(${[...names, ...counts].map(() => '?').join(', ')})`;
const sums = counts.map((name) => `${name} = usage_hours.${name} + excluded.${name}`).join(', ');

/** Rows of one hour of one caller at one model, as a line of the table. */
type Line = { of: (string | number)[]; counts: number[] };

/**
 * Adds calls to the sums of their hours, in the transaction that stores them. Each instance has lines of its own, so that
 * two of them never wait for each other.
 */
export async function addToHours(em: EntityManager, instance: string, rows: readonly UsageRow[]): Promise<void> {
  const lines = new Map<string, Line>();
  for (const row of rows) {
    const of = [
      Math.floor(row.startedAt / hourMs), instance, row.userId ?? row.keyUser ?? '', row.conversationId ?? '', row.agent ?? '', row.keyHash ?? '', row.keyTeam ?? '', row.provider, row.model,
    ];
    const key = of.join('\n');
    const line = lines.get(key) ?? { of, counts: counts.map(() => 0) };
    lines.set(key, line);
    const amounts = countsOf(row);
    for (let index = 0; index < amounts.length; index++) line.counts[index]! += amounts[index]!;
  }
  if (lines.size === 0) return;
  // In one order everywhere: writers that meet do not block each other for good.
  const sorted = [...lines].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, line]) => line);
  const sql = `insert into usage_hours (${[...names, ...counts].join(', ')}) values ${sorted.map(() => places).join(', ')} on conflict (${names.join(', ')}) do update set ${sums}`;
  await em.execute(sql, sorted.flatMap((line) => [...line.of, ...line.counts]));
}

function countsOf(row: UsageRow): number[] {
  const input = inputTokens(row);
  const unpriced = row.cost == null && input + row.output > 0;
  return [1, wentWell(row.status) ? 0 : 1, unpriced ? 1 : 0, input, row.cacheRead, row.cacheWrite5m + row.cacheWrite1h, row.output, row.reasoning, row.cost ?? 0];
}
