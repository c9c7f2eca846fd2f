import { describe, expect, it } from 'vitest';
import { choicesFrom, layoutOf, shareFrom, withChoice } from './layout.ts';

describe('the layout', () => {
  it('opens the desktop by itself once it is used, unless something else was chosen', () => {
    const base = { chosen: null, tab: 'chat', used: false, twoFit: true } as const;
    expect(layoutOf(base)).toBe('chat');
    expect(layoutOf({ ...base, used: true })).toBe('side');
    expect(layoutOf({ ...base, used: true, chosen: 'chat' })).toBe('chat');
    expect(layoutOf({ ...base, chosen: 'desktop' })).toBe('desktop');
  });

  it('shows one at a time where two do not fit, and never changes it by itself', () => {
    expect(layoutOf({ chosen: 'side', tab: 'chat', used: true, twoFit: false })).toBe('chat');
    expect(layoutOf({ chosen: 'chat', tab: 'desktop', used: true, twoFit: false })).toBe('desktop');
  });

  it('is kept for a limited number of conversations, the latest', () => {
    let choices = {};
    for (let number = 0; number < 100; number++) choices = withChoice(choices, `c${number}`, 'side');
    choices = withChoice(choices, 'c60', 'chat');
    expect(Object.keys(choices)).toHaveLength(60);
    expect(choicesFrom(JSON.stringify({ ...choices, odd: 'sideways' }))).toEqual(choices);
    expect(Object.entries(choices).at(-1)).toEqual(['c60', 'chat']);
    expect([choicesFrom(null), choicesFrom('{'), choicesFrom('7')]).toEqual([{}, {}, {}]);
  });

  it('keeps the divider within reach', () => {
    expect([null, 'x', '-3', '90', '10', '47.26'].map(shareFrom)).toEqual([54, 54, 54, 75, 25, 47.3]);
  });
});
