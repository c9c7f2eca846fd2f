import { describe, expect, it } from 'vitest';
import { containment, readPressure } from './pressure.ts';

describe('pressure', () => {
  const calm = { memory: 1, processes: 5 };

  it('explains a failure by what the kernel refused meanwhile', () => {
    expect(containment(calm, { ...calm, memory: 2 }, true)).toContain('memory');
    expect(containment(calm, { ...calm, processes: 6 }, true)).toContain('processes');
  });

  it('explains nothing else', () => {
    expect(containment(calm, calm, true)).toBeUndefined();
    expect(containment(calm, { memory: 9, processes: 9 }, false)).toBeUndefined();
  });

  it('is zero where nothing can be read', () => {
    expect(readPressure()).toEqual({ memory: expect.any(Number), processes: expect.any(Number) });
  });
});
