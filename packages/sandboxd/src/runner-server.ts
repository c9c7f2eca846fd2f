import { timingSafeEqual } from 'node:crypto';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { type Calls, runnerMissing } from './calls.ts';
import { encodeOpened, encodeStart, killFrame, type NativeFrame, NativeReader, type Start } from './native-wire.ts';
import type { OpenRequest } from './protocol.ts';

const introductionMs = 2_000;
const runnerReturnsMs = 5_000;
const strangersAllowed = 64;
const openingsAllowed = 16;
const openingMs = 25_000;

/**
 * The one socket that the tools can reach. A connection is nobody until it shows the secret of a runner that a manager
 * announced, or the token of a call that this daemon ordered; it has two seconds for that. A nobody may ask one thing:
 * to have something shown on the desktop.
 */
export class RunnerServer {
  calls!: Calls;
  #server: Server;
  #secrets = new Set<string>();
  #runner: Socket | null = null;
  #runnerWaiters = new Set<() => void>();
  #strangers = new Set<Socket>();
  #openings = new Map<number, (problem: string | null) => void>();
  #nextOpening = 1;

  constructor(private readonly path: string, private readonly onRunnerLost: () => void, private readonly onOpenWanted: (id: number, request: OpenRequest) => void) {
    this.#server = createServer((socket) => this.#greet(socket));
  }

  async listen(): Promise<void> {
    rmSync(this.path, { force: true });
    await new Promise<void>((resolve, reject) => this.#server.once('error', reject).listen(this.path, resolve));
    chmodSync(this.path, 0o666);
  }

  get connected(): boolean {
    return this.#runner !== null;
  }

  /** Lets one runner in that shows this secret; resolves when it is connected, rejects when it does not come. */
  async admit(secret: string): Promise<void> {
    this.#secrets.add(secret);
    const limit = performance.now() + runnerReturnsMs;
    while (this.#secrets.has(secret) && performance.now() < limit) await this.#runnerChange(limit - performance.now());
    if (this.#secrets.delete(secret) || !this.#runner) throw runnerMissing();
  }

  /** Answers what `onOpenWanted` told. */
  opened(id: number, problem: string | null): void {
    this.#openings.get(id)?.(problem);
  }

  async start(start: Start): Promise<void> {
    const limit = performance.now() + runnerReturnsMs;
    while (!this.#runner && performance.now() < limit) await this.#runnerChange(limit - performance.now());
    if (!this.#runner) throw runnerMissing();
    this.#runner.write(encodeStart(start));
  }

  #runnerChange(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#runnerWaiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, Math.max(1, ms));
      this.#runnerWaiters.add(done);
    });
  }

  #greet(socket: Socket): void {
    const reader = new NativeReader();
    let receive: ((frame: NativeFrame) => void) | null = null;
    // A crowd of strangers pushes out its oldest, never one of ours.
    if (this.#strangers.size >= strangersAllowed) this.#strangers.values().next().value?.destroy();
    this.#strangers.add(socket);
    const impatience = setTimeout(() => socket.destroy(), introductionMs);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(impatience);
      this.#strangers.delete(socket);
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) {
          if (receive) {
            receive(frame);
            continue;
          }
          receive = frame.type === 'open-wanted' ? this.#askToOpen(socket, frame.request) : this.#introduce(socket, frame);
          if (!receive) return void socket.destroy();
          clearTimeout(impatience);
          this.#strangers.delete(socket);
        }
      } catch {
        socket.destroy();
      }
    });
  }

  #askToOpen(socket: Socket, request: OpenRequest): (frame: NativeFrame) => void {
    const id = this.#nextOpening++;
    const done = (problem: string | null): void => {
      clearTimeout(impatience);
      this.#openings.delete(id);
      socket.end(encodeOpened(problem));
    };
    const impatience = setTimeout(() => done('The desktop does not answer'), openingMs);
    if (this.#openings.size >= openingsAllowed) done('Too much is being opened at once');
    else {
      this.#openings.set(id, done);
      this.onOpenWanted(id, request);
    }
    return () => socket.destroy();
  }

  #introduce(socket: Socket, frame: NativeFrame): ((frame: NativeFrame) => void) | null {
    if (frame.type === 'runner') return this.#takeRunner(socket, frame.secret);
    if (frame.type !== 'holder') return null;
    const { token } = frame;
    const receive = this.calls.attach(token, () => socket.write(killFrame));
    if (receive) socket.on('close', () => this.calls.detach(token));
    return receive;
  }

  #takeRunner(socket: Socket, shown: string): ((frame: NativeFrame) => void) | null {
    const secret = [...this.#secrets].find((one) => one.length === shown.length && timingSafeEqual(Buffer.from(one), Buffer.from(shown)));
    if (secret === undefined) return null;
    this.#secrets.delete(secret);
    this.#runner?.destroy();
    this.#runner = socket;
    socket.on('close', () => {
      if (this.#runner !== socket) return;
      this.#runner = null;
      this.onRunnerLost();
    });
    for (const wake of this.#runnerWaiters) wake();
    return (frame) => {
      if (frame.type === 'fork-failed') this.calls.forkFailed(frame.token, frame.error);
      else if (frame.type === 'holder-died') this.calls.lost(frame.token);
    };
  }
}
