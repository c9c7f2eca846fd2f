// Real: nats-server, SQLite, HTTP. Scripted: the provider's answers.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { masterKey, prepareGround, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';
import { startUpstream, type ScriptedUpstream } from './upstream.ts';

let ground: GatewayGround;
let gateway: RunningGateway;
let upstream: ScriptedUpstream;
let keys: { ada: string; web: string };
let hashes: { ada: string; web: string };
const folder = mkdtempSync(join(tmpdir(), 'deskhand-spend-'));
/** 20 tokens in and 30 out. */
const once = 20 * 0.000001 + 30 * 0.00001;
const today = new Date().toISOString().slice(0, 10);
const near = (amount: number): number => expect.closeTo(amount, 9) as number;

const send = async (method: string, path: string, key: string, body?: object) => {
  const response = await fetch(gateway.url + path, { method, headers: { authorization: `Bearer ${key}` }, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: (response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : null) as any };
};
const read = async (path: string, key = masterKey): Promise<any> => (await send('GET', path, key)).body;
const call = async (key: string, more: object = {}) => send('POST', '/v1/chat/completions', key, { model: 'fast', messages: [{ role: 'user', content: 'ping' }], ...more });

beforeAll(async () => {
  ground = await prepareGround();
  upstream = await startUpstream({ format: 'openai-chat', script: ({ userText }) => (userText === 'fail' ? { status: 400, error: { error: { message: 'no' } } } : { text: 'pong', usage: { uncachedInput: 20, output: 30 } }) });
  const file = join(folder, 'config.yaml');
  writeFileSync(file, `model_list:\n  - { model_name: fast, litellm_params: { model: openai/priced, api_base: "${upstream.url}/v1", api_key: k, input_cost_per_token: 0.000001, output_cost_per_token: 0.00001 } }\n`);
  gateway = await runGateway(ground, { LITELLM_CONFIG: file, ALLOWED_PRIVATE_HOSTS: upstream.host });
  await send('POST', '/team/new', masterKey, { team_id: 'web', team_alias: 'Web' });
  await send('POST', '/user/new', masterKey, { user_id: 'ada', auto_create_key: false });
  const made = [(await send('POST', '/key/generate', masterKey, { user_id: 'ada', key_alias: 'adas' })).body, (await send('POST', '/key/generate', masterKey, { team_id: 'web' })).body];
  keys = { ada: made[0].key, web: made[1].key };
  hashes = { ada: made[0].token, web: made[1].token };
  await call(keys.ada);
  await call(keys.ada, { stream: true });
  await call(keys.ada, { messages: [{ role: 'user', content: 'fail' }] });
  await call(keys.web);
  await call(masterKey);
  expect(await gateway.usageRows(5)).toHaveLength(5);
});

afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
  await ground?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('LLM-6: LiteLLM\'s spend endpoints', () => {
  it('/spend/logs tells single calls, newest first, by key, user, request and page', async () => {
    const all = await read('/spend/logs');
    expect(all).toHaveLength(5);
    expect(all.map(({ startTime }: { startTime: string }) => startTime)).toEqual(all.map(({ startTime }: { startTime: string }) => startTime).sort().reverse());
    const ofAda = await read(`/spend/logs?api_key=${keys.ada}`);
    expect(ofAda.map(({ status, spend }: any) => [status, spend])).toEqual([['failure', 0], ['success', near(once)], ['success', near(once)]]);
    expect(await read(`/spend/logs?api_key=${hashes.ada}`)).toEqual(ofAda);
    expect(await read('/spend/logs?user_id=ada')).toEqual(ofAda);
    expect(await read(`/spend/logs?request_id=${ofAda[1].request_id}`)).toEqual([ofAda[1]]);
    expect(ofAda[2]).toMatchObject({
      call_type: 'acompletion', api_key: hashes.ada, user: 'ada', prompt_tokens: 20, completion_tokens: 30, total_tokens: 50, model: 'priced', custom_llm_provider: 'openai', cache_hit: 'False', messages: {}, response: {},
      metadata: { status: 'completed', cost_known: true },
    });
    expect([...(await read('/spend/logs?page_size=2')), ...(await read('/spend/logs?page_size=2&page=2')), ...(await read('/spend/logs?page_size=2&page=3'))]).toEqual(all);
    expect(await read(`/spend/logs?start_date=${today}&end_date=${today}&summarize=false`)).toEqual(all);
    expect(await read('/spend/logs?start_date=2020-01-01&end_date=2020-01-02&summarize=False')).toEqual([]);
  });

  it('/spend/logs with dates sums up by day, empty days too', async () => {
    const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    expect(await read(`/spend/logs?start_date=${yesterday}&end_date=${today}`)).toEqual([
      { startTime: yesterday, spend: 0, users: {}, models: {} },
      { startTime: today, spend: near(4 * once), users: { ada: near(2 * once), '': near(2 * once) }, models: { 'openai/priced': near(4 * once) }, [hashes.ada]: near(2 * once), [hashes.web]: near(once) },
    ]);
    for (const query of ['start_date=yesterday&end_date=2026-01-01', 'start_date=2026-01-02&end_date=2026-01-01', 'start_date=2020-01-01&end_date=2026-01-01']) {
      expect(await send('GET', `/spend/logs?${query}`, masterKey)).toMatchObject({ status: 400, body: { error: { param: 'start_date' } } });
    }
  });

  it('a virtual key sees what was spent with it, and nothing else', async () => {
    expect(await read('/spend/logs', keys.web)).toHaveLength(1);
    expect((await read(`/spend/logs?start_date=${today}&end_date=${today}`, keys.web))[0]).toMatchObject({ spend: near(once) });
    expect((await read(`/user/daily/activity?start_date=${today}&end_date=${today}`, keys.web)).metadata).toMatchObject({ total_api_requests: 1 });
    const foreign = (await read('/spend/logs?user_id=ada'))[0].request_id;
    expect(await read(`/spend/logs?request_id=${foreign}`, keys.web)).toEqual([]);
    expect(await read('/spend/logs?user_id=ada', keys.web)).toEqual([]);
    const run = await gateway.resolve('someone', 'mock/echo');
    for (const [path, key] of [[`/spend/logs?api_key=${hashes.ada}`, keys.web], ['/spend/keys', keys.web], ['/spend/users', keys.web], [`/global/spend/report?start_date=${today}&end_date=${today}`, keys.web], ['/spend/logs', run.token]] as const) {
      expect((await send('GET', path, key)).status).toBe(403);
    }
    expect((await send('POST', '/global/spend/reset', keys.web)).status).toBe(403);
    expect((await send('GET', '/spend/logs', 'sk-nobody')).status).toBe(401);
  });

  it('/spend/keys and /spend/users put the most expensive first', async () => {
    await expect.poll(async () => (await read('/spend/keys')).map(({ token, spend }: any) => [token, spend])).toEqual([[hashes.ada, near(2 * once)], [hashes.web, near(once)]]);
    expect((await read('/spend/keys?limit=1'))).toHaveLength(1);
    expect(await read('/spend/users')).toMatchObject([{ user_id: 'ada', spend: near(2 * once) }]);
    expect(await read('/spend/users?user_id=ada')).toMatchObject([{ user_id: 'ada' }]);
    expect((await send('GET', '/spend/users?user_id=nobody', masterKey)).status).toBe(404);
  });

  it('/user/daily/activity breaks days down by model, provider and key', async () => {
    const { results, metadata } = await read(`/user/daily/activity?start_date=${today}&end_date=${today}`);
    expect(metadata).toMatchObject({ total_spend: near(4 * once), total_prompt_tokens: 80, total_completion_tokens: 120, total_tokens: 200, total_api_requests: 5, total_successful_requests: 4, total_failed_requests: 1, page: 1, has_more: false });
    expect(results).toHaveLength(1);
    const { date, metrics, breakdown } = results[0];
    expect([date, metrics.spend]).toEqual([today, near(4 * once)]);
    expect(breakdown.models['openai/priced']).toMatchObject({ metrics: { api_requests: 5 }, api_key_breakdown: { [hashes.ada]: { metrics: { api_requests: 3, failed_requests: 1 }, metadata: { key_alias: 'adas' } } } });
    expect(breakdown.providers.openai.metrics.spend).toEqual(near(4 * once));
    expect(breakdown.api_keys[hashes.web].metrics).toMatchObject({ api_requests: 1, total_tokens: 50 });
    expect((await read(`/user/daily/activity?start_date=${today}&end_date=${today}&user_id=ada&model=openai/priced`)).metadata.total_api_requests).toBe(3);
    expect((await send('GET', '/user/daily/activity', masterKey)).status).toBe(400);
  });

  it('/global/spend/report goes by team or by key', async () => {
    const range = `start_date=${today}&end_date=${today}`;
    const teams = await read(`/global/spend/report?${range}`);
    expect(teams).toEqual([{ group_by_day: today, teams: [
      { team_name: 'Unassigned Team', total_spend: near(3 * once), metadata: [{ model: 'openai/priced', api_key: hashes.ada, spend: near(2 * once), total_tokens: 100 }, { model: 'openai/priced', api_key: '', spend: near(once), total_tokens: 50 }] },
      { team_name: 'Web', total_spend: near(once), metadata: [{ model: 'openai/priced', api_key: hashes.web, spend: near(once), total_tokens: 50 }] },
    ] }]);
    const details = [{ model: 'openai/priced', total_cost: near(2 * once), total_input_tokens: 40, total_output_tokens: 60 }];
    expect((await read(`/global/spend/report?${range}&group_by=api_key`))[0]).toEqual({ api_key: hashes.ada, total_cost: near(2 * once), total_input_tokens: 40, total_output_tokens: 60, model_details: details });
    expect(await read(`/global/spend/report?${range}&api_key=${keys.web}`)).toMatchObject([{ api_key: hashes.web }]);
    expect(await read(`/global/spend/report?${range}&internal_user_id=ada`)).toMatchObject([{ api_key: hashes.ada, model_details: details }]);
    expect((await send('GET', `/global/spend/report?${range}&group_by=customer`, masterKey)).status).toBe(400);
  });

  it('/global/spend/reset begins anew for keys and teams, and keeps the calls', async () => {
    expect(await send('POST', '/global/spend/reset', masterKey)).toMatchObject({ status: 200, body: { status: 'success' } });
    expect((await read('/spend/keys')).map(({ spend }: any) => spend)).toEqual([0, 0]);
    expect(await read('/spend/users')).toMatchObject([{ spend: near(2 * once) }]);
    expect(await read('/spend/logs')).toHaveLength(5);
  });
});

describe('LLM-6: the headers of an answer', () => {
  it('say what happened, what it cost and what is left, of every kind of call', async () => {
    const { key } = (await send('POST', '/key/generate', masterKey, { rpm_limit: 10, tpm_limit: 1_000, max_budget: 5 })).body;
    const first = await call(key);
    const all = Object.fromEntries(first.headers);
    expect(all).toMatchObject({
      'x-litellm-call-id': expect.stringMatching(/^[0-9a-f-]{36}$/) as string, 'x-litellm-model-group': 'fast', 'x-litellm-model-api-base': `${upstream.url}/v1`, 'x-litellm-attempted-retries': '0', 'x-litellm-attempted-fallbacks': '0',
      'x-litellm-key-max-budget': '5', 'x-ratelimit-limit-requests': '10', 'x-ratelimit-remaining-requests': '9', 'x-ratelimit-limit-tokens': '1000', 'x-ratelimit-remaining-tokens': '950',
      'x-ratelimit-reset-requests': expect.stringMatching(/^\d{1,2}s$/) as string, 'x-ratelimit-reset-tokens': expect.stringMatching(/^\d{1,2}s$/) as string,
    });
    expect(all['x-litellm-model-id']).not.toBe('');
    expect([Number(all['x-litellm-response-cost']), Number(all['x-litellm-key-spend'])]).toEqual([near(once), near(once)]);
    const [took, overhead] = [Number(all['x-litellm-response-duration-ms']), Number(all['x-litellm-overhead-duration-ms'])];
    expect(overhead).toBeGreaterThanOrEqual(0);
    expect(took).toBeGreaterThan(overhead);
    const streamed = await call(key, { stream: true });
    expect([streamed.headers.get('x-litellm-response-cost'), streamed.headers.get('x-ratelimit-remaining-requests'), streamed.headers.get('x-litellm-model-group')]).toEqual([null, '8', 'fast']);
    const refused = await call(key, { messages: [{ role: 'user', content: 'fail' }] });
    expect([refused.status, refused.headers.get('x-litellm-call-id') === null, refused.headers.get('x-litellm-response-cost'), Number(refused.headers.get('x-litellm-key-spend'))]).toEqual([400, false, '0', near(2 * once)]);
    const builtIn = await call(masterKey, { model: 'mock/echo' });
    expect(Object.fromEntries(builtIn.headers)).toMatchObject({ 'x-litellm-call-id': expect.any(String) as string, 'x-litellm-model-group': 'mock/echo', 'x-litellm-response-cost': '0' });
    expect(builtIn.headers.get('x-litellm-key-spend')).toBeNull();
    const row = (await gateway.usageRows(9)).find(({ id }) => id === all['x-litellm-call-id']);
    expect(row).toMatchObject({ modelGroup: 'fast', cost: near(once), agent: null });
  });
});
