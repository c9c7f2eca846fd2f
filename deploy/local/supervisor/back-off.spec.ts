import { describe, expect, it } from 'vitest';
import { restartDelay } from './back-off.ts';

describe('restartDelay', () => {
  it('begins within 200 ms and never exceeds a second', () => {
    expect([1, 2, 3, 4, 5, 6, 60].map(restartDelay)).toEqual([100, 200, 400, 800, 1_000, 1_000, 1_000]);
  });
});
