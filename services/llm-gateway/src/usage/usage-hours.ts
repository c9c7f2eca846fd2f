import type { EntityManager } from '@deskhand/platform';
import type { UsageRow } from '../database/entities.ts';
import { inputTokens } from '../wire/token-usage.ts';
import { wentWell } from './model-call.ts';

const hourMs = 3_600_000;
const names = ['hour', 'instance', 'user_id', 'conversation_id', 'agent', 'key_hash', 'team_id', 'provider', 'model'] as const;
const counts = ['calls', 'failed', 'unpriced', 'input', 'cache_read', 'cache_write', 'output', 'reasoning', 'cost'] as const;
const places = `(${[...names, ...counts].map(() => '?').join(', ')})`;
const sums = counts.map((name) => `${name} = usage_hours.${name} + excluded.${name}`).join(', ');

/** What one line of the table is about, and the sums of its rows. */
type Line = { of: (string | number)[]; counts: number[] };

/**
 * Adds calls to the sums of their hours, in the transaction that stores them. Each instance has lines of its own, so that
 * two of them never wait for each other.
 */
export async function addToHours(em: EntityManager, instance: string, rows: readonly UsageRow[]): Promise<void> {
  const lines = new Map<string, Line>();
  let before: UsageRow | null = null;
  let line: Line = { of: [], counts: [] };
  for (const row of rows) {
    // Calls come in rows of the same caller and model.
    if (before === null || !isOfTheSame(row, before)) line = lineOf(row, instance, lines);
    before = row;
    addTo(line.counts, row);
  }
  if (lines.size === 0) return;
  // In one order everywhere: writers that meet do not block each other for good.
  const sorted = [...lines].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, line]) => line);
  const sql = `insert into usage_hours (${[...names, ...counts].join(', ')}) values ${sorted.map(() => places).join(', ')} on conflict (${names.join(', ')}) do update set ${sums}`;
  await em.execute(sql, sorted.flatMap((line) => [...line.of, ...line.counts]));
}

function lineOf(row: UsageRow, instance: string, lines: Map<string, Line>): Line {
  const of = [
    Math.floor(row.startedAt / hourMs), instance, row.userId ?? row.keyUser ?? '', row.conversationId ?? '', row.agent ?? '', row.keyHash ?? '', row.keyTeam ?? '', row.provider, row.model,
  ];
  const key = of.join('\n');
  const known = lines.get(key);
  if (known !== undefined) return known;
  const line = { of, counts: counts.map(() => 0) };
  lines.set(key, line);
  return line;
}

const isOfTheSame = (one: UsageRow, other: UsageRow): boolean =>
  one.model === other.model && one.provider === other.provider && one.keyHash === other.keyHash && one.userId === other.userId && one.conversationId === other.conversationId && one.agent === other.agent && one.keyUser === other.keyUser &&
  one.keyTeam === other.keyTeam && Math.floor(one.startedAt / hourMs) === Math.floor(other.startedAt / hourMs);

/** In the order of `counts`. */
function addTo(sums: number[], row: UsageRow): void {
  const input = inputTokens(row);
  sums[0]! += 1;
  if (!wentWell(row.status)) sums[1]! += 1;
  if (row.cost == null && input + row.output > 0) sums[2]! += 1;
  sums[3]! += input;
  sums[4]! += row.cacheRead;
  sums[5]! += row.cacheWrite5m + row.cacheWrite1h;
  sums[6]! += row.output;
  sums[7]! += row.reasoning;
  sums[8]! += row.cost ?? 0;
}
