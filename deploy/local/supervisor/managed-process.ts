import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { restartDelay, wellAfterMilliseconds } from './back-off.ts';

const readyWithinMilliseconds = 60_000;
const startsBeforeGivingUp = 5;
/** What a service ends with when its environment is unusable: another try cannot help. */
const badEnvironment = 'exit code 78';

export interface ProcessPlan {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly environment: () => Record<string, string>;
  /** `channel`: says `{type: 'ready'}` and drains when told or when the channel closes. `stdin`: ends when a line comes in or its input closes. */
  readonly control: 'channel' | 'stdin';
  /** Resolves when a process without a channel can be used. */
  readonly probe?: () => Promise<void>;
}

export interface ProcessObserver {
  readonly line: (name: string, line: string) => void;
  readonly notice: (text: string) => void;
  readonly changed: () => void;
}

/** One process that is kept running until it is drained. */
export class ManagedProcess {
  private child: ChildProcess | null = null;
  private deathsInARow = 0;
  private wasReady = false;
  private ending = false;
  private recent: string[] = [];
  private settleFirst!: { resolve: () => void; reject: (error: Error) => void };

  /** Settles once: ready for the first time, or given up on before that. */
  readonly firstReady = new Promise<void>((resolve, reject) => {
    this.settleFirst = { resolve, reject };
  });

  constructor(
    private readonly plan: ProcessPlan,
    private readonly observer: ProcessObserver,
  ) {
    this.firstReady.catch(() => {});
  }

  get name(): string {
    return this.plan.name;
  }

  get pid(): number | null {
    return this.child?.pid ?? null;
  }

  start(): void {
    const { program, args, environment, control, name } = this.plan;
    const channel = control === 'channel';
    // A session of its own: a Ctrl-C at the terminal reaches the supervisor only, which then drains in order.
    const child = spawn(program, args, { detached: true, cwd: '/', env: environment(), stdio: [channel ? 'ignore' : 'pipe', 'pipe', 'pipe', ...(channel ? (['ipc'] as const) : [])] });
    this.child = child;
    this.recent = [];
    for (const stream of [child.stdout, child.stderr]) this.follow(stream);
    child.stdin?.on('error', () => {});
    let readyAt: number | null = null;
    const ready = () => {
      if (readyAt !== null) return;
      readyAt = Date.now();
      clearTimeout(limit);
      if (this.deathsInARow > 0) this.observer.notice(`${name} is back`);
      this.wasReady = true;
      this.settleFirst.resolve();
      this.observer.changed();
    };
    const limit = setTimeout(() => {
      this.observer.notice(`${name} was not ready within ${readyWithinMilliseconds / 1000} s`);
      child.kill('SIGKILL');
    }, readyWithinMilliseconds);
    child.on('message', (message: { type?: unknown }) => {
      if (message?.type === 'ready') ready();
    });
    void this.plan.probe?.().then(ready, () => {});
    let gone = false;
    const exited = (reason: string) => {
      if (gone) return;
      gone = true;
      clearTimeout(limit);
      this.child = null;
      if (readyAt !== null && Date.now() - readyAt > wellAfterMilliseconds) this.deathsInARow = 0;
      this.observer.changed();
      if (!this.ending) void this.restart(reason);
    };
    child.on('error', (error) => exited(error.message));
    child.on('exit', (code, signal) => exited(signal ?? `exit code ${code}`));
    this.observer.changed();
  }

  /** Tells the process to finish what it does; resolves true when it has ended, false when the time is over. */
  async drain(withinMilliseconds: number): Promise<boolean> {
    this.ending = true;
    const child = this.child;
    if (!child) return true;
    const ended = new Promise<boolean>((resolve) => child.once('exit', () => resolve(true)));
    if (this.plan.control === 'stdin') child.stdin?.end('stop\n');
    else if (child.connected) child.send({ type: 'drain' }, () => {});
    return Promise.race([ended, sleep(withinMilliseconds, false, { ref: false })]);
  }

  kill(): void {
    this.ending = true;
    if (this.child?.pid) killGroup(this.child.pid);
  }

  private async restart(reason: string): Promise<void> {
    this.deathsInARow += 1;
    if (!this.wasReady && (reason === badEnvironment || this.deathsInARow >= startsBeforeGivingUp)) {
      this.settleFirst.reject(new Error(`${this.name} does not start (${reason}).\n${this.recent.map((line) => `  ${line}`).join('\n')}`));
      return;
    }
    const delay = restartDelay(this.deathsInARow);
    this.observer.notice(`${this.name} died (${reason}); starting it again in ${delay / 1000} s`);
    await sleep(delay);
    if (!this.ending) this.start();
  }

  private follow(stream: Readable | null): void {
    if (!stream) return;
    createInterface({ input: stream, crlfDelay: Infinity }).on('line', (line) => {
      this.recent = [...this.recent.slice(-7), line.slice(0, 400)];
      this.observer.line(this.name, line);
    });
  }
}

// Each process leads a group of its own; the guard of nats-server has its server in it.
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
