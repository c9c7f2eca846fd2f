import type { DataOf, RunUsage, Snapshot, usageRecorded } from '@deskhand/contracts';
import type { EntityManager } from '@deskhand/platform';
import { timestamp } from '../database/clock.ts';
import { runUsageEntity, type RunUsageRow } from '../database/entities.ts';

/** Adds one call to what its run used. */
export async function addUsage(em: EntityManager, { conversation_id, run_id, input_tokens, output_tokens, cached_tokens, reasoning_tokens, cost }: DataOf<typeof usageRecorded>): Promise<void> {
  const row = (await em.findOne(runUsageEntity, { conversationId: conversation_id, runId: run_id }))
    ?? em.create(runUsageEntity, { conversationId: conversation_id, runId: run_id, calls: 0, inputTokens: 0, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0, cost: 0, unpricedCalls: 0, contextTokens: 0, lastAt: '' });
  row.calls += 1;
  row.inputTokens += input_tokens;
  row.cachedTokens += cached_tokens;
  row.outputTokens += output_tokens;
  row.reasoningTokens += reasoning_tokens;
  row.cost += cost ?? 0;
  row.unpricedCalls += cost === null ? 1 : 0;
  row.contextTokens = input_tokens + output_tokens;
  row.lastAt = timestamp();
}

/** By run; runs that used nothing are absent. */
export async function usageOfRuns(em: EntityManager, conversationId: string, runIds: readonly string[]): Promise<Record<string, RunUsage>> {
  const rows = await em.find(runUsageEntity, { conversationId, runId: { $in: [...new Set(runIds)] } }, { disableIdentityMap: true });
  return Object.fromEntries(rows.map((row) => [row.runId, usageView(row)]));
}

/** Null before the first call. */
export async function conversationUsage(em: EntityManager, conversationId: string): Promise<NonNullable<Snapshot['usage']> | null> {
  const [last] = await em.find(runUsageEntity, { conversationId }, { orderBy: { lastAt: 'desc', runId: 'desc' }, limit: 1, disableIdentityMap: true });
  if (last === undefined) return null;
  const [sum] = await em.execute<Record<keyof RunUsage, string | number>[]>(
    `select sum(calls) as calls, sum(input_tokens) as input_tokens, sum(cached_tokens) as cached_tokens, sum(output_tokens) as output_tokens, sum(reasoning_tokens) as reasoning_tokens, sum(cost) as cost, sum(unpriced_calls) as unpriced_calls
    from run_usage where conversation_id = ?`, [conversationId],
  );
  // PostgreSQL gives sums as text.
  const of = (name: keyof RunUsage): number => Number(sum?.[name] ?? 0);
  return {
    calls: of('calls'), input_tokens: of('input_tokens'), cached_tokens: of('cached_tokens'), output_tokens: of('output_tokens'), reasoning_tokens: of('reasoning_tokens'), cost: of('cost'), unpriced_calls: of('unpriced_calls'),
    context_tokens: last.contextTokens,
  };
}

function usageView(row: RunUsageRow): RunUsage {
  return { calls: row.calls, input_tokens: row.inputTokens, cached_tokens: row.cachedTokens, output_tokens: row.outputTokens, reasoning_tokens: row.reasoningTokens, cost: row.cost, unpriced_calls: row.unpricedCalls };
}
