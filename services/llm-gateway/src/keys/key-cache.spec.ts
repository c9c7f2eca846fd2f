import { describe, expect, it } from 'vitest';
import { KeyCache } from './key-cache.ts';
import type { VirtualKey } from './virtual-keys.ts';

describe('virtual keys that are remembered', () => {
  const reading = (): { cache: KeyCache; reads: () => number; pass: (ms: number) => void; answer: (key: VirtualKey | null) => Promise<void> } => {
    let [now, reads] = [0, 0];
    const waiting: ((key: VirtualKey | null) => void)[] = [];
    const find = async (): Promise<VirtualKey | null> => {
      reads++;
      return new Promise((resolve) => waiting.push(resolve));
    };
    const answer = async (key: VirtualKey | null): Promise<void> => {
      for (const resolve of waiting.splice(0)) resolve(key);
      await new Promise((resolve) => setImmediate(resolve));
    };
    return { cache: new KeyCache({ find }, () => {}, () => now), reads: () => reads, pass: (ms) => { now += ms; }, answer };
  };
  const key = { hash: 'h' } as VirtualKey;

  it('are read again before they are forgotten, once, and no call waits for it', async () => {
    const { cache, reads, pass, answer } = reading();
    expect(cache.peek('h')).toBeUndefined();
    void cache.find('h');
    await answer(key);
    pass(900);
    expect([cache.peek('h'), reads()]).toEqual([key, 1]);
    pass(300);
    expect([cache.peek('h'), cache.peek('h'), reads()]).toEqual([key, key, 2]);
    const changed = { ...key, blocked: true };
    await answer(changed);
    expect(cache.peek('h')).toBe(changed);
    pass(2_000);
    expect(cache.peek('h')).toBeUndefined();
  });

  it('that are none are asked for again soon, and only by who needs them', async () => {
    const { cache, reads, pass, answer } = reading();
    void cache.find('h');
    await answer(null);
    expect([cache.peek('h'), reads()]).toEqual([null, 1]);
    pass(501);
    expect([cache.peek('h'), reads()]).toEqual([undefined, 1]);
  });
});
