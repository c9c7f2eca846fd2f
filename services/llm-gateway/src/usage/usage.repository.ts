import { setImmediate as nextTurn } from 'node:timers/promises';
import { usageRecorded } from '@deskhand/contracts';
import { Database, Outbox, type EntityManager } from '@deskhand/platform';
import { Inject, Injectable } from '@nestjs/common';
import { BudgetsRepository } from '../budgets/budgets.repository.ts';
import type { UsageRow } from '../database/entities.ts';
import { GatewaySettings } from '../gateway-config.ts';
import { routeId } from '../providers/route.ts';
import { inputTokens } from '../wire/token-usage.ts';
import { callersOf, kindsOf, type SharedFacts } from './shared-facts.ts';
import { addToHours } from './usage-hours.ts';

const columns = ['id', 'caller', 'kind', 'started_at', 'conversation_id', 'run_id', 'uncached_input', 'cache_read', 'cache_write5m', 'cache_write1h', 'output', 'reasoning', 'cost', 'first_byte_ms', 'duration_ms'];
/** In the columns' order; by hand, because every model call passes here and the mapper costs several times the insert. */
const addValues = (values: unknown[], row: UsageRow, caller: number, kind: number): number => values.push(
  row.id, caller, kind, row.startedAt, row.conversationId ?? null, row.runId ?? null, row.uncachedInput, row.cacheRead, row.cacheWrite5m, row.cacheWrite1h, row.output, row.reasoning, row.cost ?? null, row.firstByteMs ?? null, row.durationMs,
);
const places = `(${columns.map(() => '?').join(', ')})`;
/** Rows of one statement: few different numbers, because a statement is compiled once and a large one takes long. */
const portions = [64, 8, 1] as const;
const breathAt = 256;
const insertion = (count: number): string => `insert into usage_calls (${columns.join(', ')}) values ${Array.from({ length: count }, () => places).join(', ')}`;
const insertions = new Map<number, string>(portions.map((count) => [count, insertion(count)]));

@Injectable()
export class UsageRepository {
  private readonly instance: string;
  private readonly callers: SharedFacts;
  private readonly kinds: SharedFacts;

  constructor(@Inject(Database) private readonly database: Database, @Inject(Outbox) private readonly outbox: Outbox, @Inject(BudgetsRepository) private readonly budgets: BudgetsRepository, @Inject(GatewaySettings) settings: GatewaySettings) {
    this.instance = settings.values.SERVICE_INSTANCE;
    this.callers = callersOf(database);
    this.kinds = kindsOf(database);
  }

  /**
   * Stores rows and announces what runs used. With `mayBeThere` rows that are stored already are left as they are, so that a repeat
   * is harmless; to look for them costs as much as a fifth of storing.
   */
  async store(rows: readonly UsageRow[], mayBeThere: boolean): Promise<void> {
    // Leases of the same budgets are asked for all the time: it waits for them instead of being run again and again.
    await this.database.lockingTransaction(async (em) => {
      const callers = await this.callers.numbersOf(em, rows);
      const kinds = await this.kinds.numbersOf(em, rows);
      const fresh: UsageRow[] = [];
      for (let at = 0; at < rows.length; ) {
        const count = portions.find((portion) => portion <= rows.length - at)!;
        const values: unknown[] = [];
        for (let index = at; index < at + count; index++) addValues(values, rows[index]!, callers[index]!, kinds[index]!);
        fresh.push(...(await insert(em, rows.slice(at, at + count), values, mayBeThere)));
        at += count;
        // Calls at work do not wait for all of a large batch.
        if (at % breathAt === 0) await nextTurn();
      }
      for (const row of fresh) this.announce(em, row);
      await addToHours(em, this.instance, fresh);
      await this.budgets.spend(em, fresh.filter(({ keyHash, userId }) => keyHash != null || userId != null));
    });
  }

  private announce(em: EntityManager, row: UsageRow): void {
    const input = inputTokens(row);
    if (row.userId == null || row.conversationId == null || row.runId == null || input + row.output === 0) return;
    this.outbox.add(em, usageRecorded, {
      call_id: row.id, user_id: row.userId, conversation_id: row.conversationId, run_id: row.runId, model: routeId(row),
      input_tokens: input, output_tokens: row.output, cached_tokens: row.cacheRead, reasoning_tokens: row.reasoning, cost: row.cost ?? null,
    }, { id: row.id });
  }
}

/** As many rows as a statement takes. Resolves with those that were not there yet. */
async function insert(em: EntityManager, rows: readonly UsageRow[], values: unknown[], mayBeThere: boolean): Promise<readonly UsageRow[]> {
  const sql = insertions.get(rows.length)!;
  if (!mayBeThere) {
    await em.execute(sql, values, 'run');
    return rows;
  }
  const added = new Set((await em.execute<{ id: string }[]>(`${sql} on conflict (id) do nothing returning id`, values)).map(({ id }) => id));
  return rows.filter(({ id }) => added.has(id));
}
