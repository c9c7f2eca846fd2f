import { describe, expect, it } from 'vitest';
import { inputOf, outputOf } from './reserved-tokens.ts';

const chat = { messages: [] };
const responses = { input: 'hi' };

describe('what is reserved for a call (LLM-5)', () => {
  it.each<[string, object, { most: number; limit: number | null }]>([
    ['nothing stated', chat, { most: 100, limit: 100 }],
    ['a limit of the format', { ...chat, max_tokens: 30 }, { most: 30, limit: null }],
    ['the newer one, which messages do not know', { ...chat, max_completion_tokens: 30 }, { most: 30, limit: 30 }],
    ['two limits: whichever counts, no more', { ...chat, max_completion_tokens: 1, max_tokens: 900 }, { most: 900, limit: null }],
    ['responses', { ...responses, max_output_tokens: 30 }, { most: 30, limit: null }],
    ['a field of another format', { ...chat, max_output_tokens: 1 }, { most: 100, limit: 100 }],
    ['a field of another format', { ...responses, max_tokens: 1 }, { most: 100, limit: 100 }],
    ['a body of two formats', { ...chat, ...responses, max_tokens: 1, max_output_tokens: 1 }, { most: 100, limit: 100 }],
    ['completions', { prompt: 'hi', max_tokens: 30 }, { most: 30, limit: null }],
    ['completions, with the newer one', { prompt: 'hi', max_completion_tokens: 1 }, { most: 100, limit: 100 }],
    ['a body of two formats', { ...chat, prompt: 'hi', max_completion_tokens: 1 }, { most: 100, limit: 100 }],
    ['responses with a prompt that OpenAI keeps', { ...responses, prompt: { id: 'p' }, max_output_tokens: 30 }, { most: 30, limit: null }],
    ['what is no limit', { ...chat, max_tokens: '5', max_completion_tokens: 0 }, { most: 100, limit: 100 }],
  ])('output: %s (%j)', (_, body, expected) => {
    expect(outputOf(body as Record<string, unknown>, 100)).toEqual(expected);
  });

  it.each<[string, object, number]>([
    ['words', { messages: [{ role: 'user', content: 'hi' }, { role: 'user', content: [{ type: 'text', text: 'https://x.y' }] }] }, 0],
    ['a picture that is there', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } }, { type: 'image', source: { type: 'base64', data: 'AA' } }] }] }, 0],
    ['pictures that are named', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://x.y/z.png' } }, { type: 'image', source: { type: 'url', url: 'https://x.y/z.png' } }] }] }, 10_000],
    ['one in a tool\'s result', { messages: [{ role: 'user', content: [{ type: 'tool_result', content: [{ type: 'image', source: { type: 'url', url: 'https://x.y/z.png' } }] }] }] }, 5_000],
    ['a document that is named', { messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'url', url: 'https://x.y/z.pdf' } }] }] }, 200_000],
    ['a file that the provider has', { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'file-1' }, { type: 'input_image', image_url: 'https://x.y/z.png' }] }] }, 205_000],
    ['an output with a picture', { input: [{ type: 'function_call_output', output: [{ type: 'input_image', image_url: 'https://x.y/z.png' }] }] }, 5_000],
    ['a conversation that the provider has', { input: 'hi', previous_response_id: 'resp_1' }, 200_000],
    ['nonsense', { messages: [null, 5, { content: [null, [], { source: 7, image_url: null }] }] }, 0],
  ])('input: %s', (_, body, beside) => {
    expect(inputOf(body as Record<string, unknown>, 100)).toBe(50 + beside);
  });
});
