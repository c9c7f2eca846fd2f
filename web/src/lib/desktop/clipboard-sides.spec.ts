import { describe, expect, it } from 'vitest';
import { ClipboardSides } from './clipboard-sides.ts';

describe('two clipboards', () => {
  it('gives the desktop what was copied here', () => {
    const sides = new ClipboardSides();
    expect([sides.mustGive('one'), sides.mustGive('one'), sides.mustGive('')]).toEqual([true, true, false]);
  });

  it('leaves the desktop its own, newer text', () => {
    const sides = new ClipboardSides();
    sides.mustGive('old');
    sides.copiedOnDesktop();
    expect([sides.mustGive('old'), sides.mustGive('new'), sides.mustGive('new')]).toEqual([false, true, true]);
  });

  it('gives nothing back that came from there', () => {
    const sides = new ClipboardSides();
    sides.copiedOnDesktop();
    sides.copiedHere('theirs');
    expect(sides.mustGive('theirs')).toBe(false);
  });
});
