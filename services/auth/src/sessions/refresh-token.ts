import { createHmac } from 'node:crypto';
import { hashToken, sameHash } from '../token-hash.ts';

const prefix = 'dhr_';
const bytes = 16 + 4 + 32;

/** A refresh token as somebody showed it; nothing in it is believed before it is compared. */
export interface PresentedToken {
  /** The session that it claims to belong to. */
  family: string;
  generation: number;
  hash: string;
}

/**
 * The refresh token of a session's generation. The same arguments give the same token, so that clients that race to
 * refresh all get the one successor, and no secret has to be kept for it. Opaque to clients.
 */
export function refreshToken(key: Buffer, family: string, generation: number): string {
  const head = Buffer.alloc(20);
  Buffer.from(family.replaceAll('-', ''), 'hex').copy(head);
  head.writeUInt32BE(generation, 16);
  const mac = createHmac('sha256', key).update(head).digest();
  return prefix + Buffer.concat([head, mac]).toString('base64url');
}

/** What a token says about itself, or null when it is not one. */
export function readRefreshToken(token: string): PresentedToken | null {
  if (!token.startsWith(prefix)) return null;
  const decoded = Buffer.from(token.slice(prefix.length), 'base64url');
  if (decoded.length !== bytes || prefix + decoded.toString('base64url') !== token) return null;
  const family = decoded.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { family, generation: decoded.readUInt32BE(16), hash: hashToken(token) };
}

/** Whether this service made the token, whatever became of it since. */
export function isAuthentic(key: Buffer, presented: PresentedToken): boolean {
  return sameHash(presented.hash, hashToken(refreshToken(key, presented.family, presented.generation)));
}
