import { describe, expect, it } from 'vitest';
import { pictureSize } from './picture-size.ts';

const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const padded = (...parts: (Buffer | number[])[]) => Buffer.concat([...parts.map((part) => Buffer.from(part)), Buffer.alloc(40)]);
const text = (words: string) => Buffer.from(words, 'latin1');

describe('the size of a picture', () => {
  it('is read from its head', () => {
    expect(pictureSize('image/png', png)).toEqual({ width: 1, height: 1 });
    expect(pictureSize('image/gif', padded(text('GIF89a'), [0x40, 0x01, 0xf0, 0x00]))).toEqual({ width: 320, height: 240 });
    expect(pictureSize('image/jpeg', padded([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc0, 0, 11, 8, 0, 240, 1, 64, 3]))).toEqual({ width: 320, height: 240 });
    expect(pictureSize('image/webp', padded(text('RIFF....WEBPVP8X'), [10, 0, 0, 0, 0, 0, 0, 0, 63, 1, 0, 239, 0, 0]))).toEqual({ width: 320, height: 240 });
    expect(pictureSize('image/webp', padded(text('RIFF....WEBPVP8 '), [1, 2, 3, 4, 0, 0, 0, 0x9d, 1, 0x2a, 64, 1, 240, 0]))).toEqual({ width: 320, height: 240 });
  });

  it('is not there for what is no picture of that type, however odd', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(100), text('<svg onload=alert(1)>'.repeat(9)), Buffer.alloc(64, 0xff), padded([0xff, 0xd8, 0xff, 0xe0, 0xff, 0xff])]) {
      for (const type of ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const) expect(pictureSize(type, bytes)).toBeNull();
    }
    expect(pictureSize('image/jpeg', png)).toBeNull();
  });
});
