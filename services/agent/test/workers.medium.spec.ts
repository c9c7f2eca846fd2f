import { agent, conversations, type DurableEvent } from '@deskhand/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningAgents, type Script, type Started } from './running-agents.ts';

/** Real: agent processes, NATS, `conversations`; see running-agents.ts. Verifies SECURITY 29, 30 and 34 for what the agent does. */

const story = 'One two three four five six seven eight nine ten.';
const script: Script = (asked, step) => {
  if (asked === 'hang') return { text: story, hangs: true };
  if (asked === 'wait') return step === 0 ? { calls: [{ name: 'bash', arguments: { command: 'forever' } }] } : { text: 'Done.' };
  if (asked === 'ask') return step === 0 ? { text: 'May I?', calls: [{ name: 'bash', arguments: { command: 'danger', ask_first: true, reason: 'It deletes.' } }] } : { text: 'Done.' };
  if (step >= 3) return { text: story };
  return { text: `Step ${step} of the work.`, calls: [{ name: 'bash', arguments: { command: `append ${step}a` } }, { name: 'bash', arguments: { command: `append ${step}b` } }] };
};

let world: RunningAgents;
beforeAll(async () => {
  world = await RunningAgents.start(script, (command) => (command === 'forever' ? { parts: ['tick\n'], hangs: true } : { parts: ['ap', 'pend', 'ed\n'], pace: 20 }));
}, 60_000);
afterAll(async () => world.close());

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const computerOf = async (started: Started) => world.computers.get((await world.bus.request(conversations.computer, { user_id: started.userId, conversation_id: started.conversationId })).computer_id);
/** Resolves once this text of the run was shown. */
const shown = async ({ runId }: Started, text: string) => expect.poll(() => world.live.some((delta) => delta.run_id === runId && delta.text.includes(text)), { interval: 20 }).toBe(true);
const ended = (events: DurableEvent[]) => events.filter((event) => event.type === 'tool-call-ended');

/** The run came to its end, nothing ran twice, and every call has one result. */
async function expectWhole(started: Started): Promise<{ interrupted: number }> {
  const last = await world.event(started, 'run-ended', 60_000);
  expect(last).toMatchObject({ reason: 'completed' });
  const events = await world.events(started);
  const results = ended(events);
  expect(new Set(results.map((event) => event.tool_call_id)).size).toBe(results.length);
  expect(results).toHaveLength(6);
  const computer = await computerOf(started);
  for (const [, times] of computer?.executions ?? []) expect(times).toBe(1);
  for (const event of results) if (event.interrupted !== true) expect(event.result.output).toBe('appended\n');
  const messages = events.flatMap((event) => (event.type === 'message-added' && event.message.role === 'assistant' && !event.message.cut ? [event.message.content] : []));
  expect(messages).toEqual(['Step 0 of the work.', 'Step 1 of the work.', 'Step 2 of the work.', story]);
  return { interrupted: results.filter((event) => event.interrupted === true).length };
}

describe('one worker', () => {
  it('takes a turn on from the message to its end, showing every word', async () => {
    const process = await world.agent('one');
    const started = await world.say('work');
    expect(await expectWhole(started)).toEqual({ interrupted: 0 });
    const final = (await world.events(started)).findLast((event) => event.type === 'message-added');
    const block = final?.type === 'message-added' ? final.message.blocks[0] : undefined;
    if (block?.type !== 'text') throw new Error('The answer is no text');
    expect(world.live.filter((delta) => delta.block === block.block).map((delta) => delta.text).join('')).toBe(story);
    process.kill('SIGKILL');
  });

  it('tells what its open blocks hold, and is stopped by a person within moments', async () => {
    const process = await world.agent('one');
    const started = await world.say('hang');
    let workers: { worker_id: string; run_id: string }[] = [];
    await shown(started, 'ten');
    ({ workers } = await world.bus.request(conversations.snapshot, { user_id: started.userId, conversation_id: started.conversationId }));
    expect(workers).toHaveLength(1);
    const { blocks } = await world.bus.request(agent.blocks, { worker_id: workers[0]!.worker_id, run_id: started.runId });
    expect(blocks).toMatchObject([{ kind: 'text', text: story, run_id: started.runId }]);
    const at = Date.now();
    await world.bus.request(conversations.interrupt, { user_id: started.userId, conversation_id: started.conversationId, run_id: started.runId });
    expect(await world.event(started, 'run-ended')).toMatchObject({ reason: 'interrupted' });
    expect(Date.now() - at).toBeLessThan(3_000);
    expect((await world.events(started)).findLast((event) => event.type === 'message-added')).toMatchObject({ message: { cut: true, content: story } });
    process.kill('SIGKILL');
  });

  it('has a running command killed when a person stops it', async () => {
    const process = await world.agent('one');
    const started = await world.say('wait');
    await shown(started, 'tick');
    const at = Date.now();
    await world.bus.request(conversations.interrupt, { user_id: started.userId, conversation_id: started.conversationId, run_id: started.runId });
    await world.event(started, 'run-ended');
    expect(Date.now() - at).toBeLessThan(3_000);
    expect((await computerOf(started))?.killed).toHaveLength(1);
    expect(ended(await world.events(started))).toMatchObject([{ interrupted: true, result: { output: 'tick\n' } }]);
    process.kill('SIGKILL');
  });

  it('lets go of a run that waits for a person, and takes it up after the word', async () => {
    const process = await world.agent('one');
    const started = await world.say('ask');
    const { approval_id } = await world.event(started, 'approval-requested');
    await sleep(200);
    process.kill('SIGKILL');
    await world.bus.request(conversations.decide, { user_id: started.userId, approval_id, decision: 'allow' });
    const next = await world.agent('one');
    expect(await world.event(started, 'run-ended')).toMatchObject({ reason: 'completed' });
    expect([...((await computerOf(started))?.executions.values() ?? [])]).toEqual([1]);
    next.kill('SIGKILL');
  });
});

describe('workers that die, leave or stop', () => {
  it('29: are killed at random moments, four runs at a time: nothing runs twice, every run completes', async () => {
    let process = await world.agent('mortal');
    let interrupted = 0;
    for (let round = 0; round < 3; round++) {
      const started = await Promise.all(Array.from({ length: 4 }, async () => world.say('work')));
      for (let kill = 0; kill < 3; kill++) {
        await sleep(60 + Math.random() * 250);
        process.kill('SIGKILL');
        process = await world.agent('mortal');
      }
      for (const run of started) interrupted += (await expectWhole(run)).interrupted;
    }
    // Only a call whose start was recorded and never reached the computer.
    expect(interrupted).toBeLessThan(36);
    process.kill('SIGKILL');
  }, 120_000);

  it('30: one that was stopped beyond its lease does nothing more for the run when it goes on', async () => {
    const first = await world.agent('first');
    const started = await world.say('work');
    await world.event(started, 'tool-call-started');
    first.kill('SIGSTOP');
    const second = await world.agent('second');
    await expectWhole(started);
    const before = await world.events(started);
    first.kill('SIGCONT');
    await sleep(1_000);
    expect(await world.events(started)).toEqual(before);
    for (const [, times] of (await computerOf(started))?.executions ?? []) expect(times).toBe(1);
    first.kill('SIGKILL');
    second.kill('SIGKILL');
  }, 60_000);

  it('34: one that is asked to end gives its runs to another at once', async () => {
    const first = await world.agent('first');
    const started = await world.say('wait');
    await world.event(started, 'tool-call-started');
    const second = await world.agent('second');
    const at = Date.now();
    first.kill('SIGTERM');
    await new Promise((resolve) => first.once('exit', resolve));
    await expect.poll(async () => (await world.events(started)).filter((event) => event.type === 'run-started').length, { interval: 20 }).toBe(2);
    expect(Date.now() - at).toBeLessThan(5_000);
    await world.bus.request(conversations.interrupt, { user_id: started.userId, conversation_id: started.conversationId, run_id: started.runId });
    await world.event(started, 'run-ended');
    expect([...((await computerOf(started))?.executions.values() ?? [])]).toEqual([1]);
    second.kill('SIGKILL');
  }, 60_000);
});
