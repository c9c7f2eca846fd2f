import { spawn, type ChildProcess } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import type { ComputerAnswer, ComputerServer } from '../formats.ts';
import type { HostOrder } from './host.ts';
import { socketOf } from './places.ts';
import { hostAnswer, readLine, sendLine, type HostAnswer, type HostQuestion } from './wire.ts';

const patienceMs = 22_000;
const againMs = 40;

/** Asks the running host; null when there is none. */
async function ask(server: ComputerServer, question: HostQuestion): Promise<HostAnswer | null> {
  const socket = await connected(socketOf(server));
  if (socket === null) return null;
  sendLine(socket, question);
  const answer = hostAnswer.safeParse(await readLine(socket));
  socket.destroy();
  return answer.success ? answer.data : { type: 'problem', message: 'It ended before it answered', ran: question.ask === 'call' };
}

/** The tools of a server, which is started unless it runs as it is defined now. */
export async function tools(order: HostOrder, program: string): Promise<ComputerAnswer> {
  const until = Date.now() + patienceMs;
  let host: ChildProcess | null = null;
  while (Date.now() < until) {
    const answer = await ask(order.server, { ask: 'tools', version: order.version });
    if (answer !== null && answer.type !== 'outdated') return answer;
    // A host ends at once while another one still holds the lock.
    if (answer === null && (host === null || host.exitCode !== null)) host = startHost(order, program);
    await new Promise((resolve) => setTimeout(resolve, againMs));
  }
  return { type: 'problem', message: 'It did not start', ran: false };
}

export async function call(server: ComputerServer, question: HostQuestion): Promise<ComputerAnswer> {
  const answer = await ask(server, question);
  if (answer === null || answer.type === 'outdated') return { type: 'problem', message: 'It is not running any more', ran: false };
  return answer;
}

/** The host outlives this process: it belongs to the command that started it until the computer stops. */
function startHost(order: HostOrder, program: string): ChildProcess {
  const host = spawn(process.execPath, ['--no-warnings', program, 'host'], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  host.on('error', () => {});
  host.stdin.on('error', () => {}).end(JSON.stringify(order));
  host.unref();
  return host;
}

function connected(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.on('error', () => resolve(null));
  });
}
