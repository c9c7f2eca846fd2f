import { type CommandView, DeclaredError, type DesktopLease, type DesktopView } from '@deskhand/contracts';
import type { Log } from '@deskhand/platform';
import { ProtocolError } from '@deskhand/sandboxd';
import { join } from 'node:path';
import { computerLimits, managerConfig } from '../manager-config.ts';
import type { Engine } from '../containers/engine.ts';
import type { ComputerRow } from '../database/entities.ts';
import type { Workspaces } from '../workspaces/workspaces.ts';
import type { Acts } from '../desktop/acts.ts';
import { Desktop } from '../desktop/desktop.ts';
import { CallLog } from './call-log.ts';
import { type ComputerChange, type ComputersRepository, ComputerTaken } from './computers.repository.ts';
import { Session, SessionLost } from './session.ts';

export interface ComputerParts {
  engine: Engine;
  repository: ComputersRepository;
  workspaces: Workspaces;
  log: Log;
  /** Who drives the desktop of a computer now. */
  lease: (computerId: string) => DesktopLease | null;
  /** Id of the engine here. */
  host: () => string | null;
}

export interface CommandInput {
  call_id: string;
  argv: string[];
  stdin?: string;
  cwd?: string;
  environment?: Record<string, string>;
  timeout_ms: number;
  output_limit: number;
  descendants: 'keep' | 'kill';
}

const killLimitMs = 2_800;
const usedEveryMs = 30_000;

/**
 * One computer: its container, its control stream and its lifecycle. Lifecycle changes are done one after the other;
 * commands run beside them and wait for a computer that wakes.
 */
export class Computer {
  /** When somebody last did something with it, by this process's clock. */
  lastUsedAt: number;
  readonly desktop: Desktop;
  #session: Session | null = null;
  #queue: Promise<unknown> = Promise.resolve();
  #starting: Promise<void> | null = null;
  #using = 0;
  #savedUse: number;
  #calls: CallLog;
  #released = false;

  constructor(private row: ComputerRow, private readonly parts: ComputerParts) {
    this.lastUsedAt = this.#savedUse = row.lastUsedAt;
    this.#calls = new CallLog(join(parts.workspaces.folder(row.id), 'calls'));
    this.desktop = new Desktop({
      id: row.id, engine: parts.engine, log: parts.log, noteFile: join(parts.workspaces.folder(row.id), 'acts'),
      use: (work) => this.#use(async () => work(await this.#awake())),
      step: (step) => this.#tellStep(step),
      driven: () => parts.lease(row.id) !== null,
    });
  }

  get view(): Readonly<ComputerRow> {
    return this.row;
  }

  /** Whether a request is being answered right now. */
  get inUse(): boolean {
    return this.#using > 0;
  }

  /** Makes, wakes or starts it; resolves when it takes commands. Those who ask together get one start. */
  start(): Promise<void> {
    this.#used();
    if (this.row.state === 'ready' && this.#session && !this.#session.over) return Promise.resolve();
    this.#starting ??= this.#exclusive(() => this.#bringUp()).finally(() => (this.#starting = null));
    return this.#starting;
  }

  /** Takes over a container that an earlier manager left, in whatever state it is. */
  adopt(containerId: string): Promise<void> {
    return this.#exclusive(async () => {
      if (this.row.containerId !== containerId) await this.#change({ state: 'starting', step: 'Preparing computer: connecting', containerId });
      await this.#bringUp();
    });
  }

  async run(command: CommandInput, waitMs: number): Promise<CommandView> {
    return this.#use(async () => {
      const session = await this.#awake();
      if (!this.#calls.admit(command.call_id, session.boot)) return unknown(0);
      try {
        return await session.request('run', { ...command, wait_ms: waitMs });
      } catch (error) {
        // Released means that the computer goes on elsewhere, and there the call is known.
        if (error instanceof SessionLost && !this.#released) return unknown(0);
        throw declared(error);
      }
    });
  }

  async follow(callId: string, offset: number, waitMs: number): Promise<CommandView> {
    return this.#use(async () => {
      const session = await this.#awake();
      try {
        return await session.request('follow', { call_id: callId, offset, wait_ms: waitMs });
      } catch (error) {
        throw declared(error);
      }
    });
  }

  /** Does one thing to its desktop, once. */
  act(act: Parameters<Acts['act']>[0]): Promise<DesktopView> {
    return this.#use(async () => {
      await this.#awake();
      return this.desktop.acts.act(act);
    });
  }

  /** Kills all of a call. What nothing can kill ends with the container, which is then started anew. */
  async kill(callId: string): Promise<{ gone: boolean }> {
    if (this.desktop.acts.cancel(callId)) return { gone: true };
    return this.#use(async () => {
      if (this.row.state === 'stopped' || this.row.state === 'none' || this.row.state === 'failed') return { gone: true };
      const killed = this.#awake().then((session) => session.request('kill', { call_id: callId }, killLimitMs));
      const { gone } = await Promise.race([killed, later(killLimitMs, { gone: false })]).catch(() => ({ gone: false }));
      if (gone) return { gone };
      if (this.#released) throw new ComputerTaken();
      this.parts.log.warn('A command could not be killed; its computer is started anew', { computer: this.row.id, call: callId });
      await this.restart();
      return { gone: true };
    });
  }

  /** Ends all running commands for a reason that their outcomes name. */
  async contain(reason: string): Promise<void> {
    await this.#session?.request('contain', { reason });
  }

  /** How many commands run; null when it cannot be asked. */
  async running(): Promise<number | null> {
    const asked = this.#session?.request('status', {}, 1_000).then(({ running }) => running);
    return Promise.race([asked ?? Promise.resolve(null), later(1_000, null)]).catch(() => null);
  }

  pause(unlessUsedSince: number): Promise<void> {
    return this.#exclusive(async () => {
      if (this.row.state !== 'ready' || this.inUse || this.lastUsedAt > unlessUsedSince || this.row.containerId === null) return;
      await this.#change({ state: 'paused' });
      this.#session?.suspend(true);
      await this.parts.engine.pause(this.row.containerId);
    });
  }

  /** Ends everything that runs in it. Workspace and home stay. */
  stop(unlessUsedSince = Number.POSITIVE_INFINITY): Promise<void> {
    return this.#exclusive(async () => {
      if (this.inUse && unlessUsedSince !== Number.POSITIVE_INFINITY) return;
      if (this.lastUsedAt > unlessUsedSince) return;
      await this.#takeDown();
    });
  }

  restart(): Promise<void> {
    return this.#exclusive(async () => {
      await this.#takeDown();
      await this.#bringUp();
    });
  }

  /** Removes its container and its files. */
  remove(): Promise<void> {
    return this.#exclusive(async () => {
      this.#session?.close('The computer was removed');
      this.#session = null;
      await this.parts.repository.assertHeld(this.row);
      if (this.row.containerId !== null) await this.parts.engine.remove(this.row.containerId);
      await this.parts.workspaces.remove(this.row.id);
      await this.parts.repository.remove(this.row);
    });
  }

  /** Lets go of it for good; its container goes on for the next manager. */
  release(): void {
    this.#released = true;
    this.#session?.close('The manager ends');
    this.#session = null;
  }

  async #bringUp(): Promise<void> {
    if (this.#released) throw new ComputerTaken();
    if (this.#session && !this.#session.over && this.row.state === 'ready') return;
    try {
      await this.parts.engine.check();
      const found = this.row.containerId;
      let containerId = await this.#liveContainer();
      if (!this.#session || this.#session.over) {
        try {
          this.#session = await this.#connect(containerId);
        } catch (error) {
          // An old container that runs and cannot be talked to is of no use; a new one has the same files.
          if (error instanceof DeclaredError || containerId !== found) throw error;
          await this.parts.repository.assertHeld(this.row);
          this.parts.log.warn('A computer does not answer and is made anew', { computer: this.row.id, container: containerId, error });
          await this.parts.engine.remove(containerId);
          containerId = await this.#liveContainer();
          this.#session = await this.#connect(containerId);
        }
      }
      this.#session.suspend(false);
      if (this.row.state !== 'ready') await this.#change({ state: 'ready', containerId });
    } catch (error) {
      const problem = declared(error);
      if (!(problem instanceof ComputerTaken)) await this.#change({ state: 'failed', error: problem.message });
      throw problem;
    }
  }

  #connect(containerId: string): Promise<Session> {
    return Session.open(this.parts.engine, containerId, this.parts.log, (reason) => void this.#lost(reason, containerId), (session, event) => this.desktop.hear(session, event));
  }

  /** The id of a container that runs: the one there is, woken if it sleeps, or a new one. */
  async #liveContainer(): Promise<string> {
    const { containerId } = this.row;
    const status = containerId === null ? 'missing' : await this.parts.engine.status(containerId);
    if (containerId !== null && status === 'running') return containerId;
    if (containerId !== null && status === 'paused') {
      await this.parts.engine.unpause(containerId);
      return containerId;
    }
    this.#session?.close();
    this.#session = null;
    await this.parts.repository.assertHeld(this.row);
    if (containerId !== null) await this.parts.engine.remove(containerId);
    const image = managerConfig.value.SANDBOX_IMAGE;
    if (!image) throw new DeclaredError('UNAVAILABLE', 'There is no image for computers. Build it with npm run build, or set DESKHAND_SANDBOX_IMAGE.');
    await this.#change({ state: 'starting', step: 'Preparing computer: workspace', containerId: null, host: this.parts.host() });
    const folders = await this.parts.workspaces.prepare(this.row.id);
    await this.#change({ state: 'starting', step: 'Preparing computer: creating container' });
    const created = await this.parts.engine.create({
      computerId: this.row.id, installationId: managerConfig.value.INSTALLATION_ID, image, runtime: managerConfig.value.SANDBOX_RUNTIME, ...folders, limits: computerLimits,
    }, () => this.parts.repository.assertHeld(this.row));
    await this.#change({ state: 'starting', step: 'Preparing computer: connecting', containerId: created });
    return created;
  }

  async #takeDown(): Promise<void> {
    const { containerId, state } = this.row;
    if (containerId === null && (state === 'stopped' || state === 'none')) return;
    await this.#change({ state: 'stopping' });
    this.#session?.close();
    this.#session = null;
    try {
      if (containerId !== null) await this.parts.engine.remove(containerId);
    } catch (error) {
      await this.#change({ state: 'failed', error: (error as Error).message });
      throw error;
    }
    await this.#change({ state: 'stopped', containerId: null });
  }

  /** Its container ended without our doing. */
  #lost(reason: string, containerId: string): Promise<void> {
    return this.#exclusive(async () => {
      if (this.row.containerId !== containerId || !this.#session?.over) return;
      await this.parts.repository.assertHeld(this.row);
      this.parts.log.warn('A computer was lost', { computer: this.row.id, container: containerId, reason });
      const memory = await this.parts.engine.ranOutOfMemory(containerId).catch(() => false);
      await this.parts.engine.remove(containerId).catch(() => undefined);
      this.#session = null;
      await this.#change({ state: 'stopped', containerId: null, error: `${memory ? 'The computer ran out of memory and was ended' : reason}. Its files are kept; it is started again when it is needed.` });
    }).catch((error: unknown) => this.parts.log.error('A lost computer could not be put away', { computer: this.row.id, error }));
  }

  /** Tells what goes on in a computer that runs; null when nothing does any more. */
  async #tellStep(step: string | null): Promise<void> {
    if (this.row.state === 'ready') await this.#change({ state: 'ready', ...(step !== null && { step }) });
  }

  /** The session of a computer that runs, woken if it was paused. `UNAVAILABLE` when it has to be started first. */
  async #awake(): Promise<Session> {
    if (this.row.state !== 'ready' && this.row.state !== 'paused' && !this.#starting) {
      // A change that is under way may end in a running computer.
      await this.#exclusive(async () => undefined);
    }
    if (this.row.state === 'paused' || this.#starting || (this.row.state === 'ready' && !this.#session)) await this.start();
    if (this.row.state !== 'ready' || !this.#session) throw new DeclaredError('UNAVAILABLE', this.row.error ?? 'The computer is not running; start it first');
    return this.#session;
  }

  async #use<T>(work: () => Promise<T>): Promise<T> {
    this.#using++;
    this.#used();
    try {
      return await work();
    } finally {
      this.#using--;
      this.#used();
    }
  }

  #used(): void {
    this.lastUsedAt = Date.now();
    if (this.lastUsedAt - this.#savedUse < usedEveryMs) return;
    this.#savedUse = this.lastUsedAt;
    this.parts.repository.used(this.row.id, this.lastUsedAt).catch((error: unknown) => this.parts.log.warn('The use of a computer could not be noted', { computer: this.row.id, error }));
  }

  async #change(change: ComputerChange): Promise<void> {
    this.row = (await this.parts.repository.change(this.row, change)) ?? { ...this.row, ...change, step: change.step ?? null, error: change.error ?? null };
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work, work);
    this.#queue = done.catch(() => undefined);
    return done;
  }
}

const unknown = (offset: number): CommandView => ({ state: 'unknown', offset, text: '' });

function declared(error: unknown): DeclaredError {
  if (error instanceof DeclaredError) return error;
  if (error instanceof ProtocolError && error.code !== 'INTERNAL') return new DeclaredError(error.code, error.message, undefined, { cause: error });
  return new DeclaredError('UNAVAILABLE', error instanceof Error ? error.message : String(error), undefined, { cause: error });
}

function later<T>(ms: number, value: T): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(value), ms).unref());
}

