import { expect, it } from 'vitest';
import { mayUse } from './virtual-keys.ts';

it('allows models by name, by pattern, and all of them by LiteLLM\'s words', () => {
  const allowed = (...names: string[]): boolean[] => ['fast', 'openai/gpt', 'slow'].map((model) => mayUse(names, model));
  expect(allowed()).toEqual([true, true, true]);
  expect(allowed('fast', 'openai/*')).toEqual([true, true, false]);
  expect([allowed('all-proxy-models'), allowed('all-team-models')]).toEqual([[true, true, true], [true, true, true]]);
});
