// Real: nats-server, SQLite, HTTP, LiteLLM's configuration file. Scripted: the provider's answers.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atThatPrice, once, runPricedGateway, type PricedGateway } from './priced-gateway.ts';
import { masterKey } from './running-gateway.ts';

let gateway: PricedGateway;

beforeAll(async () => {
  gateway = await runPricedGateway((base) => {
    const entry = (name: string, model: string): string => `  - { model_name: "${name}", litellm_params: { model: "${model}", api_base: "${base}", api_key: k, ${atThatPrice} } }\n`;
    return `model_list:
${entry('chat', 'openai/priced')}${entry('w/*', 'openai/*')}${entry('openai/gpt-4o', 'openai/gpt-4o')}${entry('openai/*', 'openai/*')}
router_settings: { model_group_alias: { nickname: chat } }
`;
  });
}, 60_000);
afterAll(async () => gateway?.close());

const makeKey = async (settings: object): Promise<string> => (await gateway.post('/key/generate', masterKey, settings)).body.key as string;
const spentOf = async (key: string): Promise<Record<string, number>> => {
  const { info } = (await (await fetch(`${gateway.running.url}/key/info`, { headers: { authorization: `Bearer ${key}` } })).json()) as { info: { model_max_budget: Record<string, { spend: number }> } };
  return Object.fromEntries(Object.entries(info.model_max_budget).map(([model, { spend }]) => [model, spend]));
};

describe('a key\'s budget for a model (LLM-5)', () => {
  it.each([
    ['the router\'s alias', 'chat', 'nickname'], ['the model behind an alias', 'nickname', 'chat'], ['the key\'s alias', 'chat', 'mine'], ['what the key\'s alias stands for', 'mine', 'chat'],
    ['a pattern', 'w/*', 'w/fast'], ['its provider', 'gpt-4o', 'openai/gpt-4o'], ['its provider, and a pattern', 'gpt-4*', 'openai/gpt-4o'],
  ])('holds for calls by %s: of %s, called as %s', async (_, named, called) => {
    const key = await makeKey({ model_max_budget: { [named]: 1.5 * once }, aliases: { mine: 'nickname' } });
    expect((await gateway.call(key, called)).status).toBe(200);
    await expect.poll(async () => spentOf(key)).toEqual({ [named]: expect.closeTo(once, 9) as number });
    expect(await gateway.call(key, called)).toMatchObject({ status: 429, body: { error: { type: 'budget_exceeded', message: expect.stringContaining('left of this key for this model') as string } } });
    expect((await gateway.call(key, 'openai/gpt-5.5')).status).toBe(200);
  });
});
