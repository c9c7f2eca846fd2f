import { conversations, leases, type DurableEvent } from '@deskhand/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FakeComputer } from './fakes/computer.ts';
import { RunningAgents, type Script, type Started } from './running-agents.ts';

/** Real: agent processes, NATS, `conversations` with its leases, the blob store; see running-agents.ts. The desktop is a stand-in. */

const click = (x: number) => ({ name: 'computer', arguments: { action: 'click', coordinate: [x, 10] } });
const script: Script = (_, step) => {
  if (step >= 3) return { text: 'All clicked.' };
  return { text: `Step ${step}.`, calls: [click(step * 10 + 1), click(step * 10 + 2), { name: 'computer', arguments: { action: 'type', text: `${step}` } }] };
};

let world: RunningAgents;
beforeAll(async () => { world = await RunningAgents.start(script, () => ({ parts: ['ok\n'] })); }, 60_000);
afterAll(async () => world.close());

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const computerOf = async ({ userId, conversationId }: Started) => world.computers.get((await world.bus.request(conversations.computer, { user_id: userId, conversation_id: conversationId })).computer_id) as FakeComputer;
const results = (events: DurableEvent[]) => events.filter((event) => event.type === 'tool-call-ended');
const until = async (condition: () => Promise<boolean> | boolean, withinMs = 15_000): Promise<void> => {
  for (const limit = Date.now() + withinMs; !(await condition());) {
    if (Date.now() > limit) throw new Error('It did not happen in time');
    await sleep(20);
  }
};

describe('the computer tool', () => {
  it('acts in order, and shows the model what the screen looks like without carrying it anywhere else', async () => {
    const process = await world.agent('one');
    const started = await world.say('go');
    expect(await world.event(started, 'run-ended')).toMatchObject({ reason: 'completed' });
    const computer = await computerOf(started);
    expect(computer.acted.map((action) => ('at' in action ? action.at?.x : action.action))).toEqual([1, 2, 'type', 11, 12, 'type', 21, 22, 'type']);
    const events = await world.events(started);
    const images = results(events).flatMap(({ result }) => result.images ?? []);
    expect(new Set(images.map(({ blob }) => blob)).size).toBe(9);
    for (const { blob } of images) expect((await world.blobs.store.get(started.conversationId, blob))?.mediaType).toBe('image/jpeg');
    const sent = world.requests.at(-1)?.messages.flatMap(({ content }) => (Array.isArray(content) ? content.flatMap((part) => part.image_url?.url ?? []) : []));
    expect(sent).toHaveLength(9);
    expect(sent?.at(-1)).toBe(`data:image/jpeg;base64,${world.pixels('picture-8').toString('base64')}`);
    expect(JSON.stringify([events, world.live])).not.toContain(world.pixels('picture-8').toString('base64').slice(0, 12));
    process.kill('SIGKILL');
  });

  it('29: clicks nothing twice when its worker is killed at random moments', async () => {
    world.actMs = 60;
    let process = await world.agent('mortal');
    for (let round = 0; round < 2; round++) {
      const started = await Promise.all(Array.from({ length: 3 }, async () => world.say('go')));
      for (let kill = 0; kill < 4; kill++) {
        await sleep(80 + Math.random() * 250);
        process.kill('SIGKILL');
        process = await world.agent('mortal');
      }
      for (const run of started) {
        expect(await world.event(run, 'run-ended', 60_000)).toMatchObject({ reason: 'completed' });
        const computer = await computerOf(run);
        expect(computer.acted.map((action) => ('at' in action ? action.at?.x : action.action))).toEqual([1, 2, 'type', 11, 12, 'type', 21, 22, 'type']);
        const ended = results(await world.events(run));
        expect(ended).toHaveLength(9);
        expect(ended.every(({ is_error }) => !is_error)).toBe(true);
      }
    }
    world.actMs = 0;
    process.kill('SIGKILL');
  }, 120_000);

  it('waits while a person drives: calls that began in place, new ones as a parked run; then it goes on and the model knows', async () => {
    world.actMs = 150;
    const process = await world.agent('one');
    const started = await world.say('go');
    const who = { user_id: started.userId, conversation_id: started.conversationId };
    await world.event(started, 'tool-call-ended');
    const computer = await computerOf(started);
    computer.driven = true;
    const { epoch } = await world.bus.request(leases.take, { ...who, client_id: 'tab' });
    const before = computer.acted.length;
    // The call that had begun, if any, says that it waits; the run lets go when nothing has begun.
    await until(async () => {
      const { runs } = (await world.bus.request(conversations.snapshot, who)).snapshot;
      return runs[0]?.state === 'parked' || world.live.some(({ run_id, text }) => run_id === started.runId && text.startsWith('Waiting: a person'));
    });
    await sleep(500);
    expect(computer.acted).toHaveLength(before);
    computer.driven = false;
    await world.bus.request(leases.release, { ...who, client_id: 'tab', epoch });
    expect(await world.event(started, 'run-ended')).toMatchObject({ reason: 'completed' });
    expect(computer.acted).toHaveLength(9);
    expect([...computer.executions.values()].every((times) => times === 1)).toBe(true);
    const told = world.requests.at(-1)?.messages.filter(({ role, content }) => role === 'user' && typeof content === 'string' && content.startsWith('[Notice from Deskhand: '));
    expect(told).toHaveLength(1);
    world.actMs = 0;
    process.kill('SIGKILL');
  }, 60_000);

  it('parks a run whose first calls come while a person drives', async () => {
    const started = await world.say('go');
    const who = { user_id: started.userId, conversation_id: started.conversationId };
    const { epoch } = await world.bus.request(leases.take, { ...who, client_id: 'tab' });
    const first = await world.agent('one');
    await until(async () => (await world.bus.request(conversations.snapshot, who)).snapshot.runs[0]?.state === 'parked');
    expect(results(await world.events(started))).toEqual([]);
    await world.bus.request(leases.release, { ...who, client_id: 'tab', epoch });
    expect(await world.event(started, 'run-ended')).toMatchObject({ reason: 'completed' });
    expect((await computerOf(started)).acted).toHaveLength(9);
    first.kill('SIGKILL');
  }, 60_000);
});
