import { expect, it } from 'vitest';
import { takeRoutingControls } from './routing-controls.ts';

const take = (body: Record<string, unknown>, header?: string) => [takeRoutingControls(body, header === undefined ? {} : { 'x-litellm-tags': header }), body];

it.each<[string, Record<string, unknown>, string | undefined, string[], object]>([
  ['a header', { model: 'm' }, 'free, team-a,,free', ['free', 'team-a'], { model: 'm' }],
  ['a list in the body', { model: 'm', tags: ['free', 5, ''] }, undefined, ['free'], { model: 'm' }],
  ['a text in the body', { model: 'm', tags: 'free' }, undefined, ['free'], { model: 'm' }],
  ['metadata of nothing else', { model: 'm', metadata: { tags: ['free'] } }, undefined, ['free'], { model: 'm' }],
  ['metadata of a vendor', { model: 'm', metadata: { tags: ['free'], user_id: 'u' } }, undefined, ['free'], { model: 'm', metadata: { user_id: 'u' } }],
  ['metadata of LiteLLM', { model: 'm', litellm_metadata: { tags: ['free'], trace: 1 } }, 'paid', ['paid', 'free'], { model: 'm' }],
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
