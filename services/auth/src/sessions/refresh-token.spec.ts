import { randomBytes } from 'node:crypto';
import { newId } from '@deskhand/contracts';
import { expect, it } from 'vitest';
import { isAuthentic, readRefreshToken, refreshToken } from './refresh-token.ts';

const key = randomBytes(32);

it('is derived from family and generation and reads back', () => {
  const family = newId();
  const token = refreshToken(key, family, 7);
  expect(token).toMatch(/^dhr_[\w-]{70}$/);
  expect(refreshToken(key, family, 7)).toBe(token);
  expect(refreshToken(key, family, 8)).not.toBe(token);
  expect(refreshToken(randomBytes(32), family, 7)).not.toBe(token);
  const presented = readRefreshToken(token);
  expect(presented).toMatchObject({ family, generation: 7 });
  expect(isAuthentic(key, presented!)).toBe(true);
});

it('knows a forged one, and what is not one at all', () => {
  const forged = readRefreshToken(refreshToken(randomBytes(32), newId(), 1));
  expect(isAuthentic(key, forged!)).toBe(false);
  const token = refreshToken(key, newId(), 1);
  for (const text of ['', 'dhr_', token.slice(4), `${token}A`, `${token}=`, token.slice(0, -1), token.replace('dhr_', 'dh_'), ` ${token}`, 'dhr_' + 'ä'.repeat(70)]) expect(readRefreshToken(text)).toBeNull();
});
