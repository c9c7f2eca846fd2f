import { expect, it } from 'vitest';
import { noUsage, withCall } from './used.ts';
import { costWords, fullWords, shortWords } from './words.ts';

it('CONV-7: what was used, in words, and honest about prices that nobody knows', () => {
  const one = withCall(noUsage, { input_tokens: 4_000, output_tokens: 100, cached_tokens: 1_000, reasoning_tokens: 40, cost: 0.0123 });
  expect(shortWords(one)).toBe('4.1K tokens · $0.012');
  expect(fullWords(one)).toBe('1 model call: 4,000 tokens in, 1,000 of them from a cache; 100 out, 40 of them reasoning; $0.012');
  const two = withCall(one, { input_tokens: 1, output_tokens: 1, cost: null });
  expect(fullWords(two)).toContain('; $0.012 and more');
  expect([costWords(two), costWords(withCall(noUsage, { input_tokens: 1, output_tokens: 1, cost: null })), costWords(noUsage)]).toEqual(['$0.012+', 'price unknown', '$0']);
});
