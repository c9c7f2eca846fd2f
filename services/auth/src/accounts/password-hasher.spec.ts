import { describe, expect, it } from 'vitest';
import { PasswordHasher } from './password-hasher.ts';

describe('PasswordHasher', () => {
  it('makes salted Argon2id hashes that match their password only', async () => {
    const hasher = new PasswordHasher();
    const [first, second] = await Promise.all([hasher.hash('correct horse'), hasher.hash('correct horse')]);
    expect(first).toMatch(/^\$argon2id\$v=19\$m=32768,t=2,p=1\$/);
    expect(first).not.toBe(second);
    expect(await hasher.matches(first, 'correct horse')).toBe(true);
    expect(await hasher.matches(first, 'correct horsf')).toBe(false);
    expect(await hasher.matches(first, '')).toBe(false);
  });

  it('takes one password however its accents are composed', async () => {
    const hasher = new PasswordHasher();
    expect(await hasher.matches(await hasher.hash('cafe\u0301 noir'), 'café noir')).toBe(true);
  });

  it('does the work of a real comparison where no account is', async () => {
    const hasher = new PasswordHasher();
    const stored = await hasher.hash('correct horse');
    const took = async (against: string | null): Promise<number> => {
      const start = performance.now();
      expect(await hasher.matches(against, 'wrong horse')).toBe(false);
      return performance.now() - start;
    };
    let [without, real] = [Infinity, Infinity];
    // In turn, and the shortest of each: what runs beside the tests only ever makes them longer.
    for (let round = 0; round < 7; round++) [without, real] = [Math.min(without, await took(null)), Math.min(real, await took(stored))];
    // Without the decoy it would be a thousandth.
    expect(without).toBeGreaterThan(real / 3);
  });

  it('refuses more work than it can do soon, and goes on after it', async () => {
    const hasher = new PasswordHasher();
    const results = await Promise.allSettled(Array.from({ length: 210 }, () => hasher.matches('$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA', 'x')));
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(8);
    expect(refused[0]!.reason).toMatchObject({ code: 'RATE_LIMITED', details: { retry_after_seconds: 5 } });
    expect(await hasher.matches(null, 'x')).toBe(false);
  });
});
