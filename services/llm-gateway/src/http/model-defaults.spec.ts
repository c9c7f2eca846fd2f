import { expect, it } from 'vitest';
import { defaultsFor } from './model-defaults.ts';

const defaults = { temperature: 0.2, max_tokens: 500, stop: 'END', reasoning_effort: 'low', seed: 7 };

it.each<[Parameters<typeof defaultsFor>[1], Record<string, unknown>, object]>([
  ['openai-chat', {}, defaults],
  ['openai-chat', { temperature: 0, max_completion_tokens: 9, thinking: { type: 'disabled' }, stop: null }, { stop: 'END', seed: 7 }],
  ['openai-completions', { max_tokens: 9 }, { temperature: 0.2, stop: 'END', seed: 7 }],
  ['openai-responses', { top_p: 1 }, { temperature: 0.2, max_output_tokens: 500, reasoning: { effort: 'low' } }],
  ['openai-responses', { max_output_tokens: 9, reasoning: { summary: 'auto' } }, { temperature: 0.2 }],
  ['anthropic-messages', { max_tokens: 9 }, { temperature: 0.2, stop_sequences: ['END'] }],
])('says in %s what the client leaves open', (format, body, added) => {
  expect(defaultsFor(defaults, format, body)).toEqual(added);
});

it('says nothing where nothing is configured', () => {
  expect(defaultsFor({}, 'openai-chat', { model: 'm' })).toEqual({});
});
