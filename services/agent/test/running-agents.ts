import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conversations, desktop, livePublished, llm, newId, sandbox, type DataOf, type DurableEvent } from '@deskhand/contracts';
import { composeService, Log, type NatsBus, type RunningService } from '@deskhand/platform';
import { startNats, temporaryBlobs, type TestNats } from '@deskhand/platform/testing';
import { bundle } from '../../../deploy/local/bundle.ts';
import { FakeComputer, type CommandScript } from './fakes/computer.ts';

process.env.MASTER_KEY ??= randomBytes(32).toString('hex');
const root = join(import.meta.dirname, '../../..');

/** What the scripted model says: events of the OpenAI format, decided by how far the conversation is. */
export type Script = (lastUserText: string, step: number) => { text?: string; calls?: { name: string; arguments: object }[]; hangs?: boolean };

export interface Started {
  userId: string;
  conversationId: string;
  runId: string;
}

/**
 * Real: nats-server with the product's permissions, `conversations` on SQLite, any number of bundled agent processes, HTTP to
 * the model. The model gateway and the computers' manager are stand-ins that answer by contract; computers count what they run.
 */
export class RunningAgents {
  readonly computers = new Map<string, FakeComputer>();
  readonly live: DataOf<typeof livePublished>[] = [];
  /** What a picture of the fakes looks like, by the name they give it. */
  readonly pixels = (name: string) => Buffer.from(`pixels of ${name}`);
  /** Milliseconds that an action on the desktop takes before it is answered. */
  actMs = 0;
  readonly blobs = temporaryBlobs();
  private readonly processes = new Set<ChildProcess>();

  private constructor(private readonly nats: TestNats, private readonly folder: string, private readonly truth: RunningService, private readonly upstream: StandInModel, private readonly program: string, private readonly asGateway: NatsBus) {}

  static async start(script: Script, commands: (command: string) => CommandScript): Promise<RunningAgents> {
    const nats = await startNats();
    const folder = mkdtempSync(join(tmpdir(), 'deskhand-agent-'));
    const program = join(root, 'node_modules', '.cache', `deskhand-agent-${process.pid}.mjs`);
    await bundle({ entry: join(root, 'services/agent/src/main.ts'), file: program, root });
    const { service } = await import('../../conversations/src/service.ts');
    const log = process.env.SHOW_LOG ? Log.forService('test', 'info') : new Log();
    const truth = await composeService(service, { bus: await nats.bus('conversations', log), log, databaseUrl: `sqlite:${join(folder, 'conversations.db')}` });
    const upstream = await startModel(script);
    const running = new RunningAgents(nats, folder, truth, upstream, program, await nats.bus('gateway'));
    await running.standIn(commands);
    await running.asGateway.subscribe(livePublished, {}, (delta) => void running.live.push(delta));
    return running;
  }

  /** Starts an agent process and waits until it serves. */
  async agent(instance: string): Promise<ChildProcess> {
    const started = spawn(process.execPath, [this.program], {
      stdio: ['ignore', process.env.SHOW_LOG ? 'inherit' : 'ignore', 'inherit', 'ipc'],
      env: { PATH: process.env.PATH, NATS_URL: this.nats.url, NATS_NKEY_SEED: this.nats.seeds.agent, SERVICE_INSTANCE: instance, LOG_LEVEL: 'info', ...this.blobs.environment },
    });
    this.processes.add(started);
    started.once('exit', () => this.processes.delete(started));
    await new Promise<void>((resolve, reject) => {
      started.once('message', () => resolve());
      started.once('exit', (code) => reject(new Error(`The agent ended with ${code}`)));
    });
    return started;
  }

  async say(content: string, approvalMode: 'auto' | 'ask' = 'auto'): Promise<Started> {
    const userId = newId();
    const { id: conversationId } = await this.asGateway.request(conversations.create, { user_id: userId, approval_mode: approvalMode });
    const { run_id: runId } = await this.asGateway.request(conversations.say, { user_id: userId, conversation_id: conversationId, content, idempotency_key: newId() });
    return { userId, conversationId, runId };
  }

  async events({ userId, conversationId }: Started): Promise<DurableEvent[]> {
    const events: DurableEvent[] = [];
    for (;;) {
      const page = await this.asGateway.request(conversations.read, { user_id: userId, conversation_id: conversationId, after: events.at(-1)?.seq ?? 0 });
      events.push(...page.events);
      if (!page.more) return events;
    }
  }

  /** Waits for an event of the conversation. */
  async event<Type extends DurableEvent['type']>(started: Started, type: Type, timeoutMs = 30_000): Promise<Extract<DurableEvent, { type: Type }>> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const found = (await this.events(started)).find((event) => event.type === type);
      if (found !== undefined) return found as Extract<DurableEvent, { type: Type }>;
      if (Date.now() > until) throw new Error(`There was no ${type} within ${timeoutMs} ms: ${(await this.events(started)).map((event) => event.type).join(', ')}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** What the model was sent. */
  get requests(): readonly ChatBody[] {
    return this.upstream.requests;
  }

  get bus(): NatsBus {
    return this.asGateway;
  }

  async close(): Promise<void> {
    for (const started of this.processes) {
      started.kill('SIGCONT');
      started.kill('SIGKILL');
    }
    this.blobs.close();
    await this.truth.close();
    await this.nats.close();
    this.upstream.server.closeAllConnections();
    this.upstream.server.close();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
    rmSync(this.program, { force: true });
  }

  private async standIn(commands: (command: string) => CommandScript): Promise<void> {
    const models = await this.nats.bus('llm-gateway');
    const { port } = this.upstream.server.address() as { port: number };
    await models.serve(llm.resolve, null, async () => ({ wire: 'openai-chat' as const, base_url: `http://127.0.0.1:${port}`, token: 'dhr_test-token', model: 'm', label: 'test/m', scripted: false, context_window: null }));
    const managers = await this.nats.bus('sandbox-manager');
    await managers.serve(sandbox.start, null, async ({ computer_id }) => {
      if (!this.computers.has(computer_id)) {
        const computer = new FakeComputer((command) => commands(command.argv.at(-1) as string));
        this.computers.set(computer_id, computer);
        await managers.serve(sandbox.run, { computer_id }, async (command) => computer.run(command));
        await managers.serve(sandbox.follow, { computer_id }, async ({ call_id, offset }) => computer.follow(call_id, offset));
        await managers.serve(desktop.act, { computer_id }, async ({ conversation_id, call_id, action }) => {
          const { image, ...view } = await computer.act(call_id, action);
          await new Promise((resolve) => setTimeout(resolve, this.actMs));
          return { ...view, ...(image !== undefined && { image: { ...image, blob: (await this.blobs.store.put(conversation_id, this.pixels(image.blob), image.media_type)).id } }) };
        });
        await managers.serve(sandbox.kill, { computer_id }, async ({ call_id }) => computer.kill(call_id));
      }
      return { computer_id, state: 'ready' as const, started_at: null };
    });
  }
}

interface ChatBody {
  messages: { role: string; content: string | { type: string; text?: string; image_url?: { url: string } }[] | null }[];
}

interface StandInModel {
  server: Server;
  requests: ChatBody[];
}

async function startModel(script: Script): Promise<StandInModel> {
  const requests: ChatBody[] = [];
  const server = createServer((request, response) => void (async () => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const sent = JSON.parse(body) as ChatBody;
    const { messages } = sent;
    requests.push(sent);
    const said = messages.flatMap(({ role, content }) => (role === 'user' && typeof content === 'string' && !content.startsWith('[Notice') ? [content] : [])).at(-1) ?? '';
    const { text = '', calls = [], hangs = false } = script(said, messages.filter((message) => message.role === 'assistant').length);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const send = (delta: object, finish: string | null = null) => response.write(`data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`);
    for (const word of text.match(/\S+\s*/g) ?? []) {
      send({ content: word });
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (hangs) return;
    for (const [index, call] of calls.entries()) send({ tool_calls: [{ index, id: `call_${index}`, type: 'function', function: { name: call.name, arguments: JSON.stringify(call.arguments) } }] });
    send({}, calls.length > 0 ? 'tool_calls' : 'stop');
    response.end('data: [DONE]\n\n');
  })());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, requests };
}
