import { createHash, timingSafeEqual } from 'node:crypto';

/** How secrets of 256 random bits are stored: a plain hash is enough, there is nothing to guess. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Compares two hashes in a time that tells nothing about them. */
export function sameHash(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}
