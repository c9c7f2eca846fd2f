import { text } from 'node:stream/consumers';
import { callOrder, toolsOrder, type ComputerAnswer } from '../formats.ts';
import { call, tools } from './ask-host.ts';
import type { HostOrder } from './host.ts';
import { picturePartOf } from './pictures.ts';
import { versionOf } from './places.ts';

// What the tools' user runs in a computer to use an MCP server there:
//   tools   starts the server unless it runs, and tells its tools     call   calls one of them
//   part    prints a part of a picture of a result                    host   keeps a server running (started by `tools`)
// Orders come as JSON on standard input; the answer is one line of JSON.

const variables = process.env.MCP_VARIABLES ?? '{}';
const [verb, ...args] = process.argv.slice(2);
const order = async () => JSON.parse(await text(process.stdin)) as unknown;

/** Ends this process when the line is written: nothing that still runs here may keep it. */
function say(line: string): void {
  process.stdout.write(`${line}\n`, () => process.exit(0));
}

async function answer(): Promise<ComputerAnswer> {
  if (verb === 'tools') {
    const { server, starter } = toolsOrder.parse(await order());
    return tools({ server, starter, version: versionOf(server, variables) }, process.argv[1]!);
  }
  const { server, ...question } = callOrder.parse(await order());
  return call(server, { ask: 'call', version: versionOf(server, variables), ...question });
}

if (verb === 'host') {
  const { Host } = await import('./host.ts');
  if (!(await Host.begin((await order()) as HostOrder, JSON.parse(variables) as Record<string, string>))) process.exit(3);
} else if (verb === 'part') say(picturePartOf(args[0] ?? '', Number(args[1])));
else say(JSON.stringify(await answer()));
