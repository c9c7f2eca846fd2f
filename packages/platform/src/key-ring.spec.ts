import { expect, it } from 'vitest';
import { KeyRing } from './key-ring.ts';
import type { PublicKeySet } from './tokens.ts';

const naming = (kid: string) => `${Buffer.from(JSON.stringify({ alg: 'EdDSA', kid })).toString('base64url')}.e30.AAAA`;

it('loads once for many, and again for an unknown key, but not for every one', async () => {
  let now = 0;
  let loads = 0;
  let served: PublicKeySet = { keys: [{ kty: 'OKP', kid: 'first' }] };
  const ring = new KeyRing(async () => (loads++, served), () => now);
  await Promise.all([1, 2, 3].map(() => ring.keysFor(naming('first'))));
  expect(loads).toBe(1);

  served = { keys: [{ kty: 'OKP', kid: 'second' }] };
  expect((await ring.keysFor(naming('second'))).keys[0]!.kid).toBe('first');
  now = 5_000;
  expect((await ring.keysFor(naming('second'))).keys[0]!.kid).toBe('second');
  now = 20_000;
  await ring.keysFor('garbage');
  expect(loads).toBe(2);
});

it('keeps its keys while the source is away, and says so while it has none', async () => {
  let now = 0;
  let away = true;
  const ring = new KeyRing(async () => {
    if (away) throw new Error('nobody answers');
    return { keys: [{ kty: 'OKP', kid: 'first' }] };
  }, () => now);
  await expect(ring.keysFor(naming('first'))).rejects.toThrow('nobody answers');
  away = false;
  await ring.keysFor(naming('first'));
  away = true;
  now = 60_000;
  expect((await ring.keysFor(naming('other'))).keys).toHaveLength(1);
});
