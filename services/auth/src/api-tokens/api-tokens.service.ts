import { randomBytes } from 'node:crypto';
import { accessRevoked, auth, DeclaredError, newId, type OutputOf } from '@deskhand/contracts';
import { Database, Outbox } from '@deskhand/platform';
import { LockMode } from '@deskhand/platform/database';
import { Injectable } from '@nestjs/common';
import { Clock, timestamp } from '../clock.ts';
import { apiTokenEntity, userEntity, type ApiToken } from '../database/entities.ts';
import { Transactions } from '../database/transactions.ts';
import { hashToken } from '../token-hash.ts';

const mostTokens = 200;
/** `last_used_at` is written no more often than this. */
const useRecordedEveryMs = 60_000;

export interface WantedToken {
  userId: string;
  name: string;
  scopes: ApiToken['scopes'];
  /** RFC 3339, or null for one that lives until it is revoked. */
  expiresAt: string | null;
}

@Injectable()
export class ApiTokensService {
  constructor(
    private readonly database: Database,
    private readonly transactions: Transactions,
    private readonly outbox: Outbox,
    private readonly clock: Clock,
  ) {}

  async create({ userId, name, scopes, expiresAt }: WantedToken): Promise<OutputOf<typeof auth.createToken>> {
    const now = this.clock.now();
    const expires = expiresAt === null ? null : Date.parse(expiresAt);
    if (expires !== null && expires <= now) throw new DeclaredError('BAD_INPUT', 'expires_at must be in the future');
    const token = `dh_${randomBytes(32).toString('base64url')}`;
    const id = newId(now);
    await this.transactions.run(async (em) => {
      const user = await em.findOne(userEntity, { id: userId }, { lockMode: LockMode.PESSIMISTIC_READ });
      if (user === null || user.disabled) throw new DeclaredError('NOT_FOUND', 'There is no such user');
      if (scopes.includes('metrics') && !user.isAdmin) throw new DeclaredError('BAD_INPUT', 'Only administrators may make tokens with the scope metrics');
      if ((await em.count(apiTokenEntity, { userId })) >= mostTokens) throw new DeclaredError('BAD_INPUT', `You have ${mostTokens} tokens; revoke one first`);
      await em.insert(apiTokenEntity, { id, userId, name, tokenHash: hashToken(token), scopes: [...new Set(scopes)], createdAt: now, expiresAt: expires, lastUsedAt: null });
    });
    return { id, token };
  }

  /** Newest first. */
  async list(userId: string): Promise<OutputOf<typeof auth.listTokens>> {
    const tokens = await this.database.read(async (em) => em.find(apiTokenEntity, { userId }, { orderBy: { id: 'desc' } }));
    return tokens.map((token) => ({
      id: token.id, name: token.name, scopes: token.scopes, created_at: timestamp(token.createdAt), expires_at: timestamp(token.expiresAt ?? null), last_used_at: timestamp(token.lastUsedAt ?? null),
    }));
  }

  /** Who the token stands for; unknown, expired and revoked ones and those of disabled accounts get the same answer. */
  async verify(token: string): Promise<OutputOf<typeof auth.verifyToken>> {
    const now = this.clock.now();
    const found = await this.database.read(async (em) => {
      const row = token.startsWith('dh_') ? await em.findOne(apiTokenEntity, { tokenHash: hashToken(token) }) : null;
      return row === null ? null : { row, user: await em.findOneOrFail(userEntity, { id: row.userId }) };
    });
    if (found === null || found.user.disabled || (found.row.expiresAt !== null && found.row.expiresAt! <= now)) throw new DeclaredError('UNAUTHENTICATED', 'invalid or expired token');
    const { row, user } = found;
    const staleBefore = now - useRecordedEveryMs;
    if (row.lastUsedAt === null || row.lastUsedAt! <= staleBefore) {
      await this.transactions.run(async (em) => em.nativeUpdate(apiTokenEntity, { id: row.id, $or: [{ lastUsedAt: null }, { lastUsedAt: { $lte: staleBefore } }] }, { lastUsedAt: now }));
    }
    return { user_id: user.id, username: user.username, is_admin: user.isAdmin, scopes: row.scopes, token_id: row.id, expires_at: timestamp(row.expiresAt ?? null) };
  }

  async revoke(userId: string, tokenId: string): Promise<void> {
    await this.transactions.run(async (em) => {
      const revoked = await em.nativeDelete(apiTokenEntity, { id: tokenId, userId });
      if (revoked === 0) throw new DeclaredError('NOT_FOUND', 'There is no such token');
      this.outbox.add(em, accessRevoked, { user_id: userId, session_id: tokenId }, { id: newId(this.clock.now()) });
    });
  }
}
