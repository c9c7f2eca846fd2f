import { expect, it } from 'vitest';
import { estimatedTokens, roughTokens } from './count-tokens.ts';
import { openLong } from './unread-fields.ts';

it('counts words, tools and pictures, and not the data of pictures', () => {
  const count = (content: unknown, more: object = {}): number => estimatedTokens('anthropic-messages', { model: 'm', max_tokens: 1, messages: [{ role: 'user', content }], ...more });
  const words = 'The quick brown fox jumps over the lazy dog. '.repeat(100);
  // 1,001 by the tokenizers people use for such a text.
  expect(count(words)).toBeGreaterThan(900);
  expect(count(words)).toBeLessThan(1_400);
  const picture = (size: number) => [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(size) } }];
  expect(count(picture(10))).toBe(count(picture(1_000_000)));
  expect(count('x', { tools: [{ name: 'read', description: words, input_schema: {} }] })).toBeGreaterThan(count('x') + 900);
  expect(count([{ type: 'tool_result', tool_use_id: 'a', content: words }])).toBeGreaterThan(900);
  expect(estimatedTokens('openai-responses', { model: 'm', input: words })).toBe(estimatedTokens('openai-chat', { model: 'm', messages: [{ role: 'user', content: words }] }));
  expect(() => estimatedTokens('anthropic-messages', { messages: 'x' })).toThrow(/messages: must be a list/);
});

it('does the same for routing, by bytes where no picture can be', () => {
  const rough = (format: 'anthropic-messages' | 'openai-chat' | 'openai-responses', body: object): number => {
    const raw = Buffer.from(JSON.stringify({ model: 'm', ...body }));
    return roughTokens(format, openLong(raw, 100)!, raw.length);
  };
  const data = 'A'.repeat(400_000);
  expect(rough('anthropic-messages', { messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data } }] }] })).toBeLessThan(2_000);
  expect(rough('openai-chat', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } }] }] })).toBeLessThan(2_000);
  expect(rough('openai-responses', { input: [{ role: 'user', content: [{ type: 'input_image', image_url: `data:image/png;base64,${data}` }] }] })).toBeLessThan(2_000);
  expect(rough('openai-chat', { messages: [{ role: 'user', content: data }] })).toBeGreaterThan(100_000);
  expect(rough('openai-chat', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: 5 }, { type: 'text', text: data }] }] })).toBeGreaterThan(100_000);
});
