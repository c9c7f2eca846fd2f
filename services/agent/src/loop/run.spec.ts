import { DeclaredError } from '@deskhand/contracts';
import { describe, expect, it, vi } from 'vitest';
import { FakeComputer, type CommandScript } from '../../test/fakes/computer.ts';
import { FakeJournal } from '../../test/fakes/journal.ts';
import { answer, ScriptedModel, type ScriptedAnswer } from '../../test/fakes/model.ts';
import { work, type Stage, type Worker } from '../../test/fakes/world.ts';
import { ModelError, type ModelRequest } from './model.ts';
import { maximumSteps } from './run.ts';

const bash = (command: string, more: object = {}) => ({ name: 'bash', arguments: { command, ...more } });

function stage(answers: ScriptedAnswer[] | ((request: ModelRequest, step: number) => ScriptedAnswer), commands: Record<string, CommandScript> = {}): Stage {
  return {
    journal: new FakeJournal(),
    computer: new FakeComputer((command) => commands[command.argv.at(-1) as string] ?? { parts: ['ok\n'] }),
    model: new ScriptedModel(typeof answers === 'function' ? answers : (_, step) => answers[step] ?? answer({ text: 'Done.' })),
    deltas: [],
  };
}

const types = ({ journal }: Stage) => journal.entries.map((entry) => entry.type);
const toolTexts = (request: ModelRequest | undefined) => request?.messages.flatMap((message) => (message.role === 'tool' ? message.results.map((result) => result.text) : []));
const until = (condition: () => boolean) => vi.waitFor(() => { if (!condition()) throw new Error('not yet'); }, { interval: 1, timeout: 8_000 });
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('a run', () => {
  it('streams, records its last step and its end together', async () => {
    const world = stage([answer({ reasoning: 'Hm.', text: 'Hello there, 😀!' })]);
    expect(await work(world).outcome).toEqual({ type: 'ended' });
    expect(world.journal.entries).toMatchObject([
      { type: 'step-ended', step: 0, cut: false, model: 'scripted', blocks: [{ type: 'reasoning', text: 'Hm.', opaque: { signature: 's' } }, { type: 'text', text: 'Hello there, 😀!', block: `${world.journal.runId}-0-1`, attempt: 100 }] },
      { type: 'run-ended', reason: 'completed' },
    ]);
    expect(world.deltas[0]).toEqual({ type: 'reasoning-delta', run_id: world.journal.runId, block: `${world.journal.runId}-0-0`, attempt: 100, offset: 0, text: 'Hm.' });
  });

  it('runs calls of a step side by side, each recorded before it starts, and gives their results in the order of the calls', async () => {
    const world = stage([answer({ calls: [bash('first'), bash('second')] })], { first: { parts: ['1', '2', '3'] }, second: { parts: [], exit_code: 7 } });
    await work(world).outcome;
    expect(types(world)).toEqual(['step-ended', 'tool-call-started', 'tool-call-started', 'tool-call-ended', 'tool-call-ended', 'step-ended', 'run-ended']);
    const ended = world.journal.entries.filter((entry) => entry.type === 'tool-call-ended');
    expect(ended.map(({ result }) => result)).toMatchObject([{ output: '', exit_code: 7 }, { output: '123', exit_code: 0 }]);
    expect(ended.every((entry) => !entry.is_error)).toBe(true);
    expect(toolTexts(world.model.requests.at(-1))).toEqual(['123', '[exit code 7]']);
  });

  it('says why a call could not run', async () => {
    const world = stage([answer({ calls: [{ name: 'bash', arguments: '{"command": "half' }, { name: 'bash', arguments: { cmd: 'ls' } }, { name: 'fly', arguments: {} }] }), answer({ text: 'Oh.' })]);
    await work(world).outcome;
    expect(world.computer.executions.size).toBe(0);
    expect(toolTexts(world.model.requests.at(-1))).toEqual([expect.stringContaining('not a JSON object'), expect.stringContaining('command:'), expect.stringContaining('no tool "fly"')]);
    expect(types(world)).toEqual(['step-ended', 'tool-call-ended', 'tool-call-ended', 'tool-call-ended', 'step-ended', 'run-ended']);
  });

  it('asks in one record, runs what needs no word meanwhile, then lets go of the run', async () => {
    const world = stage([answer({ calls: [bash('rm', { ask_first: true, reason: 'It deletes.' }), bash('ls'), bash('rm -r', { ask_first: true })] })]);
    expect(await work(world).outcome).toEqual({ type: 'parked' });
    expect(types(world)).toEqual(['step-ended', 'approval-requested', 'approval-requested', 'tool-call-started', 'tool-call-ended', 'run-parked']);
    expect([...world.journal.reasons.values()]).toEqual(['It deletes.', 'The agent asks before it does this.']);
    expect(world.computer.executions.size).toBe(1);
    const [first] = [...world.journal.calls.keys()];
    world.journal.decide('deny', first);
    world.journal.decide('allow');
    expect(await work(world).outcome).toEqual({ type: 'ended' });
    expect(world.computer.executions.size).toBe(2);
    expect(toolTexts(world.model.requests.at(-1))).toEqual([expect.stringContaining('did not allow'), 'ok\n', 'ok\n']);
  });

  it('asks before everything where the conversation wants that, except for what was always allowed', async () => {
    const world = stage([answer({ calls: [bash('ls'), { name: 'read', arguments: { path: 'a' } }] })]);
    Object.assign(world.journal, { approvalMode: 'ask', alwaysAllowed: ['read'] });
    expect(await work(world).outcome).toEqual({ type: 'parked' });
    expect([...world.journal.calls.values()].map(({ state }) => state)).toEqual(['waiting', 'ended']);
  });

  it('hands steering to the next step', async () => {
    const world = stage([answer({ calls: [bash('ls')] })]);
    world.journal.steer('In French, please.');
    await work(world).outcome;
    expect(world.model.requests[0]?.messages).toHaveLength(1);
    expect(world.model.requests[1]?.messages.at(-1)).toEqual({ role: 'user', text: 'In French, please.' });
  });

  it('stops when it only repeats itself, and says so', async () => {
    const world = stage(() => answer({ calls: [bash('ls')] }));
    await work(world).outcome;
    expect(world.journal.ended).toMatchObject({ reason: 'stuck', error: expect.stringContaining('4 times') });
    expect(world.journal.step).toBe(4);
  });

  it('stops after so many steps', async () => {
    const world = stage((_, step) => answer({ calls: [bash(`echo ${step}`)] }));
    await work(world).outcome;
    expect(world.journal.ended).toMatchObject({ reason: 'step-limit' });
    expect(world.journal.step).toBe(maximumSteps);
  });

  it('goes on without a computer, in words', async () => {
    const world = stage([answer({ calls: [bash('ls')] }), answer({ text: 'No computer.' })]);
    world.computer.faults.push({ of: 'start', when: 'before', error: new DeclaredError('UNAVAILABLE', 'No Docker here') });
    await work(world).outcome;
    expect(toolTexts(world.model.requests.at(-1))).toEqual([expect.stringContaining('No Docker here')]);
    expect(types(world)).not.toContain('tool-call-started');
    expect(world.journal.ended).toMatchObject({ reason: 'completed' });
  });

  it('starts a computer again that stopped meanwhile, when that certainly started nothing', async () => {
    const world = stage([answer({ calls: [bash('ls')] })]);
    world.computer.faults.push({ of: 'run', when: 'before', error: new DeclaredError('UNAVAILABLE', 'It is stopped') });
    await work(world).outcome;
    expect(toolTexts(world.model.requests.at(-1))).toEqual(['ok\n']);
    expect(world.computer.starts).toBe(2);
  });

  it('ends as failed for a fault of ours, in words, instead of failing again and again', async () => {
    const world = stage([answer({ text: 'Hi.' })]);
    vi.spyOn(world.model, 'resolve').mockRejectedValue(new TypeError('undefined is not a function'));
    expect(await work(world).outcome).toMatchObject({ type: 'fault' });
    expect(world.journal.ended).toMatchObject({ reason: 'failed' });
    expect(JSON.stringify(world.journal.ended)).not.toContain('undefined is not');
  });
});

describe('a model that fails', () => {
  it('is asked again when nothing was shown', async () => {
    const world = stage([answer({ text: 'Hi.' })]);
    world.model.failures.push([new ModelError('busy', 'Slow down', 50)], [new ModelError('unreachable', 'gone')], [new ModelError('cut', 'broke off')]);
    await work(world).outcome;
    expect(types(world)).toEqual(['step-ended', 'run-ended']);
    expect(world.model.requests).toHaveLength(4);
  });

  it('has what was shown given up by record before the step is made again under a new attempt', async () => {
    const world = stage([answer({ text: 'Hi.' })]);
    world.model.failures.push([{ type: 'text', index: 0, text: 'Hal' }, new ModelError('cut', 'broke off')], [{ type: 'text', index: 0, text: 'Half' }]);
    await work(world).outcome;
    const block = `${world.journal.runId}-0-0`;
    expect(world.journal.entries).toMatchObject([{ type: 'block-abandoned', block, attempt: 100 }, { type: 'block-abandoned', block, attempt: 101 }, { type: 'step-ended', blocks: [{ text: 'Hi.', attempt: 102 }] }, { type: 'run-ended', reason: 'completed' }]);
  });

  it('ends the run in its words when it goes on failing', async () => {
    const world = stage([]);
    for (let time = 0; time < 3; time++) world.model.failures.push([{ type: 'text', index: 0, text: 'Ha' }, new ModelError('cut', 'The line is bad')]);
    await work(world).outcome;
    expect(world.journal.entries.at(-1)).toMatchObject({ type: 'run-ended', reason: 'failed', error: expect.stringContaining('The line is bad') });
    expect(world.model.requests).toHaveLength(3);
    expect(types(world).filter((type) => type === 'block-abandoned')).toHaveLength(3);
  });

  it('is asked again when it answers a person with nothing, but may end like that after its work', async () => {
    const silent = stage(() => answer({}));
    await work(silent).outcome;
    expect(silent.journal.ended).toMatchObject({ reason: 'failed', error: expect.stringContaining('nothing') });
    const quiet = stage((_, step) => (step === 0 ? answer({ calls: [bash('ls')] }) : answer({})));
    await work(quiet).outcome;
    expect(quiet.journal.ended).toMatchObject({ reason: 'completed' });
  });

  it('LLM-5: ends the run at the limit of a budget, with its words, and what was shown given up by record', async () => {
    const world = stage([]);
    world.model.failures.push([{ type: 'text', index: 0, text: 'Ha' }, new ModelError('cut', 'broke off')], [new ModelError('budget', 'Budget has been exceeded: $0 of $5 is left.')]);
    await work(world).outcome;
    expect(types(world)).toEqual(['block-abandoned', 'run-ended']);
    expect(world.journal.ended).toMatchObject({ reason: 'budget', error: 'Stopped before the next model call. Budget has been exceeded: $0 of $5 is left.' });
  });

  it('ends the run at once when it refuses', async () => {
    const world = stage([]);
    world.model.failures.push([new ModelError('refused', 'Unknown model gpt-0. Choose another one in the settings.')]);
    await work(world).outcome;
    expect(world.journal.ended).toMatchObject({ reason: 'failed', error: expect.stringContaining('Choose another one') });
    expect(world.model.requests).toHaveLength(1);
  });
});

describe('a person who stops a run', () => {
  it('in mid-answer keeps what was said, marked as cut', async () => {
    const world = stage([[{ type: 'text', index: 0, text: 'One, two' }, { type: 'tool-call', index: 1, name: 'bash' }, 'hang']]);
    const worker = work(world);
    await until(() => world.deltas.length > 0);
    worker.interrupt();
    expect(await worker.outcome).toEqual({ type: 'ended' });
    expect(world.journal.entries).toMatchObject([{ type: 'step-ended', cut: true, blocks: [{ type: 'text', text: 'One, two' }] }, { type: 'run-ended', reason: 'interrupted' }]);
  });

  it('in mid-command has it killed, and everything recorded together', async () => {
    const world = stage([answer({ calls: [bash('slow'), bash('rm', { ask_first: true }), bash('quick')] })], { slow: { parts: ['tick\n'], hangs: true }, quick: { parts: ['ok\n'] } });
    const recorded = vi.spyOn(world.journal, 'record');
    const worker = work(world);
    await until(() => world.deltas.some(({ text }) => text === 'tick\n') && world.journal.entries.some((entry) => entry.type === 'tool-call-ended'));
    worker.interrupt();
    expect(await worker.outcome).toEqual({ type: 'ended' });
    const [slow, rm, quick] = [...world.journal.calls.keys()] as [string, string, string];
    expect(world.computer.killed).toEqual([slow]);
    const last = recorded.mock.calls.at(-1)?.[2];
    expect(last).toMatchObject([
      { type: 'tool-call-ended', tool_call_id: slow, interrupted: true, is_error: true, result: { output: 'tick\n' }, block: `${slow}-output` },
      { type: 'tool-call-ended', tool_call_id: rm, interrupted: true, result: { output: expect.stringContaining('Not run') } },
      { type: 'run-ended', reason: 'interrupted' },
    ]);
    expect(world.journal.result(quick)).toMatchObject({ is_error: false });
  });

  it('while nobody worked on it has what still runs killed by the next worker', async () => {
    const world = stage([answer({ calls: [bash('slow')] })], { slow: { parts: ['tick\n'], hangs: true } });
    const first = work(world);
    await until(() => world.deltas.length > 0);
    first.abandon();
    expect(await first.outcome).toEqual({ type: 'abandoned' });
    world.journal.interrupt = true;
    expect(await work(world).outcome).toEqual({ type: 'ended' });
    expect(world.computer.killed).toHaveLength(1);
    expect(world.journal.entries.slice(-2)).toMatchObject([{ type: 'tool-call-ended', interrupted: true, attempt: 200, result: { output: 'tick\n' } }, { type: 'run-ended', reason: 'interrupted' }]);
  });

  it('before the next step ends it there, when the journal is the first to say so', async () => {
    const world = stage([answer({ calls: [bash('ls')] })]);
    world.journal.interrupt = true;
    const claim = world.journal.claim.bind(world.journal);
    vi.spyOn(world.journal, 'claim').mockImplementation(() => ({ ...claim(), interrupt: false }));
    await work(world).outcome;
    expect(world.journal.ended).toMatchObject({ reason: 'interrupted' });
    expect(world.computer.executions.size).toBe(0);
  });
});

describe('a worker that loses or leaves a run', () => {
  const afterDelta = async (world: Stage, worker: Worker, act: () => void) => {
    await until(() => world.deltas.length > 0);
    act();
    return worker.outcome;
  };

  it('writes and shows nothing any more', async () => {
    const world = stage([[{ type: 'text', index: 0, text: 'One' }, 'hang']]);
    const worker = work(world);
    expect(await afterDelta(world, worker, () => worker.abandon())).toEqual({ type: 'abandoned' });
    await settle();
    expect(world.journal.entries).toEqual([]);
  });

  it('leaves a command running, and the next one shows its output from the start under a new attempt', async () => {
    const world = stage([answer({ calls: [bash('slow')] })], { slow: { parts: ['a', 'b', 'c', 'd', 'e', 'f'], pace: 20 } });
    const worker = work(world);
    await afterDelta(world, worker, () => worker.abandon());
    expect(world.computer.killed).toEqual([]);
    await work(world).outcome;
    const [call] = [...world.journal.calls.keys()] as [string];
    expect(world.computer.executions.get(call)).toBe(1);
    expect(world.journal.results.get(call)).toMatchObject([{ attempt: 200, result: { output: 'abcdef' } }]);
    expect(world.deltas.filter(({ attempt, block }) => attempt === 200 && block === `${call}-output`).map(({ text }) => text).join('')).toBe('abcdef');
  });

  it('says that the result is not known when the computer does not know the call', async () => {
    const world = stage([answer({ calls: [bash('slow')] })], { slow: { parts: ['a'], hangs: true } });
    const worker = work(world);
    await afterDelta(world, worker, () => worker.abandon());
    world.computer.restart();
    await work(world).outcome;
    const [call] = [...world.journal.calls.keys()] as [string];
    expect(world.computer.executions.get(call)).toBe(1);
    expect(world.journal.results.get(call)).toMatchObject([{ interrupted: true, is_error: true, result: { output: expect.stringContaining('not known') } }]);
  });

  it('gives it back between two steps', async () => {
    const world = stage([answer({ calls: [bash('slow')] })], { slow: { parts: ['a', 'b', 'c'], pace: 20 } });
    const worker = work(world);
    expect(await afterDelta(world, worker, () => worker.drain())).toEqual({ type: 'released' });
    expect(types(world)).toEqual(['step-ended', 'tool-call-started', 'tool-call-ended']);
    expect(await work(world).outcome).toEqual({ type: 'ended' });
  });

  it('does not read the remains of its own cut answer to the model again', async () => {
    const world = stage([[{ type: 'text', index: 0, text: 'One' }, 'hang']]);
    const worker = work(world);
    await afterDelta(world, worker, () => worker.abandon());
    world.journal.cut('One');
    world.model.failures.push(answer({ text: 'One, two.' }));
    await work(world).outcome;
    expect(world.model.requests.at(-1)?.messages).toEqual([{ role: 'user', text: 'Do it.' }]);
  });
});
