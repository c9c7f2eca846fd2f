import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { McpFailure } from '../mcp-failure.ts';
import type { ComputerServer } from '../formats.ts';
import { McpSession } from '../session.ts';
import { keepPictures } from './pictures.ts';
import { lockOf, makeFolder, socketOf } from './places.ts';
import { ProcessTransport } from './process-transport.ts';
import { hostQuestion, readLine, sendLine, type HostAnswer, type HostQuestion } from './wire.ts';

export interface HostOrder {
  server: ComputerServer;
  version: string;
  starter: string;
}

const startMs = 12_000;
const listMs = 8_000;
/** A host whose server did not start stays until that was told, and no longer. */
const failedMs = 10_000;
/** Time for a server that is told to stop a call to hear it. */
const farewellMs = 250;

/**
 * Keeps one server running and asks it what the program's other commands want to know. Ends with the server; a call that
 * nobody waits for any more, or that takes too long, ends both: nothing of it goes on unseen.
 */
export class Host {
  private readonly session: Promise<McpSession>;

  private constructor(private readonly order: HostOrder, variables: Readonly<Record<string, string>>) {
    const { command, args } = order.server;
    const transport = new ProcessTransport(command, args, variables);
    process.once('exit', () => void transport.close());
    this.session = McpSession.open(transport, { timeoutMs: startMs });
    this.session.catch(() => setTimeout(() => process.exit(0), failedMs));
  }

  /** False when another host of this server runs. */
  static async begin(order: HostOrder, variables: Readonly<Record<string, string>>): Promise<boolean> {
    if (!(await listen(createServer((socket) => socket.destroy()), lockOf(order.server)))) return false;
    makeFolder();
    rmSync(socketOf(order.server), { force: true });
    const host = new Host(order, variables);
    await listen(createServer((socket) => void host.serve(socket)), socketOf(order.server));
    const watch = setInterval(() => void host.session.then((session) => { if (session.closed) process.exit(0); }, () => {}), 200);
    watch.unref();
    return true;
  }

  private async serve(socket: Socket): Promise<void> {
    socket.on('error', () => {});
    const question = hostQuestion.safeParse(await readLine(socket));
    if (!question.success) return void socket.destroy();
    if (question.data.version !== this.order.version || (await this.hasEnded())) {
      sendLine(socket, { type: 'outdated' } satisfies HostAnswer);
      return void socket.end(() => process.exit(0));
    }
    const gone = new AbortController();
    socket.once('close', () => gone.abort());
    const answer = await this.answer(question.data, gone.signal);
    if (gone.signal.aborted) return;
    sendLine(socket, answer);
    socket.end();
  }

  /** Its server began well and is gone: whoever asks needs a new host. */
  private async hasEnded(): Promise<boolean> {
    return this.session.then((session) => session.closed, () => false);
  }

  private async answer(question: HostQuestion, gone: AbortSignal): Promise<HostAnswer> {
    try {
      const session = await this.session;
      if (question.ask === 'tools') return { type: 'tools', ...(await session.tools({ timeoutMs: listMs })), starter: this.order.starter };
      const { images, ...result } = await session.call(question.tool, question.arguments, { timeoutMs: question.timeout_ms, signal: gone });
      return { type: 'result', ...result, images: keepPictures(images) };
    } catch (error) {
      const failure = error instanceof McpFailure ? error : new McpFailure(String(error), true);
      // Whatever the call still does has to end with it.
      if (question.ask === 'call' && (failure.late || gone.aborted)) setTimeout(() => process.exit(0), farewellMs);
      return { type: 'problem', message: failure.message.slice(0, 2_000), ran: failure.ran };
    }
  }
}

function listen(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(path, () => resolve(true));
  });
}
