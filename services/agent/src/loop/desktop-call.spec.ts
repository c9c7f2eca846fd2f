import { DeclaredError } from '@deskhand/contracts';
import { describe, expect, it, vi } from 'vitest';
import { FakeComputer } from '../../test/fakes/computer.ts';
import { FakeJournal } from '../../test/fakes/journal.ts';
import { answer, ScriptedModel, type ScriptedAnswer } from '../../test/fakes/model.ts';
import { work, type Stage } from '../../test/fakes/world.ts';
import { ModelError, type ModelRequest, type ModelToolResult } from './model.ts';

const act = (action: string, more: object = {}) => ({ name: 'computer', arguments: { action, ...more } });
const click = (x: number, more: object = {}) => act('click', { coordinate: [x, 10], ...more });
const bash = (command: string) => ({ name: 'bash', arguments: { command } });

function stage(answers: ScriptedAnswer[] | ((request: ModelRequest, step: number) => ScriptedAnswer), computer = new FakeComputer(() => ({ parts: ['ok\n'] }))): Stage {
  return { journal: new FakeJournal(), computer, model: new ScriptedModel(typeof answers === 'function' ? answers : (_, step) => answers[step] ?? answer({ text: 'Done.' })), deltas: [] };
}

const types = ({ journal }: Stage) => journal.entries.map((entry) => entry.type);
const outputs = ({ journal }: Stage) => [...journal.calls.keys()].map((id) => journal.result(id)?.result.output);
const resultsOf = (request: ModelRequest | undefined): ModelToolResult[] => request?.messages.flatMap((message) => (message.role === 'tool' ? message.results : [])) ?? [];
const until = (condition: () => boolean) => vi.waitFor(() => { if (!condition()) throw new Error('not yet'); }, { interval: 1, timeout: 8_000 });
const notExecuted = 'Not executed: an earlier computer action in this turn failed.';

describe('actions on the desktop', () => {
  it('are done in the order of the calls, one after the other, each recorded before it is done', async () => {
    const world = stage([answer({ calls: [click(1), act('type', { text: 'héllo' }), bash('ls'), act('key', { keys: 'Return' })] })]);
    await work(world).outcome;
    expect(world.computer.acted).toEqual([{ action: 'click', at: { x: 1, y: 10 }, button: 'left', count: 1 }, { action: 'type', text: 'héllo' }, { action: 'key', keys: 'Return', repeat: 1 }]);
    const ofDesktop = world.journal.entries.flatMap((entry) => ('tool_call_id' in entry && world.journal.calls.get(entry.tool_call_id)?.name === 'computer' ? [entry.type] : []));
    expect(ofDesktop).toEqual(Array(3).fill(['tool-call-started', 'tool-call-ended']).flat());
    expect(world.journal.result([...world.journal.calls.keys()][0] as string)).toMatchObject({
      is_error: false, result: { output: 'Clicked left at (1, 10). The screen changed and came to rest (settled).', images: [{ blob: 'picture-0' }], duration_ms: 120, display: { action: 'click', settle: 'settled' } },
    });
  });

  it('stop at the first failure', async () => {
    const world = stage([answer({ calls: [click(1), click(5_000), act('type', { text: 'x' }), bash('ls'), click(2)] })]);
    await work(world).outcome;
    expect(world.computer.acted).toHaveLength(1);
    expect(outputs(world)).toEqual([expect.stringContaining('Clicked'), expect.stringContaining('outside the screen'), notExecuted, 'ok\n', notExecuted]);
    expect(resultsOf(world.model.requests.at(-1)).map(({ is_error }) => is_error)).toEqual([false, true, true, false, true]);
  });

  it('stop at one whose arguments no tool takes, and at one that the manager refuses', async () => {
    const world = stage([answer({ calls: [act('fly'), click(1)] }), answer({ calls: [click(2), click(3)] })]);
    world.computer.faults.push({ of: 'act', when: 'before', error: new DeclaredError('BAD_INPUT', 'No key is called Retrun') });
    await work(world).outcome;
    expect(world.computer.acted).toEqual([]);
    expect(outputs(world)).toEqual([expect.stringContaining('action:'), notExecuted, expect.stringContaining('No key is called Retrun'), notExecuted]);
  });

  it('stop where a person says no, and wait behind what a person has not decided', async () => {
    const world = stage([answer({ calls: [click(1), click(2, { ask_first: true, reason: 'It buys.' }), click(3)] })]);
    expect(await work(world).outcome).toEqual({ type: 'parked' });
    expect(world.computer.acted).toHaveLength(1);
    world.journal.decide('deny');
    await work(world).outcome;
    expect(outputs(world)).toEqual([expect.stringContaining('Clicked'), expect.stringContaining('did not allow'), notExecuted]);
    const allowed = stage([answer({ calls: [click(1), click(2, { ask_first: true }), click(3)] })]);
    await work(allowed).outcome;
    allowed.journal.decide('allow');
    await work(allowed).outcome;
    expect(allowed.computer.acted).toHaveLength(3);
  });

  it('are asked for again, not done again, when their answer was lost', async () => {
    const world = stage([answer({ calls: [click(1)] })]);
    world.computer.faults.push({ of: 'act', when: 'after', error: new DeclaredError('TIMEOUT', 'slow') }, { of: 'act', when: 'before', error: new DeclaredError('UNAVAILABLE', 'away', undefined, { cause: 'nobody' }) });
    await work(world).outcome;
    expect([...world.computer.executions.values()]).toEqual([1]);
    expect(outputs(world)).toEqual([expect.stringContaining('Clicked')]);
  });

  it('are told as interrupted when the manager does not know whether they were done', async () => {
    const world = stage([answer({ calls: [click(1), click(2)] })]);
    world.computer.faults.push({ of: 'act', when: 'after', error: new DeclaredError('TIMEOUT', 'slow'), forgets: true });
    await work(world).outcome;
    const [first] = [...world.journal.calls.keys()] as [string];
    expect(world.journal.result(first)).toMatchObject({ is_error: true, interrupted: true, result: { output: expect.stringContaining('not known') } });
    expect(world.computer.acted).toHaveLength(1);
    expect(outputs(world)[1]).toBe(notExecuted);
  });

  it('give up in words where there is no desktop: certainly not done, or not known when an answer was lost', async () => {
    const without = async (error: DeclaredError): Promise<Stage> => {
      const world = stage([answer({ calls: [click(1)] })]);
      vi.spyOn(world.computer, 'act').mockRejectedValue(error);
      await work(world).outcome;
      return world;
    };
    const certain = await without(new DeclaredError('UNAVAILABLE', 'The screen does not start'));
    const lost = await without(new DeclaredError('TIMEOUT', 'slow'));
    const [one, other] = [certain, lost].map((world) => world.journal.result([...world.journal.calls.keys()][0] as string));
    expect(one).toMatchObject({ is_error: true, result: { output: expect.stringContaining('not run: The screen does not start') } });
    expect(one).not.toHaveProperty('interrupted');
    expect(other).toMatchObject({ is_error: true, interrupted: true });
    expect(vi.mocked(lost.computer.act).mock.calls.length).toBeGreaterThan(10);
  });

  it('do not count as stuck while the screen changes, and do when it never does', async () => {
    const moving = stage((_, step) => (step < 8 ? answer({ calls: [act('screenshot')] }) : answer({ text: 'Done.' })));
    await work(moving).outcome;
    expect(moving.journal.ended).toMatchObject({ reason: 'completed' });
    const still = new FakeComputer(() => ({ parts: [] }), () => ({ settle: 'nochange', image: { blob: 'the same', media_type: 'image/jpeg', width: 1_280, height: 800 } }));
    const stuck = stage(() => answer({ calls: [act('screenshot')] }), still);
    await work(stuck).outcome;
    expect(stuck.journal.ended).toMatchObject({ reason: 'stuck' });
  });
});

describe('a worker that dies or leaves during an action', () => {
  it('has it adopted: asked for by the same call, done once', async () => {
    const world = stage([answer({ calls: [click(1), click(2)] })]);
    const act = world.computer.act.bind(world.computer);
    // Done, and its answer on the way when the worker dies.
    vi.spyOn(world.computer, 'act').mockImplementationOnce(async (...action) => {
      await act(...action);
      return new Promise(() => {});
    });
    const first = work(world);
    await until(() => world.computer.acted.length === 1);
    first.abandon();
    expect(await first.outcome).toEqual({ type: 'abandoned' });
    await work(world).outcome;
    expect(world.computer.acted).toHaveLength(2);
    expect([...world.computer.executions.values()]).toEqual([1, 1]);
    expect(outputs(world)).toEqual([expect.stringContaining('Clicked left at (1'), expect.stringContaining('Clicked left at (2')]);
  });

  it('does nothing more once a person stopped the run', async () => {
    const world = stage([answer({ calls: [click(1)] })]);
    vi.spyOn(world.computer, 'act').mockImplementation(() => new Promise(() => {}));
    const first = work(world);
    await until(() => types(world).includes('tool-call-started'));
    first.abandon();
    await first.outcome;
    vi.mocked(world.computer.act).mockRestore();
    world.journal.interrupt = true;
    expect(await work(world).outcome).toEqual({ type: 'ended' });
    expect(world.computer.acted).toEqual([]);
    expect(world.computer.killed).toHaveLength(1);
    expect(world.journal.entries.slice(-2)).toMatchObject([{ type: 'tool-call-ended', interrupted: true }, { type: 'run-ended', reason: 'interrupted' }]);
  });
});

describe('while a person drives', () => {
  it('a call that began waits, says so once, and is done afterwards', async () => {
    const world = stage([answer({ calls: [click(1)] })]);
    world.computer.driven = true;
    const asked = vi.spyOn(world.computer, 'act');
    const worker = work(world);
    await until(() => asked.mock.calls.length > 3);
    expect(world.computer.acted).toEqual([]);
    world.computer.driven = false;
    expect(await worker.outcome).toEqual({ type: 'ended' });
    expect(outputs(world)).toEqual(['Waiting: a person is using the desktop.\nClicked left at (1, 10). The screen changed and came to rest (settled).']);
    expect(world.deltas.filter(({ text }) => text.startsWith('Waiting'))).toHaveLength(1);
    expect(new Set(asked.mock.calls.map(([callId]) => callId)).size).toBe(1);
  });

  it('a call that waits can be stopped', async () => {
    const world = stage([answer({ calls: [click(1)] })]);
    world.computer.driven = true;
    const worker = work(world);
    await until(() => world.deltas.some(({ text }) => text.startsWith('Waiting')));
    worker.interrupt();
    expect(await worker.outcome).toEqual({ type: 'ended' });
    expect(world.journal.ended).toMatchObject({ reason: 'interrupted' });
    expect(world.computer.acted).toEqual([]);
  });

  it('new calls of any tool wait as a parked run, and the model is told what happened', async () => {
    const world = stage([answer({ calls: [click(1), bash('ls')] })]);
    world.journal.driven = true;
    expect(await work(world).outcome).toEqual({ type: 'parked' });
    expect(world.computer.executions.size).toBe(0);
    expect(types(world)).toEqual(['step-ended', 'run-parked']);
    world.journal.giveBack('A person used the desktop for 12 seconds: 3 clicks.');
    expect(await work(world).outcome).toEqual({ type: 'ended' });
    expect(world.computer.executions.size).toBe(2);
    expect(world.model.requests.at(-1)?.messages.at(-1)).toEqual({ role: 'user', text: '[Notice from Deskhand: A person used the desktop for 12 seconds: 3 clicks.]' });
  });

  it('the rest of a step waits too when the journal says so in between', async () => {
    const world = stage([answer({ calls: [click(1), click(2)] })], new FakeComputer(() => ({ parts: [] }), (_, count) => {
      if (count === 0) world.journal.driven = true;
      return {};
    }));
    expect(await work(world).outcome).toEqual({ type: 'parked' });
    expect(world.computer.acted).toHaveLength(1);
    world.journal.giveBack('A person used the desktop.');
    await work(world).outcome;
    expect(world.computer.acted).toHaveLength(2);
  });
});

describe('pictures', () => {
  const screenshots = (count: number) => stage((_, step) => (step < count ? answer({ calls: [act('screenshot')] }) : answer({ text: 'Done.' })));
  const seen = (request: ModelRequest | undefined) => resultsOf(request).flatMap(({ images = [] }) => images.map(({ blob }) => blob));

  it('go to the model with their data', async () => {
    const world = screenshots(1);
    await work(world).outcome;
    expect(resultsOf(world.model.requests[1])).toMatchObject([{ images: [{ blob: 'picture-0', media_type: 'image/jpeg' }] }]);
    expect(world.model.requests[1]?.pictures).toEqual(new Map([['picture-0', 'base64 of picture-0']]));
  });

  it('stay up to ten, then all but the last three go at once, so that requests begin alike', async () => {
    const world = screenshots(20);
    await work(world).outcome;
    const counts = world.model.requests.map((request) => seen(request).length);
    expect(counts).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 3, 4, 5, 6, 7, 8, 9, 10, 3, 4]);
    expect(seen(world.model.requests.at(-1))).toEqual(['picture-16', 'picture-17', 'picture-18', 'picture-19']);
    expect(resultsOf(world.model.requests.at(-1))[0]?.text).toContain('left out');
    for (const [index, request] of world.model.requests.entries()) {
      const next = world.model.requests[index + 1];
      if (next !== undefined && seen(next).length > seen(request).length) expect(next.messages.slice(0, request.messages.length)).toEqual(request.messages);
    }
  });

  it('are told in words where they are gone, or the model does not see', async () => {
    const lost = { ...screenshots(2), lostPictures: new Set(['picture-0']) };
    await work(lost).outcome;
    expect(seen(lost.model.requests.at(-1))).toEqual(['picture-1']);
    expect(resultsOf(lost.model.requests.at(-1))[0]?.text).toContain('not there any more');
    const blind = screenshots(1);
    blind.model.sees = false;
    await work(blind).outcome;
    expect(seen(blind.model.requests.at(-1))).toEqual([]);
    expect(resultsOf(blind.model.requests.at(-1))[0]?.text).toMatch(/^The screen.*\n.*cannot see/s);
  });

  it('are left out for the rest of the run when the model refuses them', async () => {
    const world = stage((request, step) => {
      if (seen(request).length > 0) return [new ModelError('refused', 'This model does not support image input (400)')];
      return step < 2 ? answer({ calls: [act('screenshot')] }) : answer({ text: 'Done.' });
    });
    await work(world).outcome;
    expect(world.journal.ended).toMatchObject({ reason: 'completed' });
    expect(world.model.requests.map((request) => seen(request).length)).toEqual([0, 1, 0, 0]);
  });
});
