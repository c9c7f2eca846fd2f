import { describe, expect, it } from 'vitest';
import { type Cursor, Framebuffer, type Rectangle, withCursor } from './framebuffer.ts';

const pixels = (...values: number[]) => Buffer.from(values.flatMap((value) => [value, value, value, 0]));
const reds = (buffer: Buffer) => [...buffer].filter((_, index) => index % 4 === 0);
const whole: Rectangle = { x: 0, y: 0, width: 3, height: 2 };

describe('a framebuffer', () => {
  it('takes rectangles and moves them, over themselves too', () => {
    const screen = new Framebuffer(3, 2);
    screen.put(whole, pixels(1, 2, 3, 4, 5, 6));
    screen.put({ x: 1, y: 1, width: 2, height: 1 }, pixels(8, 9));
    expect(reds(screen.pixels)).toEqual([1, 2, 3, 4, 8, 9]);
    screen.copy({ x: 1, y: 0, width: 2, height: 2 }, 0, 0);
    expect(reds(screen.pixels)).toEqual([1, 1, 2, 4, 4, 8]);
  });

  it('refuses what is outside of it', () => {
    const screen = new Framebuffer(3, 2);
    expect(() => screen.put({ x: 2, y: 0, width: 2, height: 1 }, pixels(1, 1))).toThrow(RangeError);
    expect(() => screen.copy({ x: 0, y: 0, width: 3, height: 1 }, 1, 0)).toThrow(RangeError);
  });

  it('shows the pointer where it points, cut at the edges, and stays itself', () => {
    const screen = new Framebuffer(3, 2);
    const cursor: Cursor = { width: 2, height: 2, hotX: 1, hotY: 0, pixels: pixels(7, 8, 9, 6), mask: Buffer.from([0b11000000, 0b01000000]) };
    expect(reds(withCursor(screen, cursor, { x: 1, y: 0 }))).toEqual([7, 8, 0, 0, 6, 0]);
    expect(reds(withCursor(screen, cursor, { x: 0, y: 1 }))).toEqual([0, 0, 0, 8, 0, 0]);
    expect(reds(withCursor(screen, null, { x: 0, y: 0 }))).toEqual([0, 0, 0, 0, 0, 0]);
    expect(reds(screen.pixels)).toEqual([0, 0, 0, 0, 0, 0]);
  });
});
