import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Outlet } from './outlet.ts';

const limits = { fullBytes: 100, drainedBytes: 10, ceilingBytes: 1_000, stalledMs: 60_000, checkMs: 50 };

describe('an outlet', () => {
  let buffered = 0;
  let cuts = 0;
  let outlet: Outlet;
  beforeEach(() => {
    vi.useFakeTimers();
    buffered = cuts = 0;
    outlet = new Outlet({ write: (text) => { buffered += text.length; }, buffered: () => buffered, cut: () => { cuts++; } }, limits);
  });
  afterEach(() => vi.useRealTimers());

  it('is full above its limit and tells when little is left', async () => {
    outlet.write('x'.repeat(101));
    expect(outlet.isFull()).toBe(true);
    let isDrained = false;
    void outlet.drained().then(() => { isDrained = true; });
    buffered = 50;
    await vi.advanceTimersByTimeAsync(200);
    expect(isDrained).toBe(false);
    buffered = 10;
    await vi.advanceTimersByTimeAsync(50);
    expect([isDrained, outlet.isFull(), vi.getTimerCount()]).toEqual([true, false, 0]);
  });

  it('cuts a client that takes nothing for a minute, but not one that is slow', async () => {
    outlet.write('x'.repeat(150));
    for (let second = 0; second < 100; second++) {
      buffered -= 1;
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(cuts).toBe(0);
    await vi.advanceTimersByTimeAsync(61_000);
    expect(cuts).toBe(1);
  });

  it('cuts at once above the ceiling, and lets nobody wait for a connection that is gone', async () => {
    outlet.write('x'.repeat(200));
    const waiting = outlet.drained();
    outlet.write('x'.repeat(900));
    await waiting;
    expect([cuts, outlet.isFull(), vi.getTimerCount()]).toEqual([1, false, 0]);
    await outlet.drained();
    outlet.write('nothing');
    expect(buffered).toBe(1_100);
  });
});
