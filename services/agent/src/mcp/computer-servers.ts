import type { Command, CommandOutcome, McpServer } from '@deskhand/contracts';
import { computerAnswer, computerProgram, McpFailure, picturePart, type ComputerAnswer } from '@deskhand/mcp';
import { followToEnd, startCommand, startComputer } from '../loop/command.ts';
import type { CommandPorts } from '../loop/ports.ts';

/** Milliseconds; the program gives up a little earlier and says why. */
const toolsMs = 25_000;
const callMs = 300_000;
const partMs = 15_000;
const outputLimit = 400_000;

type ComputerTools = Extract<ComputerAnswer, { type: 'tools' }>;

/** Starts the server in the computer unless it runs, and asks for its tools. Throws `McpFailure`. */
export async function toolsInComputer(server: McpServer, ports: CommandPorts): Promise<ComputerTools> {
  const problem = await startComputer(ports);
  if (problem !== null) throw new McpFailure(`The computer is not available: ${problem}`, false);
  const starter = ports.newId();
  const answer = answerIn(await outputOf({ ...commandOf(server, 'tools', { starter }), call_id: starter, timeout_ms: toolsMs }, ports));
  if (answer?.type === 'tools') return answer;
  throw new McpFailure(answer?.type === 'problem' ? answer.message : 'It did not answer in time', false);
}

/** The command that calls a tool. */
export function callCommand(server: McpServer, tool: string, given: Readonly<Record<string, unknown>>): Omit<Command, 'call_id'> {
  return { ...commandOf(server, 'call', { tool, arguments: given, timeout_ms: callMs }), timeout_ms: callMs + 15_000 };
}

/** What such a command came to. */
export function callAnswer(output: string, outcome: CommandOutcome | undefined): Exclude<ComputerAnswer, ComputerTools> {
  const answer = answerIn(output);
  if (answer !== null && answer.type !== 'tools') return answer;
  return { type: 'problem', message: outcome?.contained ?? 'It gave no answer', ran: true };
}

/** A picture of a result, fetched in parts; null when it is not there any more. */
export async function pictureInComputer(callId: string, index: number, { file, size }: { file: string; size: number }, ports: CommandPorts): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  for (let n = 0; n * picturePart < size; n++) {
    // The same names for whoever takes the call over.
    const output = await outputOf({ argv: [...computerProgram, 'part', file, String(n)], call_id: `${callId}-picture-${index}-${n}`, timeout_ms: partMs, output_limit: outputLimit, descendants: 'kill' }, ports);
    parts.push(Buffer.from(output.trim(), 'base64'));
  }
  const bytes = Buffer.concat(parts);
  return bytes.length === size ? bytes : null;
}

function commandOf(server: McpServer, verb: string, order: Record<string, unknown>): Omit<Command, 'call_id'> {
  const { id, name, command, args, environment } = server;
  return {
    argv: [...computerProgram, verb], stdin: JSON.stringify({ server: { id, name, command: command ?? '', args }, ...order }).toWellFormed(), output_limit: outputLimit, descendants: 'keep',
    ...(environment !== null && { mcp_environment: { server_id: id, stored: environment } }),
  };
}

/** All that a command prints. Empty when it did not run. */
async function outputOf(command: Command, ports: CommandPorts): Promise<string> {
  let output = '';
  const started = await startCommand(command, ports);
  if (started.type === 'view') await followToEnd(command.call_id, started.view, (text) => { output += text; }, ports);
  return output;
}

/** The program's answer is the last line; what else is there came from elsewhere. */
function answerIn(output: string): ComputerAnswer | null {
  const line = output.trimEnd().split('\n').at(-1) ?? '';
  try {
    const parsed = computerAnswer.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** Whether arguments fit into what a command may be told on its standard input. */
export function fitsCommand(given: Readonly<Record<string, unknown>>): boolean {
  return JSON.stringify(given).length <= 500_000;
}
