import type { JournalToolCall } from '@deskhand/contracts';
import type { Tool } from '../tools/tool.ts';
import { McpCall } from '../mcp/mcp-call.ts';
import { CommandCall } from './command-call.ts';
import { startComputer } from './command.ts';
import { desktopCall } from './desktop-call.ts';
import type { BlockWriter } from './ports.ts';
import { throwIfStopped } from './stop.ts';
import { endedWith, type EndedEntry, type Turn } from './turn.ts';
import { words } from './words.ts';

/** A call that may run: its tool, and its arguments as the tool takes them. */
export interface RunnableCall {
  call: JournalToolCall;
  tool: Tool;
  input: unknown;
}

/** What a call that has an input fitting its tool comes to; `null` when it was left alone because the worker is leaving. */
export async function executeCall(runnable: RunnableCall, turn: Turn): Promise<EndedEntry | null> {
  const { call } = runnable;
  const { ports } = turn;
  const planned = planOf(runnable, turn);
  if (typeof planned === 'string') return endedWith(call.tool_call_id, planned, { is_error: true });
  const problem = await prepare(runnable, turn);
  if (problem !== null) return endedWith(call.tool_call_id, problem, { is_error: true });
  throwIfStopped(ports.stop);
  if (ports.stop.draining.aborted) return null;
  const output = openOutput(call, turn);
  // From here on it may have run: another worker that finds this record asks the computer and never starts it again.
  await turn.write(`${call.tool_call_id}-start`, [{ type: 'tool-call-started', tool_call_id: call.tool_call_id, block: output.block, attempt: output.attempt }]);
  call.state = 'started';
  if (ports.stop.interrupted.aborted) return endedWith(call.tool_call_id, words.stoppedBefore, { is_error: true, interrupted: true, block: output.block, attempt: output.attempt });
  return planned(output);
}

/** What a call that an earlier worker started came to. */
export async function recoverCall(runnable: RunnableCall, turn: Turn): Promise<EndedEntry> {
  const { call, tool, input } = runnable;
  const output = openOutput(call, turn);
  if (tool.kind === 'mcp') return new McpCall(call, tool, input as Record<string, unknown>, output, turn).adopt();
  if (tool.kind === 'command') return new CommandCall(call, tool, input, output, turn).adopt();
  const planned = planOf(runnable, turn);
  if (typeof planned !== 'string') return planned(output);
  // Another version of the tool took this input: what came of it is not known.
  output.append(words.unknownEffect);
  return endedWith(call.tool_call_id, output.finish(), { is_error: true, interrupted: true, block: output.block, attempt: output.attempt });
}

/** Brings up what the call needs; words for the model when that cannot be. */
async function prepare({ tool, input }: RunnableCall, turn: Turn): Promise<string | null> {
  if (tool.kind === 'mcp') return McpCall.prepare(tool, input as Record<string, unknown>, turn);
  const problem = await startComputer(turn.ports);
  return problem === null ? null : words.noComputer(problem);
}

/** How the call is carried out, or words for the model that say why it cannot be. */
function planOf({ call, tool, input }: RunnableCall, turn: Turn): ((output: BlockWriter) => Promise<EndedEntry>) | string {
  if (tool.kind === 'desktop') {
    const action = tool.plan(input);
    return 'problem' in action ? action.problem : (output) => desktopCall(call, tool, action, output, turn);
  }
  if (tool.kind === 'mcp') return (output) => new McpCall(call, tool, input as Record<string, unknown>, output, turn).run();
  const plan = tool.plan(input, call.tool_call_id);
  return 'problem' in plan ? plan.problem : (output) => new CommandCall(call, tool, input, output, turn).run(plan);
}

function openOutput(call: JournalToolCall, turn: Turn): BlockWriter {
  return turn.ports.blocks.open({ block: `${call.tool_call_id}-output`, attempt: turn.attempt(), kind: 'tool-output', tool_call_id: call.tool_call_id });
}
