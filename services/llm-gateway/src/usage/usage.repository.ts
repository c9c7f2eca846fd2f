import { usageRecorded } from '@deskhand/contracts';
import { Database, Outbox, type EntityManager } from '@deskhand/platform';
import { Inject, Injectable } from '@nestjs/common';
import { usageEntity, type UsageRow } from '../database/entities.ts';
import { routeId } from '../providers/route.ts';

@Injectable()
export class UsageRepository {
  constructor(@Inject(Database) private readonly database: Database, @Inject(Outbox) private readonly outbox: Outbox) {}

  /** Stores rows and announces what runs used. Rows that are stored already are left as they are, so a repeat is harmless. */
  async store(rows: readonly UsageRow[]): Promise<void> {
    await this.database.transaction(async (em) => {
      const known = new Set((await em.find(usageEntity, { id: { $in: rows.map((row) => row.id) } }, { fields: ['id'] })).map((row) => row.id));
      const fresh = rows.filter((row) => !known.has(row.id));
      if (fresh.length === 0) return;
      await em.insertMany(usageEntity, fresh);
      for (const row of fresh) this.announce(em, row);
    });
  }

  private announce(em: EntityManager, row: UsageRow): void {
    const input = row.uncachedInput + row.cacheRead + row.cacheWrite5m + row.cacheWrite1h;
    if (row.userId == null || row.conversationId == null || row.runId == null || input + row.output === 0) return;
    this.outbox.add(em, usageRecorded, {
      call_id: row.id, user_id: row.userId, conversation_id: row.conversationId, run_id: row.runId, model: routeId(row),
      input_tokens: input, output_tokens: row.output, cached_tokens: row.cacheRead, reasoning_tokens: row.reasoning, cost: row.cost ?? null,
    }, { id: row.id });
  }
}
