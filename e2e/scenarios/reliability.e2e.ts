// Faults in the middle of a run, on the real product. The numbers are those of the security bar.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { effect, effectsOf } from '../../bench/support/effects.ts';
import { surroundings, words, type Surroundings } from '../../bench/support/surroundings.ts';
import { Client } from '../client/client.ts';
import { followThroughCuts } from '../client/resuming.ts';
import { startProduct, type PartName } from '../product.ts';
import { computerOf, shell, tell, toldModel, type Steps } from '../told-model.ts';

let place: Surroundings;
let client: Client;

beforeAll(async () => {
  place = await surroundings(toldModel);
  client = await place.user();
});
afterAll(async () => place?.[Symbol.asyncDispose]());

const parts: readonly PartName[] = ['gateway', 'auth', 'conversations', 'agent', 'sandbox-manager', 'llm-gateway', 'nats-server'];
const effects = (...names: string[]): Steps => names.map((name) => ({ text: `Now ${name}. ${words(10, 1)}`, toolCalls: [effect(name)], paceMs: 5 }));
const effectsIn = async (conversation: string) => effectsOf(place.product, await computerOf(client, conversation));

/** Whether a process still does anything; one that waits to be reaped does not. */
function runs(pid: number | null): boolean {
  const status = `/proc/${pid}/status`;
  return pid !== null && existsSync(status) && !/^State:\s+Z/m.test(readFileSync(status, 'utf8'));
}

/** Resolves once the conversation's run has done the first of its effects. */
async function untilFirstEffect(conversation: string): Promise<void> {
  await expect.poll(async () => (await effectsIn(conversation)).length, { timeout: 30_000, interval: 50 }).toBeGreaterThan(0);
}

describe('a client that is cut', () => {
  it('CONV-2 SECURITY 35: at each index of the stream has the same bytes in the end, without a gap or a repeat', async () => {
    const { id } = await client.conversation();
    await tell(client, id, [shell('true')]);
    const steps: Steps = [
      { reasoning: words(8, 1), text: words(12, 2), ...shell('for i in $(seq 1 8); do echo "line $i äöü 🙂"; sleep 0.03; done'), paceMs: 20 },
      { text: words(15, 3), paceMs: 20 },
    ];
    let frames = 0;
    const { run_id } = await client.say(id, JSON.stringify(steps));
    const whole = followThroughCuts(client, id, run_id, { way: 'sse', cuts: [], onFrame: () => (frames += 1) });
    const cutOnce = Array.from({ length: 60 }, (_, index) => followThroughCuts(client, id, run_id, { way: index % 2 === 0 ? 'sse' : 'websocket', cuts: [index + 1] }));
    const cutAlways = (['sse', 'websocket'] as const).map((way) => followThroughCuts(client, id, run_id, { way, cuts: Array<number>(1_000).fill(1) }));
    const joiners = await Promise.all([whole, ...cutOnce, ...cutAlways]);
    expect(frames).toBeGreaterThan(40);
    for (const joiner of joiners) expect([joiner.gaps, joiner.repeats, joiner.mismatches, joiner.seq]).toEqual([0, 0, 0, joiners[0]!.seq]);
    const stored = (await client.messages(id)).filter((message) => message.run_id === run_id).flatMap(({ blocks }) => blocks.flatMap((block) => ((block.type === 'text' || block.type === 'reasoning') && block.block !== undefined ? [[block.block, block.text] as const] : [])));
    expect(stored).toHaveLength(3);
    for (const joiner of joiners) for (const [block, text] of stored) expect([block, joiner.finished.get(block)]).toEqual([block, text]);
  });
});

describe('a run in the middle of its work', () => {
  it('AGENT-7 SECURITY 34: is handed over when its worker is asked to end, and completes', async () => {
    const { id } = await client.conversation();
    const names = ['over-1', 'over-2', 'over-3', 'over-4'];
    const turn = tell(client, id, effects(...names));
    await untilFirstEffect(id);
    const before = place.product.pid('agent');
    expect(place.product.kill('agent', 'SIGTERM')).toBe(true);
    expect(await turn).toMatchObject({ reason: 'completed' });
    expect(await effectsIn(id)).toEqual(names);
    await place.product.untilWell();
    expect(place.product.pid('agent')).not.toBe(before);
  });

  it('AGENT-7 SECURITY 31: loses nothing when the broker comes back without its storage', async () => {
    const { id } = await client.conversation();
    const names = ['store-1', 'store-2', 'store-3'];
    const turn = tell(client, id, effects(...names));
    await untilFirstEffect(id);
    const store = join(place.product.dataFolder, 'nats', 'store');
    expect(existsSync(store)).toBe(true);
    place.product.kill('nats-server');
    rmSync(store, { recursive: true, force: true, maxRetries: 5 });
    // The run stands in the database as before, whatever its results are worth.
    expect(await turn).toMatchObject({ reason: 'completed' });
    const lines = await effectsIn(id);
    expect(new Set(lines).size).toBe(lines.length);
    await place.product.untilWell();
    // Everything that was acknowledged is there, and events go on, for an old reader and a new conversation.
    expect((await client.messages(id)).filter(({ role }) => role === 'user')).toHaveLength(1);
    expect((await tell(client, id, [shell('cat effects.log')])).outputs[0]).toBe(`${lines.join('\n')}\n`);
    expect((await tell(client, (await client.conversation()).id, [shell('echo new')])).outputs).toEqual(['new\n']);
  });

  it('AGENT-7 SECURITY 29: the supervisor\'s death leaves nothing behind within 10 s, and the next start goes on', async () => {
    const { id } = await client.conversation();
    const names = ['guard-1', 'guard-2', 'guard-3', 'guard-4'];
    const turn = tell(client, id, effects(...names));
    await untilFirstEffect(id);
    const before = parts.map((part) => [part, place.product.pid(part)] as const);
    expect(before.filter(([, pid]) => !runs(pid))).toEqual([]);
    place.product.kill('supervisor');
    await expect.poll(() => before.filter(([, pid]) => runs(pid)).map(([part]) => part), { timeout: 10_000, interval: 100 }).toEqual([]);
    await place.product.restart();
    expect(await turn).toMatchObject({ reason: 'completed' });
    const lines = await effectsIn(id);
    expect(new Set(lines).size).toBe(lines.length);
  });

  it('CONV-2 AGENT-7: words shown while nobody could save them outlive the worker too', async () => {
    const { id } = await client.conversation();
    const long = words(300, 4);
    let cut = '';
    const turn = tell(client, id, [{ text: long, paceMs: 20 }], { onEvent: (event) => { if (event.type === 'block-abandoned') cut ||= event.text; } });
    await expect.poll(() => place.upstream.requests.length, { timeout: 20_000 }).toBeGreaterThan(0);
    await sleep(1_500);
    place.product.kill('conversations', 'SIGSTOP');
    await sleep(3_000);
    place.product.kill('agent');
    place.product.kill('conversations');
    expect(await turn).toMatchObject({ reason: 'completed' });
    // Two seconds of the three in which nothing could be saved, at about 20 ms a word.
    console.info(`of a cut answer ${cut.split(' ').length} words are kept`);
    expect(long.startsWith(cut)).toBe(true);
    expect(cut.split(' ').length).toBeGreaterThan(100);
  });
});

describe('a machine without Docker', () => {
  it('OPS-1 BOX-1: lets the tools say why there is no computer', async () => {
    const problem = 'No Docker engine is reachable here.';
    await using product = await startProduct({ variables: { DOCKER_HOST: 'unix:///nonexistent/docker.sock', DOCKER_PROBLEM: problem, SANDBOX_IMAGE: '', DESKHAND_ALLOWED_PRIVATE_HOSTS: place.upstream.host } });
    const user = await Client.register(product.webUrl);
    await user.provider('openai', `${place.upstream.url}/v1`, 'bench-model');
    const turn = await tell(user, (await user.conversation()).id, [shell('echo never')]);
    expect(turn.reason).toBe('completed');
    expect(turn.calls).toMatchObject([{ is_error: true }]);
    expect(turn.outputs[0]).toContain(problem);
  });
});
