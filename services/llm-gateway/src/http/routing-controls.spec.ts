import { expect, it } from 'vitest';
import { takeRoutingControls } from './routing-controls.ts';

const take = (body: Record<string, unknown>, header?: string, format: Parameters<typeof takeRoutingControls>[2] = 'anthropic-messages') => [takeRoutingControls(body, header === undefined ? {} : { 'x-litellm-tags': header }, format), body];

it.each<[string, Record<string, unknown>, string | undefined, string[], object]>([
  ['a header', { model: 'm' }, 'free, team-a,,free', ['free', 'team-a'], { model: 'm' }],
  ['a list in the body', { model: 'm', tags: ['free', 5, ''] }, undefined, ['free'], { model: 'm' }],
  ['a text in the body', { model: 'm', tags: 'free' }, undefined, ['free'], { model: 'm' }],
  ['metadata of nothing else', { model: 'm', metadata: { tags: ['free'] } }, undefined, ['free'], { model: 'm' }],
  ['metadata of a vendor', { model: 'm', metadata: { tags: ['free'], user_id: 'u' } }, undefined, ['free'], { model: 'm', metadata: { user_id: 'u' } }],
  ['metadata of LiteLLM', { model: 'm', litellm_metadata: { tags: ['free'], trace: 1 } }, 'paid', ['paid', 'free'], { model: 'm' }],
  ['metadata for logs', { model: 'm', metadata: { trace_id: 't', user_id: 'u' } }, undefined, [], { model: 'm', metadata: { user_id: 'u' } }],
  ['what clients of LiteLLM say to it', { model: 'm', guardrails: ['g'], timeout: 30, 'no-log': true, mock_response: null, mock_testing_fallbacks: false }, undefined, [], { model: 'm' }],
  ['fallbacks and retries', { model: 'm', fallbacks: ['x'], num_retries: 3 }, undefined, [], { model: 'm' }],
])('reads tags of %s, and leaves a vendor what is a vendor\'s', (_, given, header, tags, left) => {
  const taken = Object.keys(given).length > 1;
  const [controls, body] = take(given, header);
  expect(controls).toEqual({ tags, taken });
  expect(body).toEqual(left);
});

it('leaves a request alone that has none of it', () => {
  const metadata = { user_id: 'u' };
  const [controls, body] = take({ model: 'm', metadata });
  expect(controls).toEqual({ tags: [], taken: false });
  expect((body as { metadata: unknown }).metadata).toBe(metadata);
});

it.each<[Parameters<typeof takeRoutingControls>[2], object, object]>([
  ['openai-chat', { metadata: { trace: 't' } }, {}], ['openai-chat', { metadata: {} }, {}], ['openai-chat', { metadata: { trace: 't' }, store: true }, { metadata: { trace: 't' }, store: true }], ['openai-completions', { metadata: { trace: 't' } }, {}],
  ['openai-embeddings', { metadata: { trace: 't' } }, {}], ['openai-responses', { metadata: { trace: 't', tags: ['a'] } }, { metadata: { trace: 't' } }], ['openai-chat', { metadata: null }, { metadata: null }],
])('leaves of metadata what a vendor of %s takes', (format, given, left) => {
  expect(take({ ...given }, undefined, format)[1]).toEqual(left);
});

it.each(['api_key', 'api_base', 'base_url', 'mock_response', 'mock_testing_fallbacks'])('refuses %s, which would be somebody else\'s money', (name) => {
  expect(() => take({ model: 'm', [name]: 'x' })).toThrow(expect.objectContaining({ kind: 'bad-request', param: name, code: 'not_supported' }) as Error);
});
