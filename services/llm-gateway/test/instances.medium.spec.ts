// Two instances behind one address. Real: nats-server, PostgreSQL, the service as processes of its own, HTTP. Scripted: the providers' answers.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDatabases, startNats, type TestDatabases, type TestNats } from '@deskhand/platform/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gatewayProcesses, type GatewayProcess, type GatewayProcesses } from './gateway-process.ts';
import { masterKey } from './running-gateway.ts';
import { startUpstream, type ScriptedUpstream, type UpstreamAnswer } from './upstream.ts';

let nats: TestNats;
let databases: TestDatabases;
let processes: GatewayProcesses;
let one: GatewayProcess;
let two: GatewayProcess;
let first: ScriptedUpstream;
let second: ScriptedUpstream;
const folder = mkdtempSync(join(tmpdir(), 'deskhand-instances-'));
const pong: UpstreamAnswer = { text: 'pong', delayMs: 5, usage: { uncachedInput: 20, output: 30 } };

beforeAll(async () => {
  [nats, databases, first, second] = await Promise.all([startNats(), startDatabases('postgres'), startUpstream({ format: 'openai-chat', script: () => pong }), startUpstream({ format: 'openai-chat', script: () => pong })]);
  const file = join(folder, 'config.yaml');
  const entry = (name: string, base: string, more = ''): string => `  - { model_name: ${name}, litellm_params: { model: openai/${name}, api_base: "${base}/v1", api_key: k${more} } }\n`;
  writeFileSync(file, `model_list:\n${entry('plain', first.url)}${entry('pair', first.url, ', order: 1')}${entry('pair', second.url, ', order: 2')}${entry('minute', second.url, ', rpm: 40')}${entry('slots', second.url, ', max_parallel_requests: 5')}${entry('split', first.url, ', rpm: 10, order: 1')}${entry('split', second.url, ', order: 2')}router_settings: { num_retries: 1, allowed_fails: 3, cooldown_time: 30 }\n`);
  processes = await gatewayProcesses(nats, await databases.url(), { LITELLM_CONFIG: file, ALLOWED_PRIVATE_HOSTS: `${first.host},${second.host}` });
  one = await processes.start('one');
  two = await processes.start('two');
}, 120_000);

afterAll(async () => {
  await processes?.close();
  await Promise.all([first?.close(), second?.close(), databases?.close()]);
  await nats?.close();
  rmSync(folder, { recursive: true, force: true });
});

const send = async (gateway: GatewayProcess, path: string, key: string, body: object) => {
  const response = await fetch(`${gateway.url}${path}`, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as any };
};
const makeKey = async (settings: object): Promise<string> => (await send(one, '/key/generate', masterKey, settings)).body.key as string;
const call = async (gateway: GatewayProcess, key: string, model = 'plain') => send(gateway, '/v1/chat/completions', key, { model, messages: [{ role: 'user', content: 'ping' }] });
const many = async (gateways: readonly GatewayProcess[], key: string, count: number): Promise<{ good: number; statuses: number[] }> => {
  const answers = await Promise.all(Array.from({ length: count }, async (_, index) => call(gateways[index % gateways.length]!, key)));
  return { good: answers.filter(({ status }) => status === 200).length, statuses: [...new Set(answers.map(({ status }) => status))].sort() };
};
/** Not so near to a minute's end that its calls fall into two. */
const withinMinute = async (): Promise<void> => {
  const left = 60_000 - (Date.now() % 60_000);
  if (left < 8_000) await new Promise((resolve) => setTimeout(resolve, left + 50));
};

describe('two instances behind one address', () => {
  it('admit as many calls a minute as the limit says: no more, and no fewer', async () => {
    await withinMinute();
    const key = await makeKey({ rpm_limit: 60 });
    expect(await many([one, two], key, 200)).toEqual({ good: 60, statuses: [200, 429] });
    const unlike = await makeKey({ rpm_limit: 30 });
    expect((await call(two, unlike)).status).toBe(200);
    // One that gets all the callers gets all that is left.
    expect((await many([one], unlike, 60)).good).toBe(29);
  });

  it('have as many calls at once as the limit says', async () => {
    let [now, most] = [0, 0];
    const counted = (): UpstreamAnswer => pong;
    first.use(async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 600));
      now--;
      return counted();
    });
    const key = await makeKey({ max_parallel_requests: 6 });
    const { good } = await many([one, two], key, 80);
    expect(most).toBe(6);
    expect(good).toBeGreaterThanOrEqual(6);
    // All of it is there again when those are over.
    await expect.poll(async () => (await call(two, key)).status).toBe(200);
    // One that has all the callers gets it all, as soon as the other has heard of it.
    await expect.poll(async () => {
      most = 0;
      return (await many([two], key, 40)).good >= 6 && most;
    }).toBe(6);
    first.use(() => pong);
  });

  it('count the tokens of a minute together: what goes over are calls that were under way', async () => {
    await withinMinute();
    const key = await makeKey({ tpm_limit: 500 });
    let good = 0;
    for (let index = 0; index < 40; index++) if ((await call(index % 2 === 0 ? one : two, key)).status === 200) good++;
    // 50 tokens a call, one call at a time.
    expect(good).toBeGreaterThanOrEqual(10);
    expect(good).toBeLessThanOrEqual(12);
  });

  it('keep to the limits of deployments as well', async () => {
    await withinMinute();
    const calls = async (model: string, count: number) => Promise.all(Array.from({ length: count }, async (_, index) => call(index % 2 === 0 ? one : two, masterKey, model)));
    second.requests.length = 0;
    const answers = await calls('minute', 120);
    expect(second.requests).toHaveLength(40);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(40);
    expect(answers.find(({ status }) => status === 429)!.body.error.code).toBe('no_deployments_available');
    let [now, most] = [0, 0];
    second.use(async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 600));
      now--;
      return pong;
    });
    await calls('slots', 60);
    expect(most).toBe(5);
    second.use(() => pong);
    // What the first may not take any more goes to the next one, and nobody hears of it.
    first.requests.length = 0;
    expect(new Set((await calls('split', 40)).map(({ status }) => status))).toEqual(new Set([200]));
    expect(first.requests).toHaveLength(10);
  });

  it('keep a rest that one of them ordered, and one that starts keeps it too', async () => {
    first.use(() => ({ status: 429, headers: { 'retry-after': '30' }, error: { error: { message: 'slow down' } } }));
    first.requests.length = 0;
    expect((await call(one, masterKey, 'pair')).status).toBe(200);
    const asked = first.requests.length;
    expect(asked).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 700));
    for (let index = 0; index < 5; index++) expect((await call(two, masterKey, 'pair')).status).toBe(200);
    const three = await processes.start('three');
    await new Promise((resolve) => setTimeout(resolve, 700));
    for (let index = 0; index < 5; index++) expect((await call(three, masterKey, 'pair')).status).toBe(200);
    expect(first.requests).toHaveLength(asked);
    await three.close();
    first.use(() => pong);
  });

  it('know at once of a key that was blocked', async () => {
    const key = await makeKey({});
    for (const gateway of [one, two]) expect((await call(gateway, key)).status).toBe(200);
    await send(one, '/key/block', masterKey, { key });
    await expect.poll(async () => (await call(two, key)).status, { interval: 10 }).toBe(401);
  });

  it('kill -9: what the dead one held comes back, and there are never too many', async () => {
    const third = await processes.start('third');
    let [now, most, everMost, takesMs] = [0, 0, 0, 2_000];
    first.use(async () => {
      most = Math.max(most, ++now);
      everMost = Math.max(everMost, most);
      await new Promise((resolve) => setTimeout(resolve, takesMs));
      now--;
      return pong;
    });
    const key = await makeKey({ max_parallel_requests: 5 });
    const held = await many([third], key, 20);
    expect(held.good).toBe(5);
    takesMs = 200;
    third.signal('SIGKILL');
    const killed = Date.now();
    // Until its lease is over, its share is nobody's; then it is there for the others.
    await expect.poll(async () => { most = 0; await many([one], key, 20); return most; }, { timeout: 15_000, interval: 300 }).toBe(5);
    expect(Date.now() - killed).toBeLessThan(12_000);
    expect(everMost).toBe(5);
    first.use(() => pong);
  });
});
