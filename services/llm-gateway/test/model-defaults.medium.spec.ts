// Real: nats-server, SQLite, HTTP, LiteLLM's configuration file. Scripted: the providers' answers.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { runPricedGateway, type PricedGateway } from './priced-gateway.ts';
import { masterKey } from './running-gateway.ts';

let gateway: PricedGateway;
const messages = [{ role: 'user', content: 'hi' }];

beforeAll(async () => {
  gateway = await runPricedGateway((base) => `model_list:
  - { model_name: set, litellm_params: { model: openai/x, api_base: "${base}", api_key: k, temperature: 0.2, max_tokens: 50, stop: [END], presence_penalty: -1, input_cost_per_token: 0, output_cost_per_token: 0.00001 } }
  - { model_name: thinks, litellm_params: { model: openai/gpt-5.5, api_base: "${base}", api_key: k, reasoning_effort: low, max_tokens: 60, input_cost_per_token: 0, output_cost_per_token: 0.00001 } }
`);
}, 60_000);

afterAll(async () => gateway?.close());
beforeEach(() => { gateway.upstream.requests.length = 0; });

const sent = async (path: string, body: object, key = masterKey): Promise<Record<string, unknown>> => {
  expect((await gateway.post(path, key, body)).status).toBe(200);
  return gateway.upstream.requests.at(-1)!.body;
};

it('LLM-2: what an entry says of its model\'s requests holds where a client says nothing', async () => {
  expect(gateway.running.lines.join('\n')).not.toContain('has no effect');
  expect(await sent('/v1/chat/completions', { model: 'set', messages })).toEqual({ model: 'x', messages, temperature: 0.2, max_tokens: 50, stop: ['END'], presence_penalty: -1 });
  expect(await sent('/v1/chat/completions', { model: 'set', messages, temperature: 1, max_completion_tokens: 9, stop: 'x' })).toEqual({ model: 'x', messages, temperature: 1, max_completion_tokens: 9, stop: 'x', presence_penalty: -1 });
  expect(await sent('/v1/messages', { model: 'set', messages, max_tokens: 9 })).toMatchObject({ temperature: 0.2, stop: ['END'] });
  expect(await sent('/v1/responses', { model: 'set', input: 'hi' })).toMatchObject({ temperature: 0.2 });
  const responded = await sent('/v1/responses', { model: 'thinks', input: 'hi' });
  expect([responded.reasoning_effort, responded.max_tokens ?? responded.max_completion_tokens]).toEqual(['low', 60]);
});

it('LLM-5: a budget\'s limit and an entry\'s own are one, the smaller', async () => {
  const { key } = (await gateway.post('/key/generate', masterKey, { max_budget: 1 })).body as { key: string };
  for (const model of ['set', 'thinks']) {
    const body = await sent('/v1/chat/completions', { model, messages }, key);
    expect([body.max_tokens, body.max_completion_tokens].filter((limit) => limit !== undefined)).toEqual([model === 'set' ? 50 : 60]);
  }
});
