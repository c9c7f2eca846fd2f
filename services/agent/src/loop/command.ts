import { DeclaredError, sandbox, type Command, type CommandView } from '@deskhand/contracts';
import type { CommandPorts } from './ports.ts';
import { throwIfStopped, unlessAbandoned, unlessStopped } from './stop.ts';
import { words } from './words.ts';

/** How long a computer that does not answer is asked again before its command counts as lost. */
const patienceMs = 30_000;
const followMs = 4_000;

/**
 * Where a call's command stands after it was asked for, or why there is none.
 * not-run: it certainly did not start · unknown: it may have.
 */
export type Started = { type: 'view'; view: CommandView } | { type: 'not-run'; words: string } | { type: 'unknown'; words: string };

/**
 * Starts a command, at most once: whenever an answer may have been lost, the computer is asked what it knows of the call
 * instead of being told to run it again.
 */
export async function startCommand(command: Command, ports: CommandPorts): Promise<Started> {
  const { clock, computer, stop } = ports;
  const until = clock.now() + patienceMs;
  for (;;) {
    throwIfStopped(stop);
    const asked = clock.now();
    try {
      return { type: 'view', view: await unlessStopped(computer.run({ ...command, wait_ms: 1_000 }), stop) };
    } catch (error) {
      if (!(error instanceof DeclaredError)) throw error;
      if (error.code === 'BAD_INPUT' || error.code === 'FORBIDDEN' || error.code === 'TOO_LARGE') return { type: 'not-run', words: words.refusedByComputer(error.message) };
      // Only the manager's own, first answer says for sure that nothing was started; the bus may have asked more than once.
      const certain = error.code === 'UNAVAILABLE' && error.cause === undefined && clock.now() - asked < sandbox.run.attemptMs;
      if (!certain) return findCommand(command.call_id, ports);
      if (clock.now() >= until) return { type: 'not-run', words: words.noComputer(error.message) };
    }
    // It may have been stopped since it was started for this run.
    const problem = await startComputer(ports);
    if (problem !== null) return { type: 'not-run', words: words.noComputer(problem) };
    await unlessStopped(clock.sleep(500), stop);
  }
}

/** Starts the computer; words when it cannot be. */
export async function startComputer({ computer, stop }: CommandPorts): Promise<string | null> {
  try {
    await unlessStopped(computer.start(), stop);
    return null;
  } catch (error) {
    if (error instanceof DeclaredError) return error.message;
    throw error;
  }
}

/** What the computer knows of a call that may have been started. */
export async function findCommand(callId: string, ports: CommandPorts): Promise<Started> {
  throwIfStopped(ports.stop);
  // A computer that is stopped or not yet known to its manager answers nothing, so it is started first.
  const problem = await startComputer(ports);
  if (problem !== null) return { type: 'unknown', words: `${words.unknownEffect} (${problem})` };
  return followOnce(callId, 0, 0, ports);
}

/** Reads on until the command ends. `onText` gets every part of the output once, in order. */
export async function followToEnd(callId: string, first: CommandView, onText: (text: string) => void, ports: CommandPorts): Promise<Started> {
  let view = first;
  for (;;) {
    onText(view.text);
    if (view.state !== 'running') return { type: 'view', view };
    const next = await followOnce(callId, view.offset + view.text.length, followMs, ports);
    if (next.type !== 'view') return next;
    view = next.view;
  }
}

/** One look at a command, with patience for a manager that restarts. */
async function followOnce(callId: string, offset: number, waitMs: number, { clock, computer, stop }: CommandPorts): Promise<Started> {
  const until = clock.now() + patienceMs;
  for (;;) {
    try {
      const view = await unlessStopped(computer.follow(callId, offset, waitMs), stop);
      return view.state === 'unknown' ? { type: 'unknown', words: words.unknownEffect } : { type: 'view', view };
    } catch (error) {
      if (!(error instanceof DeclaredError)) throw error;
      if (clock.now() >= until) return { type: 'unknown', words: words.lostSight(error.message) };
      await unlessStopped(clock.sleep(500), stop);
    }
  }
}

/**
 * Ends a command with all it started, and answers the output that came after `offset`. A command that was just being
 * started may appear after the first kill, so one that is not known is looked for again.
 */
export async function killCommand(callId: string, offset: number, ports: CommandPorts): Promise<string> {
  const { clock, computer, stop } = ports;
  const until = clock.now() + 8_000;
  let text = '';
  for (let unknown = 0; unknown < 3; ) {
    try {
      await unlessAbandoned(computer.kill(callId), stop);
      const view = await unlessAbandoned(computer.follow(callId, offset + text.length, 500), stop);
      if (view.state !== 'unknown') text += view.text;
      if (view.state === 'ended') return text;
      if (view.state === 'unknown') unknown += 1;
    } catch (error) {
      if (!(error instanceof DeclaredError)) throw error;
    }
    // Nothing more can be done from here; the run ends all the same, and the manager ends what it finds.
    if (clock.now() >= until) return text;
    await unlessAbandoned(clock.sleep(150), stop);
  }
  return text;
}
