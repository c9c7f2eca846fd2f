// Real: nats-server, SQLite, HTTP. Scripted: clients of LiteLLM's API, as they write to it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atThatPrice, runPricedGateway, type PricedGateway } from './priced-gateway.ts';
import { masterKey } from './running-gateway.ts';

let gateway: PricedGateway;

beforeAll(async () => {
  gateway = await runPricedGateway((base) => `model_list: [{ model_name: priced, litellm_params: { model: openai/priced, api_base: "${base}", api_key: k, ${atThatPrice} } }]`);
}, 60_000);

afterAll(async () => gateway?.close());

const post = async (path: string, body: object) => gateway.post(path, masterKey, body);
const get = async (path: string) => {
  const response = await fetch(gateway.running.url + path, { headers: { authorization: `Bearer ${masterKey}` } });
  return { status: response.status, body: (await response.json()) as Record<string, any> };
};

describe('keys, users and teams', () => {
  it('are shown as they were made: durations in the unit that people write, people with their teams', async () => {
    const { key, ...made } = (await post('/key/generate', { max_budget: 1, budget_duration: '30d' })).body;
    expect([made.budget_duration, (await get(`/key/info?key=${key as string}`)).body.info.budget_duration]).toEqual(['30d', '30d']);
    for (const [given, shown] of [['2w', '14d'], ['1mo', '30d'], ['36h', '36h'], ['90m', '90m'], ['45s', '45s']]) expect((await post('/key/update', { key, budget_duration: given })).body.budget_duration).toBe(shown);
    await post('/team/new', { team_id: 'known-by-mail', members_with_roles: [{ role: 'user', user_email: 'grace@example.org' }] });
    await post('/user/new', { user_id: 'grace', user_email: 'grace@example.org', auto_create_key: false });
    expect((await get('/user/info?user_id=grace')).body).toMatchObject({ user_id: 'grace', keys: [], teams: [{ team_id: 'known-by-mail' }] });
    expect(await get('/key/info')).toMatchObject({ status: 400, body: { error: { param: 'key' } } });
  });

  it('are managed by clients that send null for what they do not say', async () => {
    const nothing = { models: null, metadata: null, aliases: null, key_alias: null, team_id: null, budget_limits: null, blocked: null, duration: null };
    const { status, body } = await post('/key/generate', { ...nothing, user_id: 'nora' });
    expect([status, body.models, body.user_id]).toEqual([200, [], 'nora']);
    await post('/key/update', { key: body.key, models: ['priced'], max_budget: 3 });
    expect((await post('/key/update', { key: body.key, models: null, max_budget: null })).body).toMatchObject({ models: ['priced'], max_budget: null });
    expect((await post('/key/delete', { keys: [body.key], key_aliases: null })).body.deleted_keys).toHaveLength(1);
    expect((await post('/team/new', { team_id: 'null-team', team_alias: null, members_with_roles: [{ role: 'user', user_id: 'nora', user_email: null }] })).body.members_with_roles).toEqual([{ role: 'user', user_id: 'nora' }]);
    expect((await post('/key/delete', { keys: null })).status).toBe(400);
    const { token } = (await post('/key/generate', { team_id: 'null-team' })).body;
    expect((await get('/team/list')).body).toContainEqual(expect.objectContaining({ team_id: 'null-team', keys: [expect.objectContaining({ token })], team_memberships: [] }));
    expect((await get('/v2/team/list?user_id=nora&page_size=1')).body).toMatchObject({ teams: [{ team_id: 'null-team' }], total: 1, page: 1, page_size: 1, total_pages: 1 });
  });
});
