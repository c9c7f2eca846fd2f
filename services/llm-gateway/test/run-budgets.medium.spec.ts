// Real: nats-server, SQLite, HTTP. Scripted: the provider's answers.
import { budgets, newId } from '@deskhand/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atThatPrice, once, runPricedGateway, type PricedGateway } from './priced-gateway.ts';
import { masterKey, type RunningGateway } from './running-gateway.ts';
import type { ScriptedUpstream } from './upstream.ts';

let priced: PricedGateway;
let gateway: RunningGateway;
let upstream: ScriptedUpstream;

beforeAll(async () => {
  priced = await runPricedGateway((base) => `model_list:
  - { model_name: priced, litellm_params: { model: openai/priced, api_base: "${base}", api_key: k, ${atThatPrice} } }
  - { model_name: unpriced, litellm_params: { model: openai/nobody-knows-this-one, api_base: "${base}", api_key: k } }
`);
  ({ running: gateway, upstream } = priced);
});
afterAll(async () => priced?.close());

const call = async (key: string, model = 'priced') => priced.call(key, model);
const set = async (kind: 'user' | 'conversation', id: string, max_budget: number | null, budget_seconds?: number) => gateway.gateway.request(budgets.set, { kind, id, max_budget, ...(budget_seconds !== undefined && { budget_seconds }) });
const get = async (kind: 'user' | 'conversation', id: string) => gateway.gateway.request(budgets.get, { kind, id });
const near = (amount: number): number => expect.closeTo(amount, 9) as number;

describe('budgets of people and conversations (LLM-5)', () => {
  it('a user\'s holds over all their runs and their virtual keys, and says what is left', async () => {
    const [ada, other] = [newId(), newId()];
    expect(await get('user', ada)).toEqual({ max_budget: null, spend: 0, left: null, budget_seconds: null, budget_resets_at: null });
    expect(await set('user', ada, 3.5 * once, 86_400)).toMatchObject({ max_budget: 3.5 * once, spend: 0, left: 3.5 * once, budget_seconds: 86_400 });
    const runs = [await gateway.resolve(ada, 'priced'), await gateway.resolve(ada, 'priced')];
    const { key } = (await priced.post('/key/generate', masterKey, { user_id: ada })).body;
    for (const credential of [runs[0]!.token, runs[1]!.token, key]) expect((await call(credential)).status).toBe(200);
    await expect.poll(async () => get('user', ada)).toMatchObject({ spend: near(3 * once), left: near(0.5 * once) });
    for (const credential of [runs[0]!.token, runs[1]!.token, key]) {
      expect(await call(credential)).toMatchObject({ status: 429, body: { error: { code: 'budget_exceeded', message: expect.stringMatching(/^Budget has been exceeded: \$0\.005 of \$0\.035 is left of this user, and this call may cost up to \$0\.01\. It begins anew on \d{4}-\d\d-\d\d \d\d:\d\d UTC\.$/) as string } } });
    }
    expect((await priced.post('/v1/messages', runs[0]!.token, { model: 'priced', max_tokens: 1_000, messages: [{ role: 'user', content: 'ping' }] })).body.error.message).toContain('Budget has been exceeded');
    expect((await call((await gateway.resolve(other, 'priced')).token)).status).toBe(200);
    await set('user', ada, 10 * once);
    expect((await call(runs[0]!.token)).status).toBe(200);
    await set('user', ada, null);
    expect((await call(runs[0]!.token)).status).toBe(200);
  });

  it('a conversation\'s holds over its calls only', async () => {
    const ada = newId();
    const [capped, free] = [await gateway.resolve(ada, 'priced'), await gateway.resolve(ada, 'priced')];
    await set('conversation', capped.conversation_id, once);
    expect((await call(capped.token)).status).toBe(200);
    const refused = await call(capped.token);
    expect([refused.status, refused.body.error.message]).toEqual([429, expect.stringContaining('$0 of $0.01 is left of this conversation')]);
    expect((await call(free.token)).status).toBe(200);
    await expect.poll(async () => get('conversation', capped.conversation_id)).toMatchObject({ spend: near(once), left: 0 });
    // What it cost before it was capped counts.
    await expect.poll(async () => (await gateway.usage()).filter(({ runId }) => runId === free.run_id)).toHaveLength(1);
    expect(await set('conversation', free.conversation_id, 1.5 * once)).toMatchObject({ spend: near(once), left: near(0.5 * once) });
    expect((await call(free.token)).status).toBe(429);
  });

  it('refuses a model whose price nobody knows, and leaves what a person pays themselves to them', async () => {
    const ada = newId();
    await set('user', ada, 1);
    const unpriced = await gateway.resolve(ada, 'unpriced');
    expect(await call(unpriced.token, 'unpriced')).toMatchObject({ status: 403, body: { error: { code: 'unknown_price' } } });
    await gateway.addProvider(ada, 'openai', { key: 'own-key', endpoint: upstream.url, model: 'my-model' });
    const own = await gateway.resolve(ada, null, 'openai');
    expect((await call(own.token, own.model)).status).toBe(200);
    await expect.poll(async () => (await gateway.usage()).find(({ runId }) => runId === own.run_id)).toMatchObject({ source: 'user', cost: null });
    await set('conversation', own.conversation_id, 1);
    expect(await call(own.token, own.model)).toMatchObject({ status: 403, body: { error: { code: 'unknown_price' } } });
  });

  it('holds embeddings, too', async () => {
    const run = await gateway.resolve(newId(), 'priced');
    await set('conversation', run.conversation_id, once);
    const embed = async (key: string) => priced.post('/v1/embeddings', key, { model: 'priced', input: 'x' });
    expect(await embed(run.token)).toMatchObject({ status: 429, body: { error: { code: 'budget_exceeded', message: expect.stringContaining('left of this conversation') as string } } });
  });

  it('is never overrun by many calls at once', async () => {
    const ada = newId();
    await set('user', ada, 20 * once);
    const runs = await Promise.all(Array.from({ length: 4 }, async () => gateway.resolve(ada, 'priced')));
    const answers = await Promise.all(Array.from({ length: 80 }, async (_, index) => call(runs[index % 4]!.token)));
    const served = answers.filter(({ status }) => status === 200).length;
    expect(answers.every(({ status }) => status === 200 || status === 429)).toBe(true);
    expect(served).toBeLessThanOrEqual(20);
    expect(served).toBeGreaterThan(10);
    await expect.poll(async () => (await get('user', ada)).spend).toBeCloseTo(served * once, 9);
  });
});
