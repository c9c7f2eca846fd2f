import { describe, expect, it } from 'vitest';
import { DesktopBackOff } from './back-off.ts';

describe('trying again', () => {
  it('waits longer each time, up to a limit, and says when it is lost', () => {
    const backOff = new DesktopBackOff(() => 1);
    const tries = Array.from({ length: 8 }, () => backOff.next());
    expect(tries.map(({ delay }) => delay)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000, 8_000]);
    expect(tries.map(({ lost }) => lost)).toEqual([false, false, false, false, false, false, true, true]);
    backOff.reset();
    expect(backOff.next()).toEqual({ delay: 500, lost: false });
  });
});
