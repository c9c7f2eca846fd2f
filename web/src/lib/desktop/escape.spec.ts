import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DoubleEscape } from './escape.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watched() {
  const happened: string[] = [];
  return { happened, escape: new DoubleEscape(() => happened.push('sent'), () => happened.push('left')) };
}

describe('Esc on the desktop', () => {
  it('once is the desktop\'s, after a moment', () => {
    const { happened, escape } = watched();
    escape.press();
    expect(happened).toEqual([]);
    vi.advanceTimersByTime(400);
    expect(happened).toEqual(['sent']);
  });

  it('twice leaves, and neither is sent', () => {
    const { happened, escape } = watched();
    escape.press();
    vi.advanceTimersByTime(200);
    escape.press();
    vi.advanceTimersByTime(1_000);
    expect(happened).toEqual(['left']);
  });

  it('goes before the key that follows it', () => {
    const { happened, escape } = watched();
    escape.press();
    escape.flush();
    happened.push('key');
    vi.advanceTimersByTime(1_000);
    expect(happened).toEqual(['sent', 'key']);
  });
});
