import { describe, expect, it } from 'vitest';
import { drivenWords } from './driven-words.ts';

const nothing = { clicks: 0, keys: 0, scrolls: 0, pasted: 0, seconds: 0 };

describe('what a model is told after a person drove', () => {
  it.each([
    [34, { ...nothing, clicks: 12, keys: 1, pasted: 2 }, 'A person used the desktop for 34 s: 12 clicks, 1 key, 2 pastes. Take a screenshot before you go on with it.'],
    [5, nothing, 'A person used the desktop for 5 s and did nothing. Take a screenshot before you go on with it.'],
    [300, null, 'A person used the desktop for 5 min. Take a screenshot before you go on with it.'],
  ])('after %i s', (seconds, driven, words) => {
    expect(drivenWords(seconds, driven)).toBe(words);
  });
});
