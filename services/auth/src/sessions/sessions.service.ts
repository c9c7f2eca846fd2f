import { DeclaredError, type Session as SessionAnswer } from '@deskhand/contracts';
import { Database, deriveKey, Outbox, type EntityManager } from '@deskhand/platform';
import { LockMode } from '@deskhand/platform/database';
import { Injectable } from '@nestjs/common';
import { PasswordHasher } from '../accounts/password-hasher.ts';
import { nameKey } from '../accounts/names.ts';
import { userView } from '../accounts/user-view.ts';
import { findByLogin } from '../accounts/users.repository.ts';
import { authConfig } from '../auth-config.ts';
import { Clock } from '../clock.ts';
import { refreshTokenEntity, sessionEntity, userEntity, type User } from '../database/entities.ts';
import { Transactions } from '../database/transactions.ts';
import { addressGroup } from '../limits/address.ts';
import { limits } from '../limits/limit.ts';
import { RateLimits, type Attempt } from '../limits/rate-limits.ts';
import { sameHash } from '../token-hash.ts';
import { AccessTokens, accessTokenSeconds } from './access-tokens.ts';
import { isAuthentic, readRefreshToken, refreshToken, type PresentedToken } from './refresh-token.ts';
import { addSession, graceMs, revokeSession, rotate } from './sessions.repository.ts';

type Refusal = 'Invalid refresh token' | 'Refresh token expired';
type Exchange = { refusal: Refusal } | { refusal: null; token: string; user: User; sessionId: string };

/** An opened session whose answer is not signed yet, so that signing happens outside the transaction. */
export interface OpenedSession {
  id: string;
  token: string;
}

@Injectable()
export class SessionsService {
  private readonly key = deriveKey(authConfig.value.MASTER_KEY, 'refresh tokens');

  constructor(
    private readonly database: Database,
    private readonly transactions: Transactions,
    private readonly outbox: Outbox,
    private readonly hasher: PasswordHasher,
    private readonly accessTokens: AccessTokens,
    private readonly rateLimits: RateLimits,
    private readonly clock: Clock,
  ) {}

  /** Signs in. An unknown name, a wrong password and a disabled account are told apart by nobody. */
  async login(login: string, password: string, address: string): Promise<SessionAnswer> {
    const attempts = loginAttempts(login, address);
    await this.rateLimits.take([attempts.byName, attempts.byAddress]);
    const found = await this.database.read(async (em) => findByLogin(em, login));
    const right = await this.hasher.matches(found?.passwordHash ?? null, password);
    if (found === null || !right) throw new DeclaredError('UNAUTHENTICATED', 'Invalid credentials');
    const opened = await this.transactions.run(async (em) => {
      // The account may have changed while the password was compared; now it waits until the session is there.
      const user = await em.findOne(userEntity, { id: found.id }, { lockMode: LockMode.PESSIMISTIC_READ });
      if (user === null || user.disabled || user.passwordHash !== found.passwordHash) return null;
      return { user, session: await this.open(em, user) };
    });
    if (opened === null) throw new DeclaredError('UNAUTHENTICATED', 'Invalid credentials');
    await this.rateLimits.giveBack([attempts.byName, attempts.byAddress]);
    return this.answer(opened.user, opened.session);
  }

  /** Opens a session in the transaction of `em`. */
  open(em: EntityManager, user: User): Promise<OpenedSession> {
    return addSession(em, user.id, this.clock.now(), (family, generation) => refreshToken(this.key, family, generation));
  }

  async answer(user: User, session: OpenedSession): Promise<SessionAnswer> {
    return { access_token: await this.accessTokens.sign(user, session.id), refresh_token: session.token, expires_in: accessTokenSeconds, user: userView(user) };
  }

  /**
   * Exchanges a refresh token for its successor. Within the grace a spent one gives the same successor again; after it,
   * it proves that two hold the token, and the whole family ends.
   */
  async refresh(token: string): Promise<SessionAnswer> {
    const presented = readRefreshToken(token);
    if (presented === null) throw new DeclaredError('UNAUTHENTICATED', 'Invalid refresh token');
    const exchange = await this.transactions.run(async (em) => this.exchange(em, presented));
    if (exchange.refusal !== null) throw new DeclaredError('UNAUTHENTICATED', exchange.refusal);
    return this.answer(exchange.user, { id: exchange.sessionId, token: exchange.token });
  }

  /** Ends the session of a refresh token, also of a spent one. A token that means nothing is no error. */
  async logout(token: string): Promise<void> {
    const presented = readRefreshToken(token);
    if (presented === null) return;
    await this.transactions.run(async (em) => {
      const session = await em.findOne(sessionEntity, { id: presented.family });
      if (session === null) return;
      const row = await em.findOne(refreshTokenEntity, { sessionId: session.id, generation: presented.generation });
      const genuine = row === null ? isAuthentic(this.key, presented) : sameHash(row.tokenHash, presented.hash);
      if (genuine) await revokeSession(em, this.outbox, session, this.clock.now());
    });
  }

  /** Sessions that ended while access tokens made from them may still be good. */
  async revocations(): Promise<{ user_id: string; session_id: string }[]> {
    const since = this.clock.now() - (accessTokenSeconds + 60) * 1_000;
    const ended = await this.database.read(async (em) => em.find(sessionEntity, { revokedAt: { $gte: since } }));
    return ended.map((session) => ({ user_id: session.userId, session_id: session.id }));
  }

  // Answers a refusal instead of throwing it, so that the end of a family is committed.
  private async exchange(em: EntityManager, presented: PresentedToken): Promise<Exchange> {
    const now = this.clock.now();
    const session = await em.findOne(sessionEntity, { id: presented.family }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (session === null || session.revokedAt !== null) return { refusal: 'Invalid refresh token' };
    const row = await em.findOne(refreshTokenEntity, { sessionId: session.id, generation: presented.generation });
    const genuine = row === null ? isAuthentic(this.key, presented) && presented.generation < session.generation : sameHash(row.tokenHash, presented.hash);
    if (!genuine) return { refusal: 'Invalid refresh token' };
    if (row === null || (row.usedAt !== null && now - row.usedAt! > graceMs)) {
      await revokeSession(em, this.outbox, session, now);
      return { refusal: 'Invalid refresh token' };
    }
    if (session.expiresAt <= now) return { refusal: 'Refresh token expired' };
    const user = await em.findOneOrFail(userEntity, { id: session.userId });
    if (user.disabled) return { refusal: 'Invalid refresh token' };
    const successor = refreshToken(this.key, session.id, presented.generation + 1);
    if (row.usedAt === null) await rotate(em, session, now, successor);
    return { refusal: null, token: successor, user, sessionId: session.id };
  }
}

function loginAttempts(login: string, address: string): { byName: Attempt; byAddress: Attempt } {
  return { byName: { limit: limits.loginByName, subject: nameKey(login) }, byAddress: { limit: limits.loginByAddress, subject: addressGroup(address) } };
}
