// Two processes of every service on PostgreSQL and one NATS: whichever is asked, whichever dies.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DesktopLease } from '@deskhand/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { effect } from '../../bench/support/effects.ts';
import { words } from '../../bench/support/surroundings.ts';
import { startUpstream, type ScriptedUpstream } from '../../services/llm-gateway/test/upstream.ts';
import { openBrowser } from '../browser.ts';
import { Client } from '../client/client.ts';
import { followThroughCuts } from '../client/resuming.ts';
import { RfbClient } from '../client/rfb.ts';
import { startCluster, type Cluster, type Place } from '../cluster.ts';
import { computerOf, shell, tell, toldModel, type Steps } from '../told-model.ts';

let cluster: Cluster;
let upstream: ScriptedUpstream;
let client: Client;

beforeAll(async () => {
  upstream = await startUpstream({ format: 'openai-chat', script: toldModel });
  const started = performance.now();
  cluster = await startCluster({ DESKHAND_REGISTRATION: 'open', DESKHAND_ALLOWED_PRIVATE_HOSTS: upstream.host });
  console.info(`two of everything are ready after ${seconds(started)} s`);
}, 120_000);
beforeEach(async () => {
  client = await newUser();
});
afterAll(async () => {
  await cluster?.stop();
  await upstream?.close();
}, 60_000);

const seconds = (since: number) => ((performance.now() - since) / 1_000).toFixed(1);
const effects = (...names: string[]): Steps => names.map((name) => ({ text: `Now ${name}. ${words(10, 1)}`, toolCalls: [effect(name)], paceMs: 5 }));
const effectsIn = async (conversation: string) => {
  const file = join(cluster.dataFolder, 'workspaces', await computerOf(client, conversation), 'workspace', 'effects.log');
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
};
const untilFirstEffect = async (conversation: string) => expect.poll(async () => (await effectsIn(conversation)).length, { timeout: 30_000, interval: 50 }).toBeGreaterThan(0);
const placeOf = (instance: string | undefined): Place => (instance?.endsWith('-a') ? 'a' : 'b');

async function newUser(): Promise<Client> {
  const user = await Client.register(cluster.webUrl);
  await user.provider('openai', `${upstream.url}/v1`, 'told-model');
  return user;
}
/** The place of the worker that has this run, and of the manager that has this conversation's computer. */
async function workerOf(run: string): Promise<Place> {
  const [row] = await cluster.query<{ instance: string }>('conversations', `select w.instance from run r join worker w on w.worker_id = r.worker_id where r.id = '${run}'`);
  return placeOf(row?.instance);
}
async function managerOf(conversation: string): Promise<Place> {
  const [row] = await cluster.query<{ instance: string }>('sandbox-manager', `select m.instance from computers c join managers m on m.id = c.manager_id where c.conversation_id = '${conversation}'`);
  return placeOf(row?.instance);
}
/** The run that this conversation has now. */
async function runOf(conversation: string): Promise<string> {
  const [row] = await cluster.query<{ id: string }>('conversations', `select id from run where conversation_id = '${conversation}' order by id desc limit 1`);
  return row!.id;
}

describe('two of everything', () => {
  it('OPS-2 CONV-1 CONV-2: a conversation is the same through either gateway', async () => {
    const [viaA, viaB] = [new Client(cluster.gateways.a, client.session), new Client(cluster.gateways.b, client.session)];
    const { id } = await viaA.conversation();
    const steps: Steps = [{ reasoning: words(10, 1), text: words(20, 2), ...shell('for i in 1 2 3 4 5; do echo "line $i äöü 🙂"; sleep 0.1; done'), paceMs: 15 }, { text: words(40, 3), paceMs: 15 }];
    const { run_id } = await viaB.say(id, JSON.stringify(steps));
    const joiners = await Promise.all([viaA, viaB].flatMap((via) => [
      followThroughCuts(via, id, run_id, { way: 'sse', cuts: [] }),
      followThroughCuts(via, id, run_id, { way: 'websocket', cuts: [5, 5, 5, 5] }),
    ]));
    for (const joiner of joiners) expect([joiner.gaps, joiner.repeats, joiner.mismatches, joiner.seq]).toEqual([0, 0, 0, joiners[0]!.seq]);
    expect(await viaA.messages(id)).toEqual(await viaB.messages(id));
    expect((await viaA.request<{ id: string }[]>('GET', '/api/conversations')).map((conversation) => conversation.id)).toContain(id);
  }, 60_000);

  it('OPS-2 AGENT-5: what waits for a person is decided through the other gateway', async () => {
    const [viaA, viaB] = [new Client(cluster.gateways.a, client.session), new Client(cluster.gateways.b, client.session)];
    const { id } = await viaA.conversation();
    const turn = tell(viaA, id, [shell('echo risky', { ask_first: true, reason: 'why' })]);
    await expect.poll(async () => (await viaB.approvals()).length, { timeout: 20_000 }).toBe(1);
    await viaB.decide((await viaB.approvals())[0]!.approval_id, 'allow');
    expect(await turn).toMatchObject({ reason: 'completed', outputs: ['risky\n'] });
  }, 60_000);

  it('OPS-2 AUTH-1: a session that ended at one gateway has ended at the other', async () => {
    const [viaA, viaB] = [new Client(cluster.gateways.a, client.session), new Client(cluster.gateways.b, client.session)];
    const { id } = await viaB.conversation();
    const feed = await viaB.follow(id, { transport: 'websocket' });
    await viaA.request('POST', '/api/auth/logout', { refresh_token: client.session.refresh_token });
    await Promise.race([feed.ended, sleep(5_000).then(() => { throw new Error('The stream at the other gateway did not end'); })]);
    await expect.poll(() => viaB.request('GET', '/api/conversations').then(() => 200, (error: { status?: number }) => error.status)).toBe(401);
  }, 30_000);

  it('OPS-2 CONV-2: viewers of a killed gateway go on at the other with their cursor', async () => {
    const { id } = await client.conversation();
    const browser = await openBrowser();
    try {
      const page = await browser.newPage();
      await page.goto(`${cluster.webUrl}/login`);
      await page.getByLabel(/user ?name|email/i).first().fill(client.session.user.username);
      await page.getByLabel(/password/i).first().fill('correct horse battery');
      await page.keyboard.press('Enter');
      await page.getByRole('textbox', { name: 'Message' }).waitFor();
      await page.goto(`${cluster.webUrl}/c/${id}`);
      const text = words(400, 5).replace(/\s+/g, ' ');
      const { run_id } = await client.say(id, JSON.stringify([{ text, paceMs: 15 }]));
      const viewers = (['sse', 'websocket', 'sse', 'websocket'] as const).map((way) => followThroughCuts(client, id, run_id, { way, cuts: [] }));
      await sleep(1_500);
      cluster.kill('gateway', 'a');
      await sleep(1_500);
      await cluster.start('gateway', 'a');
      cluster.kill('gateway', 'b');
      const joiners = await Promise.all(viewers);
      await cluster.start('gateway', 'b');
      for (const joiner of joiners) expect([joiner.gaps, joiner.repeats, joiner.mismatches, [...joiner.finished.values()].at(-1)]).toEqual([0, 0, 0, text]);
      // Nobody touched the page: it came back by itself, twice.
      await expect.poll(async () => (await page.locator('main').innerText()).replace(/\s+/g, ' '), { timeout: 20_000 }).toContain(text.slice(-200));
    } finally {
      await browser.close();
    }
  }, 90_000);

  it('OPS-2 AGENT-7: the run of a killed worker goes on at the other, each effect once', async () => {
    const { id } = await client.conversation();
    const names = ['one', 'two', 'three', 'four'];
    const turn = tell(client, id, effects(...names));
    await untilFirstEffect(id);
    const place = await workerOf(await runOf(id));
    const killed = performance.now();
    cluster.kill('agent', place);
    const { reason, calls } = await turn;
    console.info(`a worker killed, its run is at its end after ${seconds(killed)} s`);
    expect(reason).toBe('completed');
    const done = await effectsIn(id);
    expect(new Set(done).size).toBe(done.length);
    // A call whose start was recorded and that the computer never heard of is told to be interrupted; at most one was.
    const interrupted = calls.flatMap(({ interrupted: was }, index) => (was === true ? [names[index]!] : []));
    expect(interrupted.length).toBeLessThanOrEqual(1);
    expect(done.filter((name) => !interrupted.includes(name))).toEqual(names.filter((name) => !interrupted.includes(name)));
    await cluster.start('agent', place);
  }, 90_000);

  it('OPS-2 AGENT-7 BOX-8: the computer of a killed manager goes on at the other, with the call at work', async () => {
    const { id } = await client.conversation();
    const long: Steps = [shell('echo before >> effects.log; for i in $(seq 1 120); do echo "tick $i"; sleep 0.1; done; echo after >> effects.log'), ...effects('last')];
    const turn = tell(client, id, long);
    await untilFirstEffect(id);
    const place = await managerOf(id);
    const killed = performance.now();
    cluster.kill('sandbox-manager', place);
    const done = await turn;
    console.info(`a manager killed, the run is at its end after ${seconds(killed)} s`);
    expect(done.reason).toBe('completed');
    expect(done.calls.filter(({ interrupted }) => interrupted)).toEqual([]);
    expect(done.outputs[0]).toContain('tick 120');
    expect(await effectsIn(id)).toEqual(['before', 'after', 'last']);
    expect(await managerOf(id)).not.toBe(place);
    await cluster.start('sandbox-manager', place);
  }, 90_000);

  it('OPS-2 DESK-2: a desktop is watched at one gateway, driven at the other, and comes back with another manager', async () => {
    const [viaA, viaB] = [new Client(cluster.gateways.a, client.session), new Client(cluster.gateways.b, client.session)];
    const { id } = await client.conversation();
    await tell(client, id, [shell('echo there')]);
    const watch = async (via: Client) => RfbClient.open((await via.request<{ url: string }>('POST', `/api/conversations/${id}/desktop/ticket`, { mode: 'control' })).url);
    const viewers = await Promise.all([watch(viaA), watch(viaB)]);
    for (const viewer of viewers) await expect.poll(() => viewer.colours(), { timeout: 20_000 }).toBeGreaterThan(20);
    const { epoch } = await viaB.request<DesktopLease>('POST', `/api/conversations/${id}/desktop/lease`, {});
    // One person, two tabs at two gateways: what the one does the other sees.
    const before = viewers[0]!.updates;
    for (const buttons of [0, 4, 0]) viewers[1]!.pointer(buttons, 640, 400);
    await expect.poll(() => viewers[0]!.updates, { timeout: 10_000 }).toBeGreaterThan(before);
    const place = await managerOf(id);
    const killed = performance.now();
    cluster.kill('sandbox-manager', place);
    for (const viewer of viewers) await expect.poll(() => viewer.closed, { timeout: 10_000 }).not.toBeNull();
    let again: RfbClient | null = null;
    await expect.poll(async () => (again ??= await watch(viaA).catch(() => null)), { timeout: 20_000, interval: 250 }).not.toBeNull();
    await expect.poll(() => again!.colours(), { timeout: 10_000 }).toBeGreaterThan(20);
    console.info(`a manager killed, the desktop is back by another after ${seconds(killed)} s`);
    expect(await managerOf(id)).not.toBe(place);
    // Who drove drives on: the lease is not the manager's.
    expect(await viaA.request<DesktopLease>('POST', `/api/conversations/${id}/desktop/lease`, { epoch })).toMatchObject({ epoch, holder: client.session.user.id });
    const seen = again!.updates;
    for (const buttons of [0, 1, 0, 4, 0]) again!.pointer(buttons, 700, 500);
    await expect.poll(() => again!.updates, { timeout: 10_000 }).toBeGreaterThan(seen);
    again!.close();
    await cluster.start('sandbox-manager', place);
  }, 90_000);

  it('OPS-2 AGENT-7: answers go on when the model gateway that gave them is killed', async () => {
    const { id } = await client.conversation();
    const turn = tell(client, id, [{ text: words(200, 6), paceMs: 20 }, { text: words(200, 7), paceMs: 20 }]);
    await sleep(1_500);
    cluster.kill('llm-gateway', 'a');
    await sleep(3_000);
    await cluster.start('llm-gateway', 'a');
    cluster.kill('llm-gateway', 'b');
    expect(await turn).toMatchObject({ reason: 'completed' });
    await cluster.start('llm-gateway', 'b');
  }, 90_000);

  it.each(['conversations', 'auth'] as const)('OPS-2: %s may lose one of two in mid-run', async (service) => {
    const { id } = await client.conversation();
    const names = ['one', 'two', 'three'];
    const turn = tell(client, id, effects(...names));
    await untilFirstEffect(id);
    cluster.kill(service, 'a');
    expect(await turn).toMatchObject({ reason: 'completed' });
    expect(await effectsIn(id)).toEqual(names);
    const newcomer = await newUser();
    expect((await tell(newcomer, (await newcomer.conversation()).id, [shell('echo new')])).outputs).toEqual(['new\n']);
    await cluster.start(service, 'a');
  }, 90_000);

  it('OPS-2 BOX-1: a deleted conversation takes its computer along, whoever has it', async () => {
    const ids = await Promise.all(Array.from({ length: 4 }, async () => (await client.conversation()).id));
    await Promise.all(ids.map((id) => tell(client, id, [shell('echo made > made')])));
    const folders = await Promise.all(ids.map(async (id) => join(cluster.dataFolder, 'workspaces', await computerOf(client, id))));
    expect(folders.map((folder) => existsSync(folder))).toEqual([true, true, true, true]);
    await Promise.all(ids.map((id) => client.request('DELETE', `/api/conversations/${id}`)));
    await expect.poll(() => folders.map((folder) => existsSync(folder)), { timeout: 30_000 }).toEqual([false, false, false, false]);
    await expect.poll(async () => (await cluster.query('sandbox-manager', `select id from computers where conversation_id in (${ids.map((id) => `'${id}'`).join(',')})`)).length, { timeout: 10_000 }).toBe(0);
  }, 90_000);
});
