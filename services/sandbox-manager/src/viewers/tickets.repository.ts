import { DeclaredError } from '@deskhand/contracts';
import { Database } from '@deskhand/platform';
import { Injectable } from '@nestjs/common';
import { usedTicketEntity } from '../database/entities.ts';

/** Tickets that were shown: none is taken twice, whichever manager it is shown to and whoever died since. */
@Injectable()
export class TicketsRepository {
  constructor(private readonly database: Database) {}

  /** `until`, in Unix milliseconds, is when the ticket would end by itself: from then on it need not be remembered. */
  async use(id: string, until: number, now = Date.now()): Promise<void> {
    await this.database.transaction(async (em) => {
      if ((await em.findOne(usedTicketEntity, id)) !== null) throw new DeclaredError('FORBIDDEN', 'This ticket was used already');
      await em.nativeDelete(usedTicketEntity, { until: { $lt: now } });
      em.create(usedTicketEntity, { id, until });
    });
  }
}
