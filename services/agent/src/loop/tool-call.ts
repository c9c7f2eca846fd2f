import type { CommandOutcome, CommandView, JournalToolCall } from '@deskhand/contracts';
import type { Tool } from '../tools/tool.ts';
import { findCommand, followToEnd, killCommand, startCommand, startComputer, type Started } from './command.ts';
import type { BlockWriter } from './ports.ts';
import { RunInterrupted, throwIfStopped } from './stop.ts';
import { endedWith, type EndedEntry, type Turn } from './turn.ts';
import { words } from './words.ts';

/** A call that may run: its tool, and its arguments as the tool takes them. */
export interface RunnableCall {
  call: JournalToolCall;
  tool: Tool;
  input: unknown;
}

/** What a call that has an input fitting its tool comes to; `null` when it was left alone because the worker is leaving. */
export async function executeCall({ call, tool, input }: RunnableCall, turn: Turn): Promise<EndedEntry | null> {
  const { ports } = turn;
  const plan = tool.plan(input, call.tool_call_id);
  if ('problem' in plan) return endedWith(call.tool_call_id, plan.problem, { is_error: true });
  const problem = await startComputer(ports);
  if (problem !== null) return endedWith(call.tool_call_id, words.noComputer(problem), { is_error: true });
  throwIfStopped(ports.stop);
  if (ports.stop.draining.aborted) return null;
  const output = openOutput(call, turn);
  // From here on it may have run: another worker that finds this record asks the computer and never starts it again.
  await turn.write(`${call.tool_call_id}-start`, [{ type: 'tool-call-started', tool_call_id: call.tool_call_id, block: output.block, attempt: output.attempt }]);
  call.state = 'started';
  if (ports.stop.interrupted.aborted) return endedWith(call.tool_call_id, words.stoppedBefore, { is_error: true, interrupted: true, block: output.block, attempt: output.attempt });
  return watch(call, tool, input, output, turn, () => startCommand({ ...plan, call_id: call.tool_call_id }, ports));
}

/** What a call that an earlier worker started came to: it is adopted when the computer still knows it. */
export async function recoverCall({ call, tool, input }: RunnableCall, turn: Turn): Promise<EndedEntry> {
  return watch(call, tool, input, openOutput(call, turn), turn, () => findCommand(call.tool_call_id, turn.ports));
}

function openOutput(call: JournalToolCall, turn: Turn): BlockWriter {
  return turn.ports.blocks.open({ block: `${call.tool_call_id}-output`, attempt: turn.attempt(), kind: 'tool-output', tool_call_id: call.tool_call_id });
}

async function watch(call: JournalToolCall, tool: Tool, input: unknown, output: BlockWriter, turn: Turn, begin: () => Promise<Started>): Promise<EndedEntry> {
  const place = { block: output.block, attempt: output.attempt };
  /** Output that came, whether it was shown or not. */
  let raw = '';
  const take = (text: string) => {
    raw += text;
    if (tool.streams) output.append(text);
  };
  try {
    const started = await begin();
    const ended = started.type === 'view' ? await followToEnd(call.tool_call_id, started.view, take, turn.ports) : started;
    if (ended.type !== 'view') {
      output.append(raw !== '' && tool.streams ? `\n${ended.words}` : ended.words);
      return endedWith(call.tool_call_id, output.finish(), { is_error: true, ...place, ...(ended.type === 'unknown' && { interrupted: true }) });
    }
    return conclude(call, tool, input, output, raw, outcomeOf(ended.view));
  } catch (error) {
    if (!(error instanceof RunInterrupted)) throw error;
    take(await killCommand(call.tool_call_id, raw.length, turn.ports));
    return endedWith(call.tool_call_id, output.finish(), { is_error: true, interrupted: true, ...place });
  }
}

function conclude(call: JournalToolCall, tool: Tool, input: unknown, output: BlockWriter, raw: string, outcome: CommandOutcome): EndedEntry {
  const { text, ...conclusion } = tool.conclude(input, raw, outcome);
  output.append(text);
  return endedWith(call.tool_call_id, output.finish(), {
    is_error: conclusion.is_error,
    block: output.block,
    attempt: output.attempt,
    result: {
      duration_ms: Math.round(outcome.duration_ms),
      ...(conclusion.exit_code !== undefined && { exit_code: conclusion.exit_code }),
      ...(conclusion.display !== undefined && { display: conclusion.display }),
    },
  });
}

function outcomeOf(view: CommandView): CommandOutcome {
  return view.outcome ?? { exit_code: null, signal: null, timed_out: false, killed: false, duration_ms: 0 };
}
