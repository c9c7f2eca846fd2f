import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RouteName } from '../providers/route.ts';

/** For whom and what a run may call a model. */
export interface RunClaims {
  userId: string;
  conversationId: string;
  runId: string;
  route: RouteName;
  /** Unix seconds. */
  expires: number;
}

const prefix = 'dhr_';
export const longestRunTokenSeconds = 24 * 3_600;

const sign = (key: Buffer, body: string): Buffer => createHmac('sha256', key).update(body).digest();

/** A token that stands for a run at this gateway, good for a day at most; it is no provider key and names none. */
export function issueRunToken(key: Buffer, claims: Omit<RunClaims, 'expires'>, now = Date.now()): string {
  const { userId, conversationId, runId, route } = claims;
  const expires = Math.floor(now / 1_000) + longestRunTokenSeconds;
  const body = Buffer.from(JSON.stringify([userId, conversationId, runId, route.source, route.provider, route.model, expires])).toString('base64url');
  return `${prefix}${body}.${sign(key, body).toString('base64url')}`;
}

export const looksLikeRunToken = (text: string): boolean => text.startsWith(prefix);

/** The claims of a token made with this key and still good, else null. */
export function readRunToken(key: Buffer, token: string, now = Date.now()): RunClaims | null {
  if (!looksLikeRunToken(token) || token.length > 8_192) return null;
  const dot = token.indexOf('.');
  const body = token.slice(prefix.length, dot);
  const given = Buffer.from(token.slice(dot + 1), 'base64url');
  const right = sign(key, body);
  if (dot < 0 || given.length !== right.length || !timingSafeEqual(given, right)) return null;
  const [userId, conversationId, runId, source, provider, model, expires] = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as [string, string, string, RouteName['source'], string, string, number];
  return expires * 1_000 > now ? { userId, conversationId, runId, route: { source, provider, model }, expires } : null;
}
