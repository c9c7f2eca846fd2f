import fc from 'fast-check';
import { DeclaredError } from '@deskhand/contracts';
import { describe, expect, it } from 'vitest';
import { FakeComputer } from '../../test/fakes/computer.ts';
import { FakeJournal } from '../../test/fakes/journal.ts';
import { answer, ScriptedModel } from '../../test/fakes/model.ts';
import { mortal, work, type Stage } from '../../test/fakes/world.ts';

/**
 * A worker may die at any of its awaits, before or after what it waits for took effect, any number of times, and the
 * computer may lose its memory in between. Whatever happens: no command or click takes effect twice, every call gets one result,
 * and the run comes to its end.
 */

const script = (_: unknown, step: number) => [
  answer({
    reasoning: 'Three at once.', text: 'Looking around. 😀',
    calls: [
      { name: 'bash', arguments: { command: 'slow' } },
      { name: 'bash', arguments: { command: 'quick' } },
      { name: 'write', arguments: { path: 'note.txt', content: 'héllo' } },
    ],
  }),
  answer({ text: 'May I?', calls: [{ name: 'bash', arguments: { command: 'danger', ask_first: true, reason: 'It cannot be undone.' } }, { name: 'bash', arguments: { command: 'quick' } }] }),
  answer({ calls: [{ name: 'bash', arguments: '{"command": ' }, { name: 'teleport', arguments: {} }, { name: 'edit', arguments: { path: 'note.txt', old_string: 'é', new_string: 'e' } }] }),
  answer({ text: 'Now the desktop.', calls: [{ name: 'computer', arguments: { action: 'click', coordinate: [5, 6] } }, { name: 'computer', arguments: { action: 'click', coordinate: [7, 8] } }, { name: 'computer', arguments: { action: 'type', text: 'ü' } }] }),
  answer({ text: 'Done.' }),
][step] ?? answer({ text: 'Done.' });

const parts: Record<string, string[]> = { slow: ['one\n', 'two\n', 'three\n'], quick: [], danger: ['boom\n'] };

function stage(): Stage {
  return {
    journal: new FakeJournal(),
    computer: new FakeComputer((command) => ({ parts: command.argv[0] === 'bash' ? (parts[command.argv.at(-1) as string] ?? []) : ['{"path":"note.txt","lines":1,"created":true,"before":null}\n'] })),
    model: new ScriptedModel(script),
    deltas: [],
  };
}

/** Plays a run to its end; answers how often its worker died. */
async function play(world: Stage, deaths: readonly { at: number; computerRestarts: boolean }[], decision: 'allow' | 'deny'): Promise<number> {
  let died = 0;
  const remaining = [...deaths];
  for (let lives = 0; world.journal.state !== 'ended'; lives++) {
    if (lives > deaths.length + 4) throw new Error('The run does not come to an end');
    if (world.journal.state === 'parked') world.journal.decide(decision);
    const death = remaining.shift();
    const life = mortal(death?.at ?? 0);
    const outcome = await Promise.race([work(world, life).outcome, life.died]);
    if (typeof outcome === 'object' && outcome.type === 'fault') throw outcome.error;
    if (outcome === 'died') died += 1;
    if (outcome === 'died' && death?.computerRestarts === true) world.computer.restart();
    // What was under way when it died may still take effect.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return died;
}

function check({ journal, computer, deltas }: Stage, decision: 'allow' | 'deny', calm: boolean): void {
  expect(journal.ended).toEqual({ type: 'run-ended', reason: 'completed' });
  for (const [callId, times] of computer.executions) expect(times, `executions of ${JSON.stringify(journal.calls.get(callId))}`).toBe(1);
  expect([...journal.calls.values()].map((call) => call.state)).toEqual(Array(11).fill('ended'));
  for (const call of journal.calls.values()) {
    const results = journal.results.get(call.tool_call_id) ?? [];
    expect(results).toHaveLength(1);
    const [{ interrupted, is_error, result, block, attempt }] = results as [(typeof results)[number]];
    if (call.name === 'bash' && call.arguments.command === 'danger' && decision === 'deny') {
      expect(computer.executions.has(call.tool_call_id)).toBe(false);
      expect(result.output).toContain('did not allow');
    } else if (interrupted !== true && !is_error) {
      expect(computer.executions.get(call.tool_call_id)).toBe(1);
      expect(result.output).toEqual(call.name === 'bash' ? parts[call.arguments.command as string]?.join('') : expect.stringMatching(call.name === 'computer' ? /^(Clicked|Typed)/ : /^(Created|Replaced)/));
      expect(shown(deltas, block as string, attempt as number)).toBe(result.output);
    }
    if (calm) expect(interrupted).toBeUndefined();
  }
  for (const message of journal.history) {
    for (const block of message.blocks) if ((block.type === 'text' || block.type === 'reasoning') && block.block !== undefined) expect(shown(deltas, block.block, block.attempt as number)).toBe(block.text);
  }
}

/** What a client has of a block, which takes a delta only where its text ends. */
function shown(deltas: Stage['deltas'], block: string, attempt: number): string {
  let text = '';
  for (const delta of deltas) {
    if (delta.block !== block || delta.attempt !== attempt) continue;
    expect(delta.offset).toBe(text.length);
    expect(delta.text.isWellFormed()).toBe(true);
    text += delta.text;
  }
  return text;
}

describe('a worker that dies', () => {
  it('at none of its awaits: everything runs once', async () => {
    const world = stage();
    await play(world, [], 'allow');
    check(world, 'allow', true);
    expect(world.computer.executions.size).toBe(9);
  });

  it('at each of its awaits once: nothing runs twice, nothing is lost that the computer still knows', async () => {
    const whole = mortal(0);
    await work(stage(), whole).outcome;
    // The second life, after the approval, is covered by counting beyond the first.
    for (let at = 1; at <= whole.points() + 10; at++) {
      const world = stage();
      await play(world, [{ at, computerRestarts: false }], 'allow');
      check(world, 'allow', false);
      const unknown = [...world.journal.results.values()].flat().filter((result) => result.interrupted === true);
      // Only those whose start was recorded and never reached the computer: all of one step at most.
      for (const { tool_call_id: id } of unknown) expect(world.computer.executions.has(id)).toBe(false);
    }
  });

  it('again and again, with a computer that forgets and requests that fail: nothing runs twice', async () => {
    const fault = fc.record({
      of: fc.constantFrom('start' as const, 'run' as const, 'follow' as const, 'act' as const), when: fc.constantFrom('before' as const, 'after' as const),
      error: fc.constantFrom(new DeclaredError('TIMEOUT', 'slow'), new DeclaredError('UNAVAILABLE', 'away', undefined, { cause: 'nobody' })),
      forgets: fc.boolean(),
    });
    let kills = 0;
    await fc.assert(fc.asyncProperty(
      fc.array(fc.record({ at: fc.integer({ min: 1, max: 60 }), computerRestarts: fc.boolean() }), { maxLength: 12 }),
      fc.array(fault, { maxLength: 3 }),
      fc.constantFrom('allow' as const, 'deny' as const),
      async (deaths, faults, decision) => {
        const world = stage();
        world.computer.faults.push(...faults);
        kills += await play(world, deaths, decision);
        check(world, decision, false);
      },
    ), { numRuns: 400 });
    expect(kills).toBeGreaterThan(800);
  }, 120_000);
});
