// Real: nats-server, PostgreSQL, two whole instances of the service on one database, HTTP. Scripted: the provider's answers.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDatabases, startNats, type TestDatabases } from '@deskhand/platform/testing';
import { BudgetsRepository } from '../src/budgets/budgets.repository.ts';
import { KeysController } from '../src/keys/keys.controller.ts';
import { hashOf } from '../src/keys/virtual-keys.ts';
import { masterKey, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';
import { startUpstream, type ScriptedUpstream } from './upstream.ts';

let ground: GatewayGround;
let databases: TestDatabases;
let one: RunningGateway;
let two: RunningGateway;
let upstream: ScriptedUpstream;
const folder = mkdtempSync(join(tmpdir(), 'deskhand-keys-'));
const [perInput, perOutput] = [0.000001, 0.00001];

beforeAll(async () => {
  const nats = await startNats();
  databases = await startDatabases('postgres');
  const url = await databases.url();
  ground = { nats, databases: { ...databases, url: async () => url }, close: async () => { await databases.close(); await nats.close(); } };
  upstream = await startUpstream({ format: 'openai-chat', script: ({ body, userText }) => ({ text: 'pong', delayMs: userText === 'slow' ? 1_000 : 5, usage: { uncachedInput: 20, output: Math.min(Number(body.max_completion_tokens ?? body.max_tokens ?? 50), 50) } }) });
  const file = join(folder, 'config.yaml');
  writeFileSync(file, `model_list:
  - { model_name: priced, litellm_params: { model: openai/priced, api_base: "${upstream.url}/v1", api_key: k, input_cost_per_token: ${perInput}, output_cost_per_token: ${perOutput} } }
  - { model_name: unpriced, litellm_params: { model: openai/nobody-knows-this-one, api_base: "${upstream.url}/v1", api_key: k } }
`);
  const config = { LITELLM_CONFIG: file, ALLOWED_PRIVATE_HOSTS: upstream.host, FIRST_BYTE_TIMEOUT_MS: 5_000 };
  one = await runGateway(ground, { ...config, SERVICE_INSTANCE: 'one' });
  two = await runGateway(ground, { ...config, SERVICE_INSTANCE: 'two' });
}, 90_000);

afterAll(async () => {
  await one?.close();
  await two?.close();
  await upstream?.close();
  await ground?.close();
  rmSync(folder, { recursive: true, force: true });
});

const send = async (gateway: RunningGateway, method: string, path: string, key: string, body?: unknown) => {
  const response = await fetch(`${gateway.url}${path}`, { method, headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) }, ...(body !== undefined && { body: JSON.stringify(body) }) });
  return { status: response.status, body: (await response.json()) as any, header: (name: string) => response.headers.get(name) };
};
const manage = async (path: string, body: object) => send(one, 'POST', path, masterKey, body);
const makeKey = async (settings: object): Promise<string> => (await manage('/key/generate', settings)).body.key as string;
const call = async (gateway: RunningGateway, key: string, more: object = {}) => send(gateway, 'POST', '/v1/chat/completions', key, { model: 'priced', messages: [{ role: 'user', content: 'ping' }], ...more });
const info = async (key: string) => (await send(two, 'GET', `/key/info?key=${key}`, masterKey)).body.info;

describe('virtual keys (LLM-5)', () => {
  it('open the gateway on every instance, for their models, until they end or are blocked', async () => {
    const made = await manage('/key/generate', { models: ['priced'], key_alias: 'a team\'s', metadata: { purpose: 'test' }, aliases: { nick: 'priced' } });
    expect(made).toMatchObject({ status: 200, body: { key: expect.stringMatching(/^sk-/) as string, key_alias: 'a team\'s', models: ['priced'], spend: 0, max_budget: null } });
    const { key } = made.body;
    for (const gateway of [one, two]) expect((await call(gateway, key)).status).toBe(200);
    expect((await call(one, key, { model: 'nick' })).status).toBe(200);
    expect(await call(one, key, { model: 'unpriced' })).toMatchObject({ status: 403, body: { error: { code: 'key_model_access_denied' } } });
    expect(await send(one, 'GET', '/v1/models/priced', key)).toMatchObject({ status: 200, body: { id: 'priced', object: 'model', type: 'model' } });
    expect((await send(one, 'GET', '/models/unpriced/', key)).status).toBe(403);
    expect(await send(one, 'GET', '/v1/models/nobody', masterKey)).toMatchObject({ status: 404, body: { error: { code: 'model_not_found' } } });
    expect((await send(one, 'GET', '/v1/models/mock%2Fecho/', masterKey)).body.id).toBe('mock/echo');
    expect((await send(one, 'GET', '/v1/models/', key)).body.data.map(({ id }: { id: string }) => id)).toEqual(['priced']);
    expect((await manage('/key/block', { key })).body.blocked).toBe(true);
    expect((await call(one, key)).status).toBe(401);
    await expect.poll(async () => (await call(two, key)).status).toBe(401);
    for (const path of ['/v1/models', '/v1/models/priced', '/model/info', '/model_group/info', '/key/info', '/spend/logs', '/user/daily/activity?start_date=2026-01-01&end_date=2099-12-31']) expect(await send(one, 'GET', path, key)).toMatchObject({ status: 401, body: { error: { code: 'key_blocked' } } });
    await manage('/key/unblock', { key });
    expect((await call(one, key)).status).toBe(200);
    const second = (await manage('/key/regenerate', { key })).body.key as string;
    expect([(await call(one, key)).status, (await call(one, second)).status]).toEqual([401, 200]);
    // LiteLLM's other path, with something changed on the way and without a body.
    const third = await manage(`/key/${second}/regenerate`, { rpm_limit: 100 });
    expect(third.body).toMatchObject({ key_alias: 'a team\'s', models: ['priced'], rpm_limit: 100 });
    const fourth = await send(one, 'POST', `/key/${third.body.token as string}/regenerate`, masterKey);
    expect(fourth).toMatchObject({ status: 200, body: { rpm_limit: 100 } });
    const again = fourth.body.key as string;
    expect([(await call(one, third.body.key as string)).status, (await call(one, again)).status]).toEqual([401, 200]);
    expect([(await send(one, 'POST', `/key/${again}/regenerate`, again)).status, (await manage('/key/sk-nobody/regenerate', {})).status]).toEqual([403, 404]);
    expect((await manage('/key/delete', { keys: [again] })).body.deleted_keys).toHaveLength(1);
    expect((await call(one, again)).status).toBe(401);
    const aliased = await makeKey({ key_alias: 'for a day' });
    expect((await manage('/key/delete', { key_aliases: ['for a day', 'nobody\'s'] })).body.deleted_keys).toHaveLength(1);
    expect((await call(one, aliased)).status).toBe(401);
    expect(await send(one, 'POST', '/key/generate', masterKey)).toMatchObject({ status: 200, body: { models: [] } });
    const short = await makeKey({ duration: '1s' });
    expect((await call(one, short)).status).toBe(200);
    await expect.poll(async () => (await call(one, short)).status).toBe(401);
  });

  it('are managed with the master key only, and are kept as hashes', async () => {
    const key = await makeKey({});
    for (const [method, path] of [['POST', '/key/generate'], ['POST', '/team/new'], ['GET', '/key/list'], ['GET', '/user/list']] as const) expect((await send(one, method, path, key, method === 'POST' ? {} : undefined)).status).toBe(403);
    const other = await makeKey({});
    expect((await send(one, 'GET', '/key/info', key)).body.info.key_name).toMatch(/^sk-\.\.\./);
    expect((await send(one, 'GET', `/key/info?key=${other}`, key)).status).toBe(403);
    const rows = await one.service.database!.read(async (em) => em.execute('select * from virtual_keys'));
    expect(JSON.stringify(rows)).not.toContain(key.slice(6, -4));
    expect([...one.lines, ...two.lines].join('\n')).not.toContain(key.slice(6, -4));
  });

  it.each([
    ['/key/generate', { max_budget: -1 }], ['/key/generate', { budget_duration: 'soon' }], ['/key/generate', { models: 'all' }], ['/key/generate', { key: 'short' }], ['/key/update', {}], ['/key/block', { key: 'sk-not-there' }],
    ['/user/update', { user_id: 'nobody' }], ['/team/update', { team_id: 'nobody' }], ['/key/delete', { keys: [] }],
  ])('answer bad input to %s with a clear 4xx', async (path, body) => {
    const { status, body: answer } = await manage(path, body);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(answer.error.message).toEqual(expect.any(String));
  });

  it('hold to calls a minute and calls at once', async () => {
    const key = await makeKey({ rpm_limit: 3 });
    const answers = await Promise.all(Array.from({ length: 6 }, async () => call(one, key)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
    const refused = answers.find(({ status }) => status === 429)!;
    expect(refused.body.error).toMatchObject({ code: 'rate_limit_exceeded', message: expect.stringContaining('3 calls a minute') as string });
    expect(Number(refused.header('retry-after'))).toBeGreaterThan(0);
    expect(Number(refused.header('retry-after'))).toBeLessThanOrEqual(60);
    const narrow = await makeKey({ max_parallel_requests: 2 });
    const together = await Promise.all(Array.from({ length: 5 }, async () => call(one, narrow, { messages: [{ role: 'user', content: 'slow' }] })));
    expect(together.filter(({ status }) => status === 200)).toHaveLength(2);
  });

  it('hold to the limits of their user and their team, together with its other keys', async () => {
    await manage('/team/new', { team_id: 'busy-team', rpm_limit: 4 });
    expect((await manage('/user/new', { user_id: 'busy-user', max_parallel_requests: 1, auto_create_key: false })).body).toMatchObject({ rpm_limit: null, max_parallel_requests: 1 });
    const keys = await Promise.all([makeKey({ team_id: 'busy-team' }), makeKey({ team_id: 'busy-team' })]);
    const answers = await Promise.all(Array.from({ length: 8 }, async (_, index) => call(index < 4 ? one : two, keys[index % 2]!)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(4);
    expect(answers.find(({ status }) => status === 429)!.body.error.message).toContain('This team is limited to 4 calls a minute');
    const narrow = await makeKey({ user_id: 'busy-user' });
    const slow = { messages: [{ role: 'user', content: 'slow' }] };
    expect((await Promise.all([call(one, narrow, slow), call(one, narrow, slow)])).map(({ status }) => status).sort()).toEqual([200, 429]);
    expect((await manage('/team/update', { team_id: 'busy-team', rpm_limit: null })).body.rpm_limit).toBeNull();
    expect((await call(one, keys[0]!)).status).toBe(200);
  });

  it('belong to teams that have members and may be blocked as a whole', async () => {
    const made = await manage('/team/new', { team_id: 'crew', members_with_roles: [{ role: 'admin', user_id: 'crew-ada' }] });
    expect(made.body).toMatchObject({ team_id: 'crew', members_with_roles: [{ role: 'admin', user_id: 'crew-ada' }] });
    expect((await manage('/team/member_add', { team_id: 'crew', member: [{ role: 'user', user_email: 'bob@example.org' }, { role: 'user', user_id: 'crew-eve' }] })).body.members_with_roles).toHaveLength(3);
    expect((await send(two, 'GET', '/user/info?user_id=crew-eve', masterKey)).body).toMatchObject({ user_id: 'crew-eve', keys: [] });
    for (const wrong of [{ team_id: 'crew', member: { role: 'user', user_id: 'crew-eve' } }, { team_id: 'crew', member: { role: 'user' } }, { team_id: 'crew', member: { role: 'user', user_id: 'x' }, max_budget_in_team: 1 }]) expect((await manage('/team/member_add', wrong)).status).toBe(400);
    expect((await manage('/team/member_add', { team_id: 'nobody', member: { role: 'user', user_id: 'x' } })).status).toBe(404);
    await manage('/team/member_delete', { team_id: 'crew', user_email: 'bob@example.org' });
    expect((await send(two, 'GET', '/team/info?team_id=crew', masterKey)).body).toMatchObject({ team_memberships: [], team_info: { members_with_roles: [{ role: 'admin', user_id: 'crew-ada' }, { role: 'user', user_id: 'crew-eve' }] } });
    const key = await makeKey({ team_id: 'crew' });
    expect((await manage('/team/block', { team_id: 'crew' })).body.blocked).toBe(true);
    expect((await call(one, key)).status).toBe(401);
    await manage('/team/unblock', { team_id: 'crew' });
    expect((await call(one, key)).status).toBe(200);
  });

  it('belong to teams that are there, and to any user', async () => {
    const missing = { status: 400, body: { error: { param: 'team_id', code: 'team_not_found', message: expect.stringContaining('There is no team nobodies') as string } } };
    const { key } = (await manage('/key/generate', { user_id: 'never-made' })).body;
    for (const [path, body] of [['/key/generate', {}], ['/key/update', { key }], [`/key/${key}/regenerate`, {}]] as [string, object][]) expect(await manage(path, { ...body, team_id: 'nobodies' })).toMatchObject(missing);
    expect((await call(one, key)).status).toBe(200);
  });

  it('follow what is changed of their user, and say what cannot be', async () => {
    await manage('/user/new', { user_id: 'eve', user_email: 'eve@example.org', auto_create_key: false });
    expect((await manage('/user/update', { user_id: 'eve', user_email: 'eve@example.com', duration: '30d', key_alias: 'x' })).body).toMatchObject({ user_email: 'eve@example.com', warnings: ['duration has no effect here', 'key_alias has no effect here'] });
    expect((await send(two, 'GET', '/user/info?user_id=eve', masterKey)).body.user_info.user_email).toBe('eve@example.com');
    expect((await manage('/user/update', { user_id: 'eve', user_email: null })).body.user_email).toBeNull();
  });

  it('say what of LiteLLM\'s settings does nothing here, and are not made with a limit that would not hold', async () => {
    expect((await manage('/key/generate', { tags: ['a'], soft_budget: 5, budget_limits: [], model_max_budget: {}, guardrails: null })).body.warnings).toEqual(['tags has no effect here', 'soft_budget has no effect here']);
    for (const setting of [{ model_rpm_limit: { priced: 1 } }, { allowed_routes: ['/v1/models'] }]) {
      expect(await manage('/key/generate', setting)).toMatchObject({ status: 400, body: { error: { code: 'not_supported', param: Object.keys(setting)[0] } } });
    }
  });

  it('get what the configuration file says of all keys, and no more than that', async () => {
    const file = join(folder, 'bounded.yaml');
    writeFileSync(file, 'litellm_settings: { default_key_generate_params: { models: [priced], max_budget: 2, duration: 7d }, upperbound_key_generate_params: { max_budget: 3, rpm_limit: 5 } }\n');
    const bounded = await runGateway(ground, { LITELLM_CONFIG: file, SERVICE_INSTANCE: 'bounded' });
    try {
      const ask = async (path: string, body: object) => send(bounded, 'POST', path, masterKey, body);
      const { body: made } = await ask('/key/generate', {});
      expect(made).toMatchObject({ models: ['priced'], max_budget: 2, rpm_limit: 5, tpm_limit: null });
      expect(Date.parse(made.expires) / 86_400_000 - Date.now() / 86_400_000).toBeCloseTo(7, 1);
      expect((await ask('/key/generate', { max_budget: 3, models: ['unpriced'], rpm_limit: 1 })).body).toMatchObject({ models: ['unpriced'], max_budget: 3, rpm_limit: 1 });
      for (const [path, body] of [['/key/generate', { max_budget: 4 }], ['/key/update', { key: made.key, rpm_limit: 6 }], [`/key/${made.key}/regenerate`, { max_budget: 3.5 }]] as [string, object][]) expect(await ask(path, body)).toMatchObject({ status: 400, body: { error: { message: expect.stringContaining('at most here') as string } } });
      expect((await ask('/key/update', { key: made.key, max_budget: null })).body).toMatchObject({ max_budget: 3, rpm_limit: 5, models: ['priced'] });
      // Of this very instance: over the bus any of them may answer.
      const webApp = bounded.service.app.get(KeysController, { strict: false });
      await expect(webApp.make({ alias: 'of the web app', rpm_limit: 6 })).rejects.toMatchObject({ code: 'BAD_INPUT', details: { field: 'rpm_limit' } });
      const { view } = await webApp.make({ alias: 'of the web app' });
      expect(view).toMatchObject({ max_budget: 3, rpm_limit: 5, models: [] });
      await expect(webApp.change({ id: view.id, max_budget: 4 })).rejects.toMatchObject({ code: 'BAD_INPUT', details: { field: 'max_budget' } });
      expect((await ask('/user/new', { user_id: 'bounded' })).body).toMatchObject({ key: expect.stringMatching(/^sk-/) as string, max_budget: null });
      expect((await send(bounded, 'GET', '/key/list?user_id=bounded&return_full_object=true', masterKey)).body.keys).toMatchObject([{ max_budget: 2, rpm_limit: 5 }]);
    } finally {
      await bounded.close();
    }
  });

  it('know no models by the names that every object has', async () => {
    const key = await makeKey({ aliases: { nick: 'priced' } });
    for (const model of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect(await call(one, key, { model })).toMatchObject({ status: 404, body: { error: { code: 'model_not_found' } } });
      expect((await send(one, 'POST', '/v1/embeddings', key, { model, input: 'x' })).status).toBe(404);
    }
    const made = await manage('/model/new', { model_name: '__proto__', litellm_params: { model: 'openai/constructor', api_base: `${upstream.url}/v1`, api_key: 'k', input_cost_per_token: 0.001, output_cost_per_token: 0.001 } });
    expect(made.status).toBe(200);
    expect((await call(one, key, { model: '__proto__' })).status).toBe(200);
    for (const path of ['/user/daily/activity', '/spend/logs', '/global/spend/report']) expect((await send(one, 'GET', `${path}?start_date=2026-01-01&end_date=2099-12-31`, masterKey)).status).not.toBe(500);
  });

  it('SECURITY 27: a name that is made to be slow to compare with a pattern is refused at once', async () => {
    const key = await makeKey({ models: ['*b*c*d'] });
    const began = performance.now();
    const asked = [call(one, key, { model: 'b'.repeat(200_000) }), send(one, 'POST', '/v1/embeddings', key, { model: 'b'.repeat(200_000), input: 'x' }), send(one, 'GET', `/v1/models/${'b'.repeat(20_000)}`, key)];
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([400, 400, 400]);
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  it('count what they spend, and hold their output under a budget', async () => {
    const key = await makeKey({ max_budget: 1 });
    expect((await call(one, key)).status).toBe(200);
    expect(upstream.requests.at(-1)!.body.max_completion_tokens ?? upstream.requests.at(-1)!.body.max_tokens).toBe(4_096);
    await expect.poll(async () => (await info(key)).spend as number).toBeCloseTo(20 * perInput + 50 * perOutput, 8);
    expect(await call(one, key, { model: 'unpriced' })).toMatchObject({ status: 403, body: { error: { code: 'unknown_price' } } });
    expect((await call(one, await makeKey({}), { model: 'unpriced' })).status).toBe(200);
    for (const [param, value] of Object.entries({ service_tier: 'priority', speed: 'fast', inference_geo: 'us', modalities: ['text', 'audio'] })) expect(await call(one, key, { [param]: value })).toMatchObject({ status: 403, body: { error: { code: 'unknown_price', param } } });
    // A limit that counts in another format only would be none.
    expect((await call(one, key, { max_output_tokens: 1 })).status).toBe(200);
    expect(upstream.requests.at(-1)!.body).toMatchObject({ max_tokens: 4_096 });
    const messages = async (more: object) => send(one, 'POST', '/v1/messages', key, { model: 'priced', messages: [{ role: 'user', content: 'ping' }], ...more });
    expect((await messages({ max_completion_tokens: 7 })).status).toBe(200);
    expect(upstream.requests.at(-1)!.body).toMatchObject({ max_tokens: 7 });
    expect((await messages({ max_completion_tokens: 1, max_tokens: 200_000 })).status).toBe(429);
    expect((await call(one, key, { max_completion_tokens: 9 })).status).toBe(200);
    expect(upstream.requests.at(-1)!.body).toMatchObject({ max_tokens: 9 });
    expect(upstream.requests.at(-1)!.body).not.toHaveProperty('max_completion_tokens');
    expect(await call(one, key, { messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'file-1' } }] }], max_tokens: 90_000 })).toMatchObject({ status: 429, body: { error: { message: expect.stringContaining('may cost up to $1.1') as string } } });
  });

  it('never spend more than there is: two instances, 200 callers at once, by key, user and team', async () => {
    await manage('/team/new', { team_id: 'team-a', max_budget: 0.02 });
    await manage('/user/new', { user_id: 'user-a', max_budget: 0.05, auto_create_key: false });
    const keys = await Promise.all([makeKey({ team_id: 'team-a', user_id: 'user-a', max_budget: 0.015 }), makeKey({ team_id: 'team-a', user_id: 'user-a' })]);
    const answers = await Promise.all(Array.from({ length: 200 }, async (_, index) => call(index % 2 === 0 ? one : two, keys[index % 3 === 0 ? 0 : 1]!, { max_tokens: 50 })));
    const good = answers.filter(({ status }) => status === 200).length;
    const cost = 20 * perInput + 50 * perOutput;
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]));
    const broke = { type: 'budget_exceeded', message: expect.stringMatching(/Budget has been exceeded: \$[\d.]+ of \$[\d.]+ is left/) as string };
    expect(answers.find(({ status }) => status === 429)!.body.error).toMatchObject({ ...broke, code: 'budget_exceeded' });
    const messages = await send(two, 'POST', '/v1/messages', keys[0]!, { model: 'priced', max_tokens: 4_000, messages: [{ role: 'user', content: 'ping' }] });
    expect(messages).toMatchObject({ status: 429, body: { type: 'error', error: broke } });
    expect([messages.header('x-should-retry'), messages.header('retry-after')]).toEqual(['false', null]);
    expect(good * cost).toBeLessThanOrEqual(0.02);
    expect(good).toBeGreaterThan(10);
    await expect.poll(async () => (await send(one, 'GET', '/team/info?team_id=team-a', masterKey)).body.team_info.spend as number).toBeCloseTo(good * cost, 8);
    expect((await info(keys[0]!)).spend).toBeLessThanOrEqual(0.015);
  });

  it('of a job share its budget and its limits on every instance, and go with it', async () => {
    const cost = 20 * perInput + 50 * perOutput;
    expect(await manage('/job/new', { job_id: 'nightly', job_alias: 'Nightly tests', max_budget: 0.01 })).toMatchObject({ status: 200, body: { job_id: 'nightly', job_alias: 'Nightly tests', max_budget: 0.01, spend: 0 } });
    expect((await manage('/job/new', { job_id: 'nightly' })).status).toBe(400);
    expect(await manage('/key/generate', { job_id: 'nobody' })).toMatchObject({ status: 400, body: { error: { param: 'job_id', message: expect.stringContaining('There is no job nobody') as string } } });
    const keys = await Promise.all([makeKey({ job_id: 'nightly' }), makeKey({ job_id: 'nightly', user_id: 'job-user' }), makeKey({ job_id: 'nightly', max_budget: 1 })]);
    const first = await call(two, keys[1]!, { max_tokens: 50 });
    const answers = [first, ...(await Promise.all(Array.from({ length: 200 }, async (_, index) => call(index % 2 === 0 ? one : two, keys[index % 3]!, { max_tokens: 50 }))))];
    const good = answers.filter(({ status }) => status === 200).length;
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]));
    expect(answers.find(({ status }) => status === 429)!.body.error).toMatchObject({ type: 'budget_exceeded', message: expect.stringMatching(/ of \$0\.01 is left of this job, and/) as string });
    expect(good * cost).toBeLessThanOrEqual(0.01);
    expect(good).toBeGreaterThan(10);
    await expect.poll(async () => (await send(two, 'GET', '/job/info?job_id=nightly', masterKey)).body.job_info.spend as number).toBeCloseTo(good * cost, 8);
    const logged = (await send(one, 'GET', `/spend/logs?api_key=${keys[1]!}`, masterKey)).body as { job_id: string; user: string }[];
    expect(logged.at(-1)).toMatchObject({ job_id: 'nightly', user: 'job-user' });
    expect((await manage('/job/update', { job_id: 'nightly', max_budget: 1, rpm_limit: 3 })).body).toMatchObject({ max_budget: 1, rpm_limit: 3 });
    // A minute that ends among them would allow more.
    const left = 60_000 - (Date.now() % 60_000);
    if (left < 5_000) await new Promise((next) => setTimeout(next, left));
    const more = await Promise.all(Array.from({ length: 12 }, async (_, index) => call(index % 2 === 0 ? one : two, keys[index % 3]!, { max_tokens: 50 })));
    expect(more.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(3);
    expect(more.find(({ status }) => status === 429)!.body.error.message).toContain('This job is limited to 3 calls a minute');
    await manage('/job/block', { job_id: 'nightly' });
    await expect.poll(async () => (await call(two, keys[0]!)).status).toBe(401);
    expect((await manage('/job/unblock', { job_id: 'nightly' })).body.blocked).toBe(false);
    expect((await send(one, 'GET', '/job/list', masterKey)).body).toMatchObject([{ job_id: 'nightly' }]);
    expect((await manage('/job/delete', { job_ids: ['nightly'] })).body).toEqual({ deleted_job_ids: ['nightly'] });
    await expect.poll(async () => (await call(two, keys[0]!)).status).toBe(401);
    expect((await send(one, 'GET', '/job/info?job_id=nightly', masterKey)).status).toBe(404);
  });

  it('a change of a key leaves it all the money that it has', async () => {
    const key = await makeKey({ max_budget: 0.1 });
    for (const path of ['/key/block', '/key/update', '/key/unblock']) {
      // Each sets aside what 4,096 tokens cost, and uses little of it.
      if (path !== '/key/unblock') await expect.poll(async () => (await call(one, key)).status).toBe(path === '/key/block' ? 200 : 401);
      await manage(path, { key });
    }
    expect((await call(one, key)).status).toBe(200);
    const again = (await manage('/key/regenerate', { key })).body as { key: string; spend: number };
    expect(again.spend).toBeLessThan(0.01);
    expect((await call(one, again.key)).status).toBe(200);
  });

  it('hold in each of several windows, and for each model', async () => {
    const [once, most] = [20 * perInput + 50 * perOutput, 0.0006];
    const made = (await manage('/key/generate', {
      budget_limits: [{ budget_duration: '1h', max_budget: 2 * most }, { budget_duration: '30d', max_budget: 5 }], model_max_budget: { priced: { budget_limit: 1, time_period: '1d' }, other: 3 },
    })).body;
    expect(made).toMatchObject({ max_budget: null, budget_limits: [{ budget_duration: '1h', max_budget: 2 * most, spend: 0 }, { budget_duration: '30d' }], model_max_budget: { priced: { budget_limit: 1, time_period: '1d', spend: 0 }, other: { budget_limit: 3, time_period: null } } });
    const { key } = made;
    const small = { max_tokens: 50 };
    expect(await Promise.all([one, two].map(async (gateway) => (await call(gateway, key, small)).status))).toEqual([200, 200]);
    await expect.poll(async () => (await info(key)).budget_limits[0].spend, { timeout: 10_000 }).toBeCloseTo(2 * once, 9);
    expect(await call(one, key, small)).toMatchObject({ status: 429, body: { error: { type: 'budget_exceeded', message: expect.stringMatching(/left of this key, and .* It begins anew on /) as string } } });
    expect(await info(key)).toMatchObject({ budget_limits: [{ spend: expect.closeTo(2 * once, 9) as number }, { spend: expect.closeTo(2 * once, 9) as number }], model_max_budget: { priced: { spend: expect.closeTo(2 * once, 9) as number }, other: { spend: 0 } } });
    // What was spent of those that stay counts on, under a new key, too.
    expect((await manage('/key/update', { key, budget_limits: [{ budget_duration: '30d', max_budget: 6 }], model_max_budget: { priced: { budget_limit: 2 * most, time_period: '1d' } } })).body).toMatchObject({ budget_limits: [{ budget_duration: '30d', max_budget: 6, spend: expect.closeTo(2 * once, 9) as number }], model_max_budget: { priced: { spend: expect.closeTo(2 * once, 9) as number } } });
    const again = (await manage('/key/regenerate', { key })).body.key as string;
    for (const gateway of [one, two]) expect(await call(gateway, again, small)).toMatchObject({ status: 429, body: { error: { message: expect.stringContaining('left of this key for this model, and') as string } } });
    expect((await manage('/key/update', { key: again, model_max_budget: null })).body).toMatchObject({ budget_limits: [{ max_budget: 6 }], model_max_budget: {} });
    expect((await call(two, again, small)).status).toBe(200);
    expect((await manage('/key/delete', { keys: [again] })).status).toBe(200);
  });

  it('begin anew with their window', async () => {
    const key = await makeKey({ max_budget: 0.0012, budget_duration: '2s' });
    const spend = async (): Promise<number> => {
      let good = 0;
      while ((await call(one, key, { max_tokens: 50 })).status === 200) good++;
      return good;
    };
    expect(await spend()).toBeGreaterThan(0);
    expect((await call(two, key, { max_tokens: 50 })).status).toBe(429);
    await expect.poll(async () => (await call(two, key, { max_tokens: 50 })).status, { interval: 200 }).toBe(200);
  });

  it('leave calls that were at work at the end of a window to that window: the next one has all its money, and no more', async () => {
    const key = await makeKey({ max_budget: 0.0018, budget_duration: '4s' });
    await new Promise((resolve) => setTimeout(resolve, 3_400));
    const before = await Promise.all(Array.from({ length: 4 }, async () => call(one, key, { max_tokens: 50, messages: [{ role: 'user', content: 'slow' }] })));
    const good = before.filter(({ status }) => status === 200).length;
    expect(good).toBeGreaterThan(1);
    let after = 0;
    while ((await call(two, key, { max_tokens: 50 })).status === 200) after++;
    expect(after).toBeGreaterThan(1);
    await expect.poll(async () => (await info(key)).spend as number).toBeCloseTo(after * (20 * perInput + 50 * perOutput), 9);
  });

  it('pay for a call that was left before its answer no more than it could have cost', async () => {
    const key = await makeKey({ max_budget: 1 });
    const answer = fetch(`${one.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: JSON.stringify({ model: 'priced', max_tokens: 3, messages: [{ role: 'user', content: 'slow' }] }), signal: AbortSignal.timeout(700) });
    await expect(answer).rejects.toThrow();
    const row = async () => (await one.usage()).find(({ keyHash, status }) => status === 'cancelled' && keyHash === hashOf(key));
    await expect.poll(row).toMatchObject({ output: 3, estimated: true });
  });

  it('what an instance had leased is there again when it ends, of a dead one when its successor has accounted for its calls', async () => {
    const key = await makeKey({ max_budget: 0.01 });
    const start = async () => runGateway(ground, { LITELLM_CONFIG: join(folder, 'config.yaml'), ALLOWED_PRIVATE_HOSTS: upstream.host, SERVICE_INSTANCE: 'three' });
    const leased = async () => (await one.service.database!.read(async (em) => em.execute<{ amount: number }[]>("select amount from budget_leases where instance = 'three'"))).reduce((sum, { amount }) => sum + Number(amount), 0);
    const dying = await start();
    expect((await call(dying, key, { max_tokens: 50 })).status).toBe(200);
    await expect.poll(async () => (await info(key)).spend as number).toBeGreaterThan(0);
    // Gives nothing back, as a process that is killed.
    dying.service.app.get(BudgetsRepository, { strict: false }).release = async () => {};
    await dying.close();
    expect(await leased()).toBeGreaterThan(0);
    const successor = await start();
    expect(await leased()).toBe(0);
    expect((await call(successor, key, { max_tokens: 50 })).status).toBe(200);
    expect(await leased()).toBeGreaterThan(0);
    await successor.close();
    expect(await leased()).toBe(0);
    expect((await info(key)).spend).toBeCloseTo(2 * (20 * perInput + 50 * perOutput), 9);
  });
});
