import { accessRevoked, newId } from '@deskhand/contracts';
import type { EntityManager, Outbox } from '@deskhand/platform';
import { refreshTokenEntity, sessionEntity, type Session } from '../database/entities.ts';
import { hashToken } from '../token-hash.ts';

/** How long a session lives after its last refresh. */
export const sessionMs = 30 * 24 * 3_600_000;
/** How long after an exchange the spent token still gives its successor, to those who raced for it. */
export const graceMs = 10_000;

/** Opens a session; `tokenOf` derives the token of its first generation. */
export async function addSession(em: EntityManager, userId: string, now: number, tokenOf: (family: string, generation: number) => string): Promise<{ id: string; token: string }> {
  const id = newId(now);
  const token = tokenOf(id, 1);
  await em.insert(sessionEntity, { id, userId, generation: 1, createdAt: now, lastUsedAt: now, expiresAt: now + sessionMs, revokedAt: null });
  await em.insert(refreshTokenEntity, { sessionId: id, generation: 1, tokenHash: hashToken(token), usedAt: null });
  return { id, token };
}

/** Spends the session's newest token and makes its successor the newest. */
export async function rotate(em: EntityManager, session: Session, now: number, successor: string): Promise<void> {
  const generation = session.generation + 1;
  await em.nativeUpdate(refreshTokenEntity, { sessionId: session.id, generation: session.generation }, { usedAt: now });
  // Tokens past their grace are known by their signature and the missing row; keeping them would only pile up.
  await em.nativeDelete(refreshTokenEntity, { sessionId: session.id, usedAt: { $lt: now - graceMs } });
  await em.insert(refreshTokenEntity, { sessionId: session.id, generation, tokenHash: hashToken(successor), usedAt: null });
  await em.nativeUpdate(sessionEntity, { id: session.id }, { generation, lastUsedAt: now, expiresAt: now + sessionMs });
}

/** Ends one session and tells everybody; does nothing when it has ended already. */
export async function revokeSession(em: EntityManager, outbox: Outbox, session: Pick<Session, 'id' | 'userId'>, now: number): Promise<void> {
  const ended = await em.nativeUpdate(sessionEntity, { id: session.id, revokedAt: null }, { revokedAt: now });
  if (ended > 0) outbox.add(em, accessRevoked, { user_id: session.userId, session_id: session.id }, { id: newId(now) });
}

/** Ends all of a user's sessions and tells everybody, also when there were none: streams opened with API tokens end too. */
export async function revokeAllSessions(em: EntityManager, outbox: Outbox, userId: string, now: number): Promise<void> {
  await em.nativeUpdate(sessionEntity, { userId, revokedAt: null }, { revokedAt: now });
  outbox.add(em, accessRevoked, { user_id: userId, session_id: null }, { id: newId(now) });
}
