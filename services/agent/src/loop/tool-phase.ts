import type { JournalToolCall, RunEntry } from '@deskhand/contracts';
import { reasonToAsk } from './approval-policy.ts';
import { recordable } from './journal-queue.ts';
import { inParallel } from './in-parallel.ts';
import { RunInterrupted, throwIfAbandoned, unlessStopped } from './stop.ts';
import { executeCall, recoverCall, type RunnableCall } from './tool-call.ts';
import { endedWith, type EndedEntry, type Turn } from './turn.ts';
import { words } from './words.ts';

/** Calls of one step that run side by side. */
const parallelCalls = 8;
/** Calls of one step that are run at all. */
const maximumCalls = 32;

/** settled: every call has its result · parked: some wait for a person's word, or for the desktop · left: the worker is leaving. */
export type ToolPhase = { type: 'settled' } | { type: 'parked' } | { type: 'left' } | { type: 'interrupted'; ended: EndedEntry[] };

/**
 * Brings the calls of the last step as far as they go: finds out about those that an earlier worker started, asks for
 * those that need a person's word, runs the others, and parks the run when only waiting ones are left, or while a person
 * drives the desktop.
 */
export async function settleToolCalls(turn: Turn): Promise<ToolPhase> {
  const { ports } = turn;
  if (ports.stop.interrupted.aborted) return interruptCalls(turn, []);
  if (!(await knowTools(turn))) return interruptCalls(turn, []);
  const sorted = sortCalls(turn);
  await recordVerdicts(turn, sorted);

  /** Results that an interrupt leaves to be recorded together with the run's end. */
  const unrecorded: EndedEntry[] = [];
  const settle = async (runnable: RunnableCall): Promise<boolean> => {
    const { call } = runnable;
    if (call.state !== 'started' && (ports.stop.draining.aborted || ports.stop.interrupted.aborted || turn.driven)) return false;
    throwIfAbandoned(ports.stop);
    const ended = call.state === 'started' ? await recoverCall(runnable, turn) : await inItsOrder(runnable, turn);
    if (ended === null) return false;
    if (ports.stop.interrupted.aborted) unrecorded.push(ended);
    else await recordEnd(turn, ended);
    turn.callEnded(call, ended);
    return true;
  };
  const outcomes = await inParallel(lanesOf(sorted.runnable), parallelCalls, async (lane) => {
    for (const runnable of lane) if (!(await settle(runnable))) return;
  });
  throwIfAbandoned(ports.stop);
  // A call that failed in a way nobody foresaw fails the run; an interrupt before its start is no failure.
  for (const outcome of outcomes) if (outcome.status === 'rejected' && !(outcome.reason instanceof RunInterrupted)) throw outcome.reason;
  if (ports.stop.interrupted.aborted) return interruptCalls(turn, unrecorded);
  if (turn.calls.every((call) => call.state === 'ended')) return { type: 'settled' };
  if (ports.stop.draining.aborted && turn.calls.some((call) => call.state !== 'ended' && call.state !== 'waiting')) return { type: 'left' };
  await turn.write(`${turn.step}-parked`, [{ type: 'run-parked' }]);
  return { type: 'parked' };
}

/** Asks the MCP servers when there are calls of theirs that a worker before this one left; false when a person stopped the run meanwhile. */
async function knowTools({ calls, toolbox, ports }: Turn): Promise<boolean> {
  if (!calls.some(({ state, name }) => (state === 'proposed' || state === 'allowed') && toolbox.needsServers(name))) return true;
  try {
    await unlessStopped(toolbox.ask(), ports.stop);
    return true;
  } catch (error) {
    if (error instanceof RunInterrupted) return false;
    throw error;
  }
}

/** Calls in rows that are settled side by side: all actions on the desktop are one row, in the model's order. */
function lanesOf(runnable: readonly RunnableCall[]): RunnableCall[][] {
  const actions = runnable.filter(({ tool }) => tool.kind === 'desktop');
  return [...(actions.length > 0 ? [actions] : []), ...runnable.flatMap((one) => (one.tool.kind === 'desktop' ? [] : [[one]]))];
}

/** Carries a call out unless an earlier action of the step is still open (`null`) or failed. */
async function inItsOrder(runnable: RunnableCall, turn: Turn): Promise<EndedEntry | null> {
  const { call, tool } = runnable;
  const earlier = tool.kind !== 'desktop' ? [] : turn.calls.slice(0, turn.calls.indexOf(call)).filter(({ name }) => turn.toolbox.get(name)?.kind === 'desktop');
  if (earlier.some(({ state }) => state !== 'ended')) return null;
  if (earlier.some((one) => turn.hasFailed(one))) return endedWith(call.tool_call_id, words.notExecuted, { is_error: true });
  return executeCall(runnable, turn);
}

async function recordEnd(turn: Turn, ended: EndedEntry): Promise<void> {
  await turn.write(`${ended.tool_call_id}-end`, [ended]);
  // Only now: until the result is stored, a reader finds the output as an open block.
  if (ended.block !== undefined) turn.ports.blocks.close(ended.block);
}

interface SortedCalls {
  runnable: RunnableCall[];
  /** Calls that end without running. */
  refused: { call: JournalToolCall; entry: EndedEntry }[];
  asking: { call: JournalToolCall; reason: string }[];
}

function sortCalls(turn: Turn): SortedCalls {
  const sorted: SortedCalls = { runnable: [], refused: [], asking: [] };
  for (const [index, call] of turn.calls.entries()) {
    if (call.state === 'ended' || call.state === 'waiting') continue;
    const checked = index < maximumCalls || call.state === 'started' ? checkCall(call, turn) : words.tooManyCalls(maximumCalls);
    if (typeof checked === 'string') {
      // One that a worker of another version started may not fit here; what it did is not known.
      const lost = call.state === 'started';
      sorted.refused.push({ call, entry: endedWith(call.tool_call_id, lost ? words.unknownEffect : checked, { is_error: true, ...(lost && { interrupted: true }), ...(call.state === 'denied' && { result: { display: { denied: true } } }) }) });
      continue;
    }
    const reason = call.state === 'proposed' ? reasonToAsk(checked.tool, call.name, call.arguments, turn.run) : null;
    if (reason === null) sorted.runnable.push(checked);
    else sorted.asking.push({ call, reason });
  }
  return sorted;
}

/** The call with what it needs to run, or words that say why it cannot. */
function checkCall(call: JournalToolCall, { toolbox }: Turn): RunnableCall | string {
  if (call.state === 'denied') return words.denied;
  if (call.invalid_arguments !== undefined && call.state === 'proposed') return words.invalidArguments(call.invalid_arguments);
  const tool = call.state === 'started' ? toolbox.started(call.name) : toolbox.get(call.name);
  if (tool === undefined) return words.unknownTool(call.name, toolbox.names);
  const parsed = tool.input.safeParse(call.arguments);
  if (parsed.success) return { call, tool, input: parsed.data };
  return words.wrongArguments(parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.') || 'arguments'}: ${issue.message}`).join('; '));
}

async function recordVerdicts(turn: Turn, { asking, refused }: SortedCalls): Promise<void> {
  const entries: RunEntry[] = [
    ...asking.map(({ call, reason }) => ({ type: 'approval-requested' as const, tool_call_id: call.tool_call_id, reason })),
    ...refused.map(({ entry }) => entry),
  ];
  for (const [index, part] of recordable(entries).entries()) await turn.write(`${turn.step}-verdicts-${index}`, part);
  for (const { call } of asking) call.state = 'waiting';
  for (const { call, entry } of refused) turn.callEnded(call, entry);
}

/** Ends what is left of the calls after a person stopped the run: what was started is killed, the rest is not run. */
async function interruptCalls(turn: Turn, unrecorded: EndedEntry[]): Promise<ToolPhase> {
  const ended = [...unrecorded];
  const open = turn.calls.filter((call) => call.state !== 'ended');
  const killed = await inParallel(open, parallelCalls, async (call) => {
    const checked = call.state === 'started' ? checkCall(call, turn) : null;
    const entry = checked !== null && typeof checked !== 'string'
      ? await recoverCall(checked, turn)
      : endedWith(call.tool_call_id, words.stoppedBefore, { is_error: true, interrupted: true });
    ended.push(entry);
    turn.callEnded(call, entry);
  });
  for (const outcome of killed) if (outcome.status === 'rejected') throw outcome.reason;
  return { type: 'interrupted', ended };
}
