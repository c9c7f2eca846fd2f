import { Database } from '@deskhand/platform';
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

/** Single calls, newest first, a page at a time. */
@Injectable()
export class UsageCalls {
  constructor(@Inject(Database) private readonly database: Database) {}

  async list({ id, from, to, keyHash, user }: CallsWhere, limit: number, offset: number): Promise<UsageRow[]> {
    const time = { ...(from !== undefined && { $gte: from }), ...(to !== undefined && { $lt: to }) };
    const where = {
      ...(id !== undefined && { id }), ...(keyHash !== undefined && { keyHash }), ...(Object.keys(time).length > 0 && { startedAt: time }), ...(user !== undefined && { $or: [{ userId: user }, { userId: null, keyUser: user }] }),
    };
    return this.database.read(async (em) => em.find(usageEntity, where, { orderBy: { startedAt: 'desc', id: 'desc' }, limit, offset }));
  }
}
