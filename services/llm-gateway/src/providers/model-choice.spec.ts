import { describe, expect, it } from 'vitest';
import { endpointOf } from '../upstreams/upstream.ts';
import { vendors } from './catalogue.ts';
import { ProviderWay } from './provider-way.ts';
import { chooseRoute, defaultRoute, type Choices } from './model-choice.ts';

const own = (provider: string, more: Partial<Choices['own'][number]> = {}): Choices['own'][number] => ({ provider, modelName: null, endpointUrl: null, isDefault: false, ...more });
const none: Choices = { own: [], shared: [] };

describe('the default model', () => {
  it.each<[string, Choices, string]>([
    ['the scripted one when there is nothing', none, 'builtin scripted/demo'],
    ['of a server-wide provider', { own: [], shared: [vendors.mistral] }, `server mistral/${vendors.mistral.models[0]}`],
    ['of the only provider of the user', { own: [own('google', { modelName: 'g' })], shared: [vendors.openai] }, 'user google/g'],
    ['of the default one', { own: [own('google'), own('anthropic', { isDefault: true })], shared: [] }, `user anthropic/${vendors.anthropic.models[0]}`],
    ['of another when nobody knows the models of the default one', { own: [own('openai', { isDefault: true, endpointUrl: 'http://x' }), own('mistral', { modelName: 'm' })], shared: [] }, 'user mistral/m'],
  ])('is %s', (_, choices, expected) => {
    const route = defaultRoute(choices);
    expect(`${route.source} ${route.provider}/${route.model}`).toBe(expected);
  });
});

describe('names of models', () => {
  const choices: Choices = { own: [own('openai', { modelName: 'mine', endpointUrl: 'http://x' }), own('anthropic')], shared: [vendors.google, vendors.anthropic] };
  it.each<[string | null, string | null, string]>([
    ['openai', 'gpt-x', 'user openai/gpt-x'], [null, 'openai/gpt-x', 'user openai/gpt-x'], ['openai', 'openai/gpt-x', 'user openai/gpt-x'], ['openai', null, 'user openai/mine'], ['openai', 'meta-llama/llama-4', 'user openai/meta-llama/llama-4'],
    ['openai', 'anthropic/claude-x', 'user openai/anthropic/claude-x'], [null, 'mine', 'user openai/mine'], [null, 'claude-opus-5-5', 'user anthropic/claude-opus-5-5'], ['gemini', 'gemini-x', 'server google/gemini-x'], [null, 'gemini/gemini-x', 'server google/gemini-x'],
    [null, 'gemini-2.5-pro', 'server google/gemini-2.5-pro'], [null, 'llama3:8b', 'user openai/llama3:8b'], [null, 'scripted/demo', 'builtin scripted/demo'], ['scripted', 'demo', 'builtin scripted/demo'], ['scripted', 'scripted/demo', 'builtin scripted/demo'],
    ['mock', 'echo', 'builtin mock/echo'], ['mock', null, 'builtin mock/echo'], ['', ' ', 'user openai/mine'],
  ])('%s + %s', (provider, model, expected) => {
    const route = chooseRoute(choices, provider, model);
    expect(`${route.source} ${route.provider}/${route.model}`).toBe(expected);
  });

  it.each<[string | null, string | null, RegExp]>([
    ['mistral', null, /Add one in Settings/], [null, 'mistral-large-latest', /needs a key for Mistral/], ['nobody', 'x', /no provider "nobody"/], ['mock', 'x', /mock\/echo/], ['scripted', 'tour', /scripted\/demo/],
  ])('%s + %s is not found, with what to do', (provider, model, words) => expect(() => chooseRoute(choices, provider, model)).toThrow(expect.objectContaining({ code: 'NOT_FOUND', message: expect.stringMatching(words) as string })));

  it('a name nobody knows, for somebody who has nothing', () => expect(() => chooseRoute(none, null, 'llama3')).toThrow(/provider\/model/));
  it('an endpoint of one\'s own needs a model\'s name', () => expect(() => chooseRoute({ own: [own('openai', { endpointUrl: 'http://x' })], shared: [] }, 'openai', null)).toThrow(/No model is chosen/));
});

describe('endpoints', () => {
  it.each([
    ['openai', null, 'https://api.openai.com/v1/chat/completions'], ['openai', 'http://h:1', 'http://h:1/v1/chat/completions'], ['openai', 'http://h:1/', 'http://h:1/v1/chat/completions'], ['openai', 'http://h:1/v1', 'http://h:1/v1/chat/completions'],
    ['openai', 'https://h/api/v1/', 'https://h/api/v1/chat/completions'], ['openai', 'https://h/openai', 'https://h/openai/chat/completions'], ['openai', 'https://h/v1/chat/completions', 'https://h/v1/chat/completions'],
    ['anthropic', null, 'https://api.anthropic.com/v1/messages'], ['anthropic', 'http://h/v1', 'http://h/v1/messages'], ['anthropic', 'http://h/anthropic', 'http://h/anthropic/v1/messages'], ['anthropic', 'http://h/v1/messages', 'http://h/v1/messages'],
    ['google', null, 'https://generativelanguage.googleapis.com/v1beta/openai/chat/completions'], ['mistral', null, 'https://api.mistral.ai/v1/chat/completions'],
  ] as const)('%s at %s', async (vendor, endpoint, expected) => {
    const upstream = new ProviderWay(vendors[vendor], endpoint, 'k', { timeouts: { connectMs: 1, firstByteMs: 1, idleMs: 1 } } as never).upstream('m');
    const format = upstream.formatFor('openai-chat');
    const { origin, path } = await upstream.prepare({ endpoint: endpointOf[format], format, stream: false, body: Buffer.alloc(0), clientHeaders: {} });
    expect(origin + path).toBe(expected);
  });
});
