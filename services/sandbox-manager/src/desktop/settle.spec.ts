import { describe, expect, it } from 'vitest';
import type { Rectangle } from './rfb/framebuffer.ts';
import { Settle, type SettleOptions } from './settle.ts';

const window: Rectangle = { x: 100, y: 100, width: 300, height: 200 };
const caret: Rectangle = { x: 500, y: 500, width: 1, height: 18 };

/** Something done at 0; changes at these times. Returns the outcome and when it was known, asked as `nextLook` says. */
function settle(changes: [number, Rectangle][], options: SettleOptions = { tinyCounts: false }): [string, number] {
  const settling = new Settle(options);
  for (const [at, rectangle] of changes.filter(([time]) => time < 0)) settling.changed([rectangle], at);
  settling.done(0);
  const waiting = changes.filter(([time]) => time >= 0);
  for (let now = 0; ; ) {
    const outcome = settling.outcome(now);
    if (outcome) return [outcome, now];
    const next = waiting[0];
    if (next && next[0] <= settling.nextLook()) {
      waiting.shift();
      now = next[0];
      settling.changed([next[1]], now);
    } else now = settling.nextLook();
  }
}

describe('settling', () => {
  it('waits for the first change, then for quiet', () => {
    expect(settle([[20, window], [60, window], [100, window]])).toEqual(['settled', 230]);
    expect(settle([[399, window]])).toEqual(['settled', 529]);
  });

  it('gives what draws with long pauses longer, and what flickers no longer for it', () => {
    expect(settle([[20, window], [100, window], [230, window]])).toEqual(['settled', 230 + 130 * 2.5]);
    expect(settle([[20, window], [100, window], [110, window], [120, window]])).toEqual(['settled', 120 + 80 * 2.5]);
  });

  it('says when nothing changed', () => {
    expect(settle([])).toEqual(['nochange', 400]);
    expect(settle([[450, window]])).toEqual(['nochange', 400]);
  });

  it('gives up on what never rests', () => {
    const [outcome, at] = settle(Array.from({ length: 60 }, (_, index): [number, Rectangle] => [10 + index * 50, window]));
    expect(outcome).toBe('cap');
    expect(at).toBeGreaterThanOrEqual(2_000);
    expect(at).toBeLessThan(2_100);
  });

  it('does not take a caret that blinks for a change, nor wait for it', () => {
    expect(settle([[100, caret], [350, caret]])).toEqual(['nochange', 400]);
    expect(settle([[20, window], [60, caret], [110, caret]])).toEqual(['settled', 150]);
    expect(settle([[20, window], [90, caret], [110, caret], [170, caret]])).toEqual(['settled', 150]);
  });

  it('sees a caret that moves', () => {
    expect(settle([[50, caret], [51, { ...caret, x: 700 }]])).toEqual(['settled', 181]);
  });

  it('sees a single letter after typing', () => {
    expect(settle([[12, { x: 50, y: 50, width: 12, height: 18 }]], { tinyCounts: true })).toEqual(['settled', 142]);
    expect(settle([[12, caret], [300, caret]], { tinyCounts: true })).toEqual(['settled', 142]);
  });

  it('remembers changes from before the last of it was done, and still waits for what comes after', () => {
    expect(settle([[-50, window]])).toEqual(['settled', 400]);
    expect(settle([[-50, window], [80, window]])).toEqual(['settled', 210]);
  });
});
