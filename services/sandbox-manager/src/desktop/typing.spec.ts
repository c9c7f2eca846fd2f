import { describe, expect, it } from 'vitest';
import { keysymOf } from './keys.ts';
import { planTyping, untypable } from './typing.ts';

const keys = (text: string) => ({ kind: 'keys', keysyms: [...text].map(keysymOf) });
const paste = (text: string) => ({ kind: 'paste', text });

describe('typing', () => {
  it('presses keys for short text, with its line ends and tabs', () => {
    expect(planTyping('ada\tGrüße €\n')).toEqual([keys('ada\tGrüße €\n')]);
    expect(planTyping('a\r\nb\rc')).toEqual([keys('a\nb\nc')]);
    expect(planTyping('x'.repeat(500))).toEqual([keys('x'.repeat(500))]);
  });

  it('pastes what the keyboard has no keys for, between line ends and tabs', () => {
    expect(planTyping('žluťoučký')).toEqual([paste('žluťoučký')]);
    expect(planTyping('東京都渋谷区神宮前一丁目')).toEqual([paste('東京都渋谷区神宮前一丁目')]);
    expect(planTyping('東京都渋谷区\tplain\n神宮前一丁目')).toEqual([paste('東京都渋谷区'), keys('\tplain\n'), paste('神宮前一丁目')]);
  });

  it('pastes long text whole, and presses the line ends behind it', () => {
    const text = 'line\n'.repeat(200);
    expect(planTyping(`${text}\n`)).toEqual([paste(text.slice(0, -1)), keys('\n\n')]);
    expect(planTyping('x'.repeat(501))).toEqual([paste('x'.repeat(501))]);
    expect(planTyping('\n'.repeat(600))).toEqual([keys('\n'.repeat(600))]);
  });

  it('knows which control characters have keys', () => {
    expect(planTyping('a\b\u001b')).toEqual([{ kind: 'keys', keysyms: [0x61, 0xff08, 0xff1b] }]);
    expect(untypable('fine\n\t\b é 🙂')).toBeNull();
    expect(untypable('a\u0000b')).toBe('\u0000');
    expect(untypable('a\u0085b')).toBe('\u0085');
  });
});
