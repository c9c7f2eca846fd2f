import { usageRecorded } from '@deskhand/contracts';
import { Database, Outbox, type EntityManager } from '@deskhand/platform';
import { Inject, Injectable } from '@nestjs/common';
import { BudgetsRepository } from '../budgets/budgets.repository.ts';
import type { UsageRow } from '../database/entities.ts';
import { GatewaySettings } from '../gateway-config.ts';
import { routeId } from '../providers/route.ts';
import { inputTokens } from '../wire/token-usage.ts';
import { addToHours } from './usage-hours.ts';

const columns = {
  id: 'id', startedAt: 'started_at', userId: 'user_id', conversationId: 'conversation_id', runId: 'run_id', keyHash: 'key_hash', keyUser: 'key_user', keyTeam: 'key_team', agent: 'agent', modelGroup: 'model_group', provider: 'provider', model: 'model', wire: 'wire', stream: 'stream', status: 'status', httpStatus: 'http_status',
  uncachedInput: 'uncached_input', cacheRead: 'cache_read', cacheWrite5m: 'cache_write5m', cacheWrite1h: 'cache_write1h', output: 'output', reasoning: 'reasoning',
  estimated: 'estimated', cost: 'cost', firstByteMs: 'first_byte_ms', durationMs: 'duration_ms',
} as const satisfies Partial<Record<keyof UsageRow, string>>;
const fields = Object.keys(columns) as (keyof typeof columns)[];
const places = `(${fields.map(() => '?').join(', ')})`;
/** Rows of one statement: few different numbers, because a statement is compiled once and a large one takes long. */
const portions = [64, 8, 1] as const;
const insertion = (count: number): string => `insert into usage (${Object.values(columns).join(', ')}) values ${Array.from({ length: count }, () => places).join(', ')} on conflict (id) do nothing returning id`;
const insertions = new Map<number, string>(portions.map((count) => [count, insertion(count)]));

@Injectable()
export class UsageRepository {
  private readonly instance: string;

  constructor(@Inject(Database) private readonly database: Database, @Inject(Outbox) private readonly outbox: Outbox, @Inject(BudgetsRepository) private readonly budgets: BudgetsRepository, @Inject(GatewaySettings) settings: GatewaySettings) {
    this.instance = settings.values.SERVICE_INSTANCE;
  }

  /** Stores rows and announces what runs used. Rows that are stored already are left as they are, so a repeat is harmless. */
  async store(rows: readonly UsageRow[]): Promise<void> {
    await this.database.transaction(async (em) => {
      // Written by hand: every model call passes here, and the mapper costs several times the insert.
      const added = new Set<string>();
      for (let at = 0; at < rows.length; ) {
        const count = portions.find((portion) => portion <= rows.length - at)!;
        const values: unknown[] = [];
        for (let index = at; index < at + count; index++) for (const field of fields) values.push(rows[index]![field] ?? null);
        for (const { id } of await em.execute<{ id: string }[]>(insertions.get(count)!, values)) added.add(id);
        at += count;
      }
      const fresh = rows.filter((row) => added.has(row.id));
      for (const row of fresh) this.announce(em, row);
      await addToHours(em, this.instance, fresh);
      await this.budgets.spend(em, fresh.filter(({ keyHash }) => keyHash != null));
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
