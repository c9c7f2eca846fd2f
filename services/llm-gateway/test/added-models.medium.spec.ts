// Real: nats-server, PostgreSQL, two whole instances of the service on one database, HTTP. Scripted: the provider's answers.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { llm, llmKeys, llmModels } from '@deskhand/contracts';
import { seal } from '@deskhand/platform';
import { startDatabases, startNats } from '@deskhand/platform/testing';
import { masterKey, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';
import { startUpstream, type ScriptedUpstream } from './upstream.ts';

const secret = 'sk-canary-of-an-added-model';
const folder = mkdtempSync(join(tmpdir(), 'deskhand-models-'));
let ground: GatewayGround;
let one: RunningGateway;
let two: RunningGateway;
let upstream: ScriptedUpstream;
let other: ScriptedUpstream;

beforeAll(async () => {
  const nats = await startNats();
  const databases = await startDatabases('postgres');
  const url = await databases.url();
  ground = { nats, databases: { ...databases, url: async () => url }, close: async () => { await databases.close(); await nats.close(); } };
  upstream = await startUpstream({ format: 'openai-chat', script: () => ({ text: 'first' }) });
  other = await startUpstream({ format: 'anthropic-messages', script: () => ({ text: 'second' }) });
  const file = join(folder, 'config.yaml');
  writeFileSync(file, `model_list:\n  - { model_name: shared, litellm_params: { model: openai/of-the-file, api_base: "${upstream.url}/v1", api_key: sk-key-of-the-file } }\n`);
  const config = { LITELLM_CONFIG: file, ALLOWED_PRIVATE_HOSTS: `${upstream.host},${other.host}`, FIRST_BYTE_TIMEOUT_MS: 5_000, MASTER_KEY: 'ab'.repeat(32), WEB_URL: 'https://deskhand.example' };
  one = await runGateway(ground, { ...config, SERVICE_INSTANCE: 'one' });
  two = await runGateway(ground, { ...config, SERVICE_INSTANCE: 'two' });
}, 90_000);

afterAll(async () => {
  await one?.close();
  await two?.close();
  await upstream?.close();
  await other?.close();
  await ground?.close();
  rmSync(folder, { recursive: true, force: true });
});

const send = async (gateway: RunningGateway, method: string, path: string, body?: unknown, key = masterKey) => {
  const response = await fetch(`${gateway.url}${path}`, { method, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, ...(body !== undefined && { body: JSON.stringify(body) }) });
  return { status: response.status, body: (await response.json()) as any };
};
const call = async (gateway: RunningGateway, model: string) => send(gateway, 'POST', '/v1/chat/completions', { model, messages: [{ role: 'user', content: 'hi' }] });
const model = (name: string, more: object = {}, info?: object) => ({ model_name: name, litellm_params: { model: 'openai/m', api_base: `${upstream.url}/v1`, api_key: secret, ...more }, ...(info && { model_info: info }) });
const wrong = (more: object, info?: object) => ({ model_name: 'x', litellm_params: { model: 'openai/m', api_base: 'https://models.example/v1', api_key: secret, ...more }, ...(info && { model_info: info }) });

describe('models that are added while running (LLM-2)', () => {
  it('may have names of any letters, which headers hold as addresses do', async () => {
    for (const [name, address] of [['größe 東京 🙂', 'gr%C3%B6%C3%9Fe%20%E6%9D%B1%E4%BA%AC%20%F0%9F%99%82'], ['half \ud800', 'half%20%EF%BF%BD']] as const) {
      const made = await send(one, 'POST', '/model/new', model(name));
      if (name.isWellFormed()) expect(made.status).toBe(200);
      else expect(made.status).toBe(400);
      for (const stream of [false, true]) {
        const answer = await fetch(`${one.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${masterKey}` }, body: JSON.stringify({ model: name, stream, messages: [{ role: 'user', content: 'hi' }] }) });
        await answer.text();
        expect(answer.status).toBe(name.isWellFormed() ? 200 : 404);
        if (answer.status === 200) expect(answer.headers.get('x-litellm-model-group')).toBe(address);
      }
    }
  });

  it('are there on every instance at once, changed and gone again', async () => {
    const made = await send(one, 'POST', '/model/new', model('fresh', { input_cost_per_token: 0.000001, output_cost_per_token: 0.00001, rpm: 600 }, { id: 'fresh-1', description: 'for tests', max_input_tokens: 8_000 }));
    expect(made).toMatchObject({ status: 200, body: { model_id: 'fresh-1', model_name: 'fresh', litellm_params: { model: 'openai/m', rpm: 600 }, model_info: { id: 'fresh-1', db_model: true, description: 'for tests' } } });
    expect((await call(one, 'fresh')).body.choices[0].message.content).toBe('first');
    const began = Date.now();
    await expect.poll(async () => (await call(two, 'fresh')).status, { interval: 20 }).toBe(200);
    expect(Date.now() - began).toBeLessThan(2_000);
    expect(upstream.requests.at(-1)!.headers.authorization).toBe(`Bearer ${secret}`);
    expect((await send(two, 'GET', '/v1/models')).body.data.map(({ id }: { id: string }) => id)).toContain('fresh');

    const changed = await send(two, 'POST', '/model/update', { litellm_params: { model: 'openai/renamed', api_key: null }, model_info: { id: 'fresh-1' } });
    expect(changed).toMatchObject({ status: 200, body: { litellm_params: { model: 'openai/renamed', rpm: 600 }, model_info: { description: 'for tests' } } });
    // As LiteLLM's own client names it.
    expect(await send(two, 'POST', '/model/update', { id: 'fresh-1', model_info: { team: 'a' } })).toMatchObject({ status: 200, body: { model_info: { id: 'fresh-1', team: 'a', description: 'for tests' } } });
    await expect.poll(async () => { await call(one, 'fresh'); return upstream.requests.at(-1)!.model; }, { interval: 20 }).toBe('renamed');
    expect(upstream.requests.at(-1)!.headers.authorization).toBe(`Bearer ${secret}`);

    expect(await send(one, 'POST', '/model/delete', { id: 'fresh-1' })).toMatchObject({ status: 200, body: { message: 'Model: fresh-1 deleted successfully' } });
    expect((await call(one, 'fresh')).status).toBe(404);
    await expect.poll(async () => (await call(two, 'fresh')).status, { interval: 20 }).toBe(404);
    expect((await send(one, 'POST', '/model/delete', { id: 'fresh-1' })).status).toBe(400);
  });

  it('are seen without an event, and after a start', async () => {
    const quiet = await runGateway(ground, { ALLOWED_PRIVATE_HOSTS: upstream.host, FIRST_BYTE_TIMEOUT_MS: 5_000, MASTER_KEY: 'ab'.repeat(32), SERVICE_INSTANCE: 'quiet' });
    const { body } = await send(one, 'POST', '/model/new', model('polled'));    // As if its event were lost: the row is changed behind the services' back.
    await one.service.database!.transaction(async (em) => { await em.execute('update revisions set changes = changes + 1'); await em.execute(`update models set group_name = 'polled-again', updated_at = updated_at + 1`); });
    await expect.poll(async () => (await call(quiet, 'polled-again')).status).toBe(200);
    await quiet.close();    const next = await runGateway(ground, { ALLOWED_PRIVATE_HOSTS: upstream.host, FIRST_BYTE_TIMEOUT_MS: 5_000, MASTER_KEY: 'ab'.repeat(32), SERVICE_INSTANCE: 'next' });
    expect((await call(next, 'polled-again')).status).toBe(200);
    await next.close();
    await send(one, 'POST', '/model/delete', { id: body.model_id });
  });

  it('share a name with models of the file, which are changed in the file only', async () => {
    const { body } = await send(one, 'POST', '/model/new', { model_name: 'shared', litellm_params: { model: 'anthropic/claude-sonnet-5', api_base: other.url, api_key: secret } });
    const heard = new Set<string>();
    await expect.poll(async () => { heard.add((await call(one, 'shared')).body.choices[0].message.content as string); return heard.size; }, { interval: 5 }).toBe(2);
    const { data } = (await send(one, 'GET', '/model/info')).body;
    const [ofFile, ofDatabase] = data.filter(({ model_name }: { model_name: string }) => model_name === 'shared');
    expect(ofFile).toMatchObject({ litellm_params: { model: 'openai/of-the-file' }, model_info: { db_model: false, litellm_provider: 'openai' } });
    expect(ofDatabase).toMatchObject({ model_info: { id: body.model_id, db_model: true, litellm_provider: 'anthropic', key: 'claude-sonnet-5', mode: 'chat' } });
    expect((await send(one, 'GET', `/v1/model/info?litellm_model_id=${body.model_id}`)).body.data).toHaveLength(1);
    expect((await send(one, 'GET', '/v1/model/info?litellm_model_id=nobody')).status).toBe(400);
    expect((await send(one, 'GET', '/model_group/info?model_group=shared')).body.data).toMatchObject([{ model_group: 'shared', providers: ['openai', 'anthropic'], mode: 'chat' }]);
    for (const [path, sent] of [['/model/delete', { id: ofFile.model_info.id }], ['/model/update', { model_info: { id: ofFile.model_info.id }, litellm_params: { rpm: 1 } }]] as const) {
      expect(await send(one, 'POST', path, sent)).toMatchObject({ status: 400, body: { error: { message: expect.stringContaining('in the configuration file, line 2') as string } } });
    }
    await send(one, 'POST', '/model/delete', { id: body.model_id });
  });

  it.each([
    [wrong({ model: undefined }), 'litellm_params.model'], [{ litellm_params: { model: 'openai/m' } }, 'model_name'], [wrong({ model: 'nobody/m' }), 'litellm_params.model'], [wrong({ rpm: 'many' }), 'litellm_params.rpm'], [wrong({ rpm: -1 }), 'litellm_params.rpm'],
    [wrong({ tags: 'a' }), 'litellm_params.tags'], [wrong({ api_key: 'sk-with\nnewline' }), 'litellm_params.api_key'], [wrong({ api_key: 'os.environ/MASTER_KEY' }), 'litellm_params.api_key'], [wrong({ extra_headers: { Host: 'elsewhere' } }), 'litellm_params.extra_headers'],
    [wrong({ model: 'azure/d', api_key: undefined }), 'litellm_params.api_key'], [wrong({ model: 'bedrock/m', aws_region_name: 'evil.example/' }), 'litellm_params.aws_region_name'], [wrong({ model: 'vertex_ai/m', vertex_credentials: 'no json' }), 'litellm_params.vertex_credentials'],
    [wrong({}, { id: 'a b' }), 'model_info.id'],
  ])('are refused when they are wrong, with the field: %j', async (body, field) => {
    const answer = await send(one, 'POST', '/model/new', body);
    expect([answer.status, answer.body.error.param]).toEqual([400, field]);
    expect(answer.body.error.message).toEqual(expect.stringMatching(/\w/));
    expect(JSON.stringify(answer.body)).not.toContain(secret);
  });

  it.each(['http://127.0.0.1:1/v1', 'http://2130706433/v1', 'http://[::ffff:10.0.0.1]/v1', 'http://169.254.169.254/latest', 'http://localhost:9/v1', 'http://u:p@example.com/v1', 'file:///etc/passwd', 'http://0x7f.1/'])('SECURITY 9: may not point at %s', async (api_base) => {
    for (const more of [{ api_base }, { api_base: undefined, base_url: api_base }, { model: 'bedrock/anthropic.m', aws_region_name: 'us-east-1', aws_bedrock_runtime_endpoint: api_base }]) {
      const answer = await send(one, 'POST', '/model/new', model('x', more));
      expect([answer.status, /litellm_params\.(api_base|base_url|aws_bedrock_runtime_endpoint)/.test(answer.body.error.param as string)]).toEqual([400, true]);
    }
  });

  it('SECURITY 9, 10: a local default is refused too, and a name that leads inside is refused when it is called', async () => {
    expect(await send(one, 'POST', '/model/new', { model_name: 'x', litellm_params: { model: 'ollama/llama' } })).toMatchObject({ status: 400, body: { error: { param: 'litellm_params.api_base', message: expect.stringContaining('DESKHAND_ALLOWED_PRIVATE_HOSTS') as string } } });
  });

  it('never get a key of the server\'s own at an address of their own', async () => {
    process.env.MISTRAL_API_KEY = 'sk-of-the-operator';
    try {
      const { body } = await send(one, 'POST', '/model/new', { model_name: 'thief', litellm_params: { model: 'mistral/m', api_base: `${upstream.url}/v1` } });
      await call(one, 'thief');
      expect(JSON.stringify(upstream.requests.at(-1)!.headers)).not.toContain('sk-of-the-operator');
      await send(one, 'POST', '/model/delete', { id: body.model_id });
    } finally {
      delete process.env.MISTRAL_API_KEY;
    }
  });

  it('SECURITY 13: their keys are encrypted, and in no answer and no log; they stay with their address', async () => {
    const { body } = await send(one, 'POST', '/model/new', model('kept', { extra_headers: { 'x-gateway': 'canary-in-a-header' }, a_token_nobody_knows: 'canary-in-a-header' }));
    upstream.use(() => ({ status: 401, error: { error: { message: `Incorrect API key provided: ${secret}` } } }));
    const shown = JSON.stringify([body, await send(one, 'GET', '/model/info'), await call(one, 'kept'), await one.gateway.request(llmModels.list, {}), await one.gateway.request(llmModels.test, { id: body.model_id })]);
    upstream.use(() => ({ text: 'first' }));
    const rows = await one.service.database!.read(async (em) => em.execute('select * from models'));
    for (const text of [shown, JSON.stringify(rows), ...one.lines, ...two.lines]) for (const canary of [secret, 'canary-in-a-header']) expect(text).not.toContain(canary);
    expect(JSON.stringify(rows)).not.toContain(upstream.host);
    const moved = await send(one, 'POST', '/model/update', { model_info: { id: body.model_id }, litellm_params: { api_base: other.url } });
    expect(moved).toMatchObject({ status: 400, body: { error: { param: 'litellm_params.api_key', message: expect.stringContaining('must be given again') as string } } });
    expect((await send(one, 'POST', '/model/update', { model_info: { id: body.model_id }, litellm_params: { api_base: other.url, api_key: secret, extra_headers: {} } })).status).toBe(200);
    await send(one, 'POST', '/model/delete', { id: body.model_id });
  });

  it('are managed with the master key only; a virtual key sees what it may use', async () => {
    const { key } = (await send(one, 'POST', '/key/generate', { models: ['shared'] })).body as { key: string };
    for (const path of ['/model/new', '/model/update', '/model/delete']) expect((await send(one, 'POST', path, {}, key)).status).toBe(403);
    expect((await send(one, 'GET', '/model/info', undefined, key)).body.data.map(({ model_name }: { model_name: string }) => model_name)).toEqual(['shared']);
    expect((await send(one, 'GET', '/model_group/info', undefined, 'sk-nobody')).status).toBe(401);
  });
});

it('operators see the state of models and parts with the master key, and are led to the pages', async () => {
  expect((await send(one, 'GET', '/health', undefined, 'sk-nobody')).body).toEqual({ status: 'ok' });
  expect((await send(one, 'GET', '/health')).body).toMatchObject({ status: 'ok', healthy_count: expect.any(Number) as number, unhealthy_endpoints: expect.any(Array) as object[] });
  expect(await send(one, 'GET', '/health/services')).toMatchObject({ status: 200, body: { status: 'healthy', services: { database: { ready: true }, http: { ready: true } } } });
  expect((await send(one, 'GET', '/health/services?service=nothing')).status).toBe(400);
  expect((await send(one, 'GET', '/health/services', undefined, 'sk-nobody')).status).toBe(403);
  expect((await send(one, 'GET', '/health/readiness', undefined, 'sk-nobody')).body).toEqual({ status: 'healthy', db: 'connected', cache: null });
  for (const path of ['/ui', '/ui/', '/']) {
    const led = await fetch(one.url + path, { redirect: 'manual' });
    expect([led.status, led.headers.get('location')]).toEqual([302, 'https://deskhand.example/settings/usage']);
  }
});

describe('virtual keys for administrators of the web app', () => {
  it('are made once, listed with what they spent, changed, blocked and removed, in force at once', async () => {
    await send(one, 'POST', '/team/new', { team_id: 'crew', team_alias: 'Crew', max_budget: 5 });
    const { key, view } = await one.gateway.request(llmKeys.make, { alias: 'build', team_id: 'crew', models: ['shared'], max_budget: 2, budget_seconds: 86_400, rpm_limit: 100, expires_at: '2030-01-01T00:00:00.000Z' });
    expect(view).toMatchObject({ alias: 'build', team_id: 'crew', models: ['shared'], max_budget: 2, spend: 0, budget_seconds: 86_400, expires_at: '2030-01-01T00:00:00.000Z', blocked: false });
    const listed = await one.gateway.request(llmKeys.list, {});
    expect([listed.keys[0], listed.holders]).toMatchObject([{ id: view.id, name: `sk-...${key.slice(-4)}` }, [{ kind: 'team', id: 'crew', alias: 'Crew', max_budget: 5 }]]);
    expect(JSON.stringify(listed)).not.toContain(key);
    const use = async (gateway: RunningGateway) => (await send(gateway, 'POST', '/v1/chat/completions', { model: 'other', messages: [{ role: 'user', content: 'hi' }] }, key)).status;
    expect(await use(one)).toBe(403);
    const unknownTeam = { code: 'BAD_INPUT', details: { field: 'team_id' } };
    await expect(one.gateway.request(llmKeys.make, { alias: 'other', team_id: 'nobodies' })).rejects.toMatchObject(unknownTeam);
    await expect(one.gateway.request(llmKeys.change, { id: view.id, team_id: 'nobodies' })).rejects.toMatchObject(unknownTeam);
    await expect(one.gateway.request(llmKeys.make, { alias: 'build' })).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await one.gateway.request(llmKeys.change, { id: view.id, blocked: true, max_budget: null, expires_at: null })).toMatchObject({ blocked: true, max_budget: null, expires_at: null, rpm_limit: 100 });
    for (const gateway of [one, two]) await expect.poll(async () => use(gateway)).toBe(401);
    await one.gateway.request(llmKeys.remove, { id: view.id });
    await expect(one.gateway.request(llmKeys.remove, { id: view.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('models for administrators of the web app', () => {
  it('are added sealed, tested with one real call in the provider\'s words, changed and removed', async () => {
    const { public_key } = await one.gateway.request(llm.sealingKey, {});
    const sealed = (secrets: object) => seal(public_key, JSON.stringify(secrets));
    const made = await one.gateway.request(llmModels.add, { model_name: 'paged', litellm_params: { model: 'anthropic/claude-sonnet-5', api_base: other.url, weight: 2, modify_params: true }, model_info: { description: 'x' }, sealed_secrets: sealed({ api_key: secret }) });
    expect(made).toMatchObject({ model_name: 'paged', provider: 'anthropic', model: 'claude-sonnet-5', source: 'database', secrets: ['api_key'], unused: ['litellm_params.modify_params'], health: { state: 'unknown' }, problem: null });
    const asked = other.requests.length;
    expect(await one.gateway.request(llmModels.test, { id: made.id })).toMatchObject({ ok: true, message: 'claude-sonnet-5 answered.' });
    expect(other.requests).toHaveLength(asked + 1);
    other.use(() => ({ status: 404, error: { type: 'error', error: { type: 'not_found_error', message: 'model: claude-sonnet-5 is retired' } } }));
    expect(await one.gateway.request(llmModels.test, { id: made.id })).toMatchObject({ ok: false, message: expect.stringContaining('claude-sonnet-5 is retired') as string });
    other.use(() => ({ text: 'second' }));
    // Any instance may answer; the one that was tested last has seen the failure.
    await expect.poll(async () => (await one.gateway.request(llmModels.list, {})).models.find(({ id }) => id === made.id)!.health.state).toBe('failing');
    const healths = await Promise.all([one, two].map(async (gateway) => (await send(gateway, 'GET', '/health')).body));
    expect(healths.flatMap(({ unhealthy_endpoints }) => unhealthy_endpoints as object[])).toContainEqual(expect.objectContaining({ model_id: made.id, error: expect.stringContaining('is retired') as string }));
    expect(other.requests).toHaveLength(asked + 2);
    const changed = await one.gateway.request(llmModels.change, { id: made.id, litellm_params: { weight: null }, model_info: { description: null } });
    expect([changed.litellm_params, changed.model_info]).toEqual([{ model: 'anthropic/claude-sonnet-5', api_base: other.url, modify_params: true }, {}]);
    await one.gateway.request(llmModels.remove, { id: made.id });
    await expect(one.gateway.request(llmModels.remove, { id: made.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(one.gateway.request(llmModels.test, { id: 'nobody' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('tell when one is cooling down, until when and why', async () => {
    const ids: string[] = [];
    for (const name of ['a', 'b']) ids.push((await send(one, 'POST', '/model/new', model('pair', { model: `openai/${name}`, max_retries: 1 }))).body.model_id as string);
    upstream.use(({ model: asked }) => (asked === 'a' ? { status: 429, error: { error: { message: 'slow down' } } } : { text: 'first' }));
    await expect.poll(async () => {
      for (const gateway of [one, two]) await call(gateway, 'pair');
      return (await one.gateway.request(llmModels.list, {})).models.find(({ id }) => id === ids[0])!.health;
    }, { timeout: 8_000 }).toMatchObject({ state: 'cooling', reason: 'It is rate-limited.', cooled_until: expect.any(String) as string });
    upstream.use(() => ({ text: 'first' }));
    for (const id of ids) await send(one, 'POST', '/model/delete', { id });
  });
});
