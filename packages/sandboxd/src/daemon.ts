import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { Calls } from './calls.ts';
import { DesktopSession } from './desktop-session.ts';
import { joinScreen } from './display.ts';
import { Link } from './link.ts';
import { OutcomeStore } from './outcome-store.ts';
import { type CommandRequest, type ControlEvent, type ControlRequests, type ControlVerb, type Hello, type OpenRequest, ProtocolError, protocolVersion } from './protocol.ts';
import { RunnerServer } from './runner-server.ts';

/**
 * The daemon of a computer: serves the control, display and bulk streams in a folder that only its own user can enter,
 * and the runner socket that the tools can reach.
 */
export class Daemon {
  readonly runners: RunnerServer;
  readonly calls: Calls;
  readonly boot: string;
  readonly desktop: DesktopSession;
  #managers = new Set<Link>();

  constructor(private readonly folder: string, runnerSocket: string, private readonly desktopFolder: string) {
    this.boot = readOrMakeBoot(join(folder, 'boot'));
    this.runners = new RunnerServer(runnerSocket, () => this.#tell({ type: 'runner-lost' }), (id, request) => this.#openWanted(id, request));
    this.desktop = new DesktopSession(join(desktopFolder, 'session.sock'), (event) => this.#tell(event));
    this.calls = new Calls(new OutcomeStore(join(folder, 'calls')), {
      start: (start) => this.runners.start(start),
      purge: (reason) => this.#tell({ type: 'purge-wanted', reason }),
    });
    this.runners.calls = this.calls;
  }

  async listen(): Promise<void> {
    await this.runners.listen();
    await this.#serve('display', (socket) => void new Link(socket, 'daemon', { open: (_, channel) => joinScreen(join(this.desktopFolder, 'rfb.sock'), channel) }));
    await this.#serve('bulk', (socket) => void new Link(socket, 'daemon', {}));
    await this.#serve('control', (socket) => this.#control(socket));
  }

  async #serve(name: string, accept: (socket: Socket) => void): Promise<void> {
    const path = join(this.folder, `${name}.sock`);
    rmSync(path, { force: true });
    const server = createServer(accept);
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  }

  #control(socket: Socket): void {
    const link = new Link(socket, 'daemon', {
      request: (verb, body) => this.#answer(verb as ControlVerb, body as never),
      closed: () => this.#managers.delete(link),
    });
    this.#managers.add(link);
    link.hello({ version: protocolVersion, boot: this.boot, runner: this.runners.connected } satisfies Hello);
  }

  async #answer(verb: ControlVerb, body: never): Promise<unknown> {
    const handlers: { [Verb in ControlVerb]: (body: ControlRequests[Verb]['body']) => Promise<ControlRequests[Verb]['answer']> } = {
      run: ({ wait_ms, ...command }) => this.calls.run(command satisfies CommandRequest, wait_ms),
      follow: ({ call_id, offset, wait_ms }) => this.calls.follow(call_id, offset, wait_ms),
      kill: ({ call_id }) => this.calls.kill(call_id),
      contain: async ({ reason }) => ({ calls: this.calls.contain(reason) }),
      purged: async () => {
        this.calls.allLost();
        return {};
      },
      'admit-runner': async ({ secret }) => {
        await this.runners.admit(secret);
        return {};
      },
      desktop: ({ wait_ms }) => this.desktop.status(wait_ms),
      open: async (request) => ({ problem: await this.desktop.open(request) }),
      opened: async ({ id, problem }) => {
        this.runners.opened(id, problem);
        return {};
      },
      status: async () => ({ runner: this.runners.connected, running: this.calls.running, held: this.calls.held }),
    };
    if (!Object.hasOwn(handlers, verb)) throw new ProtocolError('BAD_INPUT', `There is no request ${String(verb)}`);
    return handlers[verb](body);
  }

  #openWanted(id: number, request: OpenRequest): void {
    if (this.#managers.size === 0) this.runners.opened(id, 'Nobody looks after this computer now; try again');
    else this.#tell({ type: 'open-wanted', id, ...request });
  }

  #tell(event: ControlEvent): void {
    for (const manager of this.#managers) manager.event(event);
  }
}

function readOrMakeBoot(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    const boot = randomUUID();
    writeFileSync(file, boot);
    return boot;
  }
}
