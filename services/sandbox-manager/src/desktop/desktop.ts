import { DeclaredError } from '@deskhand/contracts';
import type { Log } from '@deskhand/platform';
import type { OpenRequest } from '@deskhand/sandboxd';
import type { Duplex } from 'node:stream';
import type { Session, SessionEvent } from '../computers/session.ts';
import type { Engine } from '../containers/engine.ts';
import { CallLog } from '../computers/call-log.ts';
import { Acts } from './acts.ts';
import { Happenings } from './happenings.ts';
import { Screen } from './screen.ts';

export interface DesktopParts {
  /** Of the computer. */
  id: string;
  engine: Engine;
  log: Log;
  /** Where it is noted what was done to the screen. */
  noteFile: string;
  /** Does something with a computer that runs, woken if it sleeps; `UNAVAILABLE` when it has to be started first. */
  use<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** Tells people what goes on; null when nothing does any more. */
  step(step: string | null): Promise<void>;
  /** Whether a person drives it now. */
  driven(): boolean;
}

const startLimitMs = 10_000;
const lookAgainMs = 300;
const settlesMs = 250;
/** Programs that are started again at once; nobody is the poorer. */
const keptUp: ReadonlySet<string> = new Set(['openbox', 'tint2']);
const slowestLookMs = 10_000;

/**
 * The desktop of one computer: started when it is first needed, brought back when it dies. It lives as long as the
 * container runs; a paused one sleeps with it, a stopped one is gone.
 */
export class Desktop {
  readonly happenings = new Happenings();
  /** The screen as this manager sees and touches it. */
  readonly screen = new Screen(() => this.open());
  readonly acts: Acts;
  #starting: Promise<void> | null = null;
  /** The session in which it was started, or found running. */
  #wantedIn: Session | null = null;
  #up = false;
  #starts = 0;
  #watchers = 0;
  #restarted = new Set<() => void>();

  constructor(private readonly parts: DesktopParts) {
    this.acts = new Acts({ screen: this.screen, happenings: this.happenings, begun: new CallLog(parts.noteFile), driven: () => parts.driven(), log: parts.log });
  }

  /** Connections of people who watch. */
  get watchers(): number {
    return this.#watchers;
  }

  /** A new connection to the screen for somebody who watches; it speaks RFB. The desktop is started if it must be. */
  async connect(): Promise<Duplex> {
    const stream = await this.open();
    this.#watchers++;
    return stream.once('close', () => this.#watchers--);
  }

  /** The same for the manager itself: nobody watches. */
  open(): Promise<Duplex> {
    return this.parts.use(async (session) => {
      await this.#bringUp(session);
      return session.display.connect();
    });
  }

  /** Calls whenever the screen is there again after it was lost: connections to the old one are over. */
  onRestart(listener: () => void): () => void {
    this.#restarted.add(listener);
    return () => this.#restarted.delete(listener);
  }

  /** From the computer: what its daemon tells. */
  hear(session: Session, event: SessionEvent): void {
    if (event.type === 'desktop') this.#changed(event.up, event.starts);
    else if (event.type === 'program-ended') this.#programEnded(event.program, event.exit_code, event.signal);
    else if (event.type === 'open-wanted') this.#openWanted(session, event.id, { folder: event.folder, argv: event.argv }).catch(() => undefined);
    // What was told while nobody listened is asked for.
    else if (event.type === 'linked' && this.#wantedIn === session) this.#lookAgain(session, 0);
  }

  /** Its screen is up when this resolves. Asked each time: only the session itself knows. */
  async #bringUp(session: Session): Promise<void> {
    const { up, starts } = await session.request('desktop', { wait_ms: 0 });
    if (up) return this.#found(session, starts);
    this.#starting ??= this.#start(session).finally(() => (this.#starting = null));
    await this.#starting;
  }

  async #start(session: Session): Promise<void> {
    await this.#tell(this.#wantedIn === session ? 'Starting the desktop again' : 'Starting the desktop');
    try {
      const found = await session.request('desktop', { wait_ms: 0 });
      if (!found.session) await this.parts.engine.launch(session.containerId, 'desktop', ['/opt/deskhand/bin/deskhand-desktop']);
      const { up, starts } = await session.request('desktop', { wait_ms: startLimitMs }, startLimitMs);
      if (!up) throw new DeclaredError('UNAVAILABLE', 'The desktop of this computer did not start; try again');
      this.#found(session, starts);
    } finally {
      await this.#tell(null);
    }
  }

  #found(session: Session, starts: number): void {
    if (this.#wantedIn === session) return this.#changed(true, starts);
    if (this.#wantedIn) this.happenings.add('The computer was stopped: its desktop started anew, and programs that were open are closed.');
    this.#wantedIn = session;
    this.#up = true;
    this.#starts = starts;
  }

  #changed(up: boolean, starts: number): void {
    const before = this.#up;
    const same = up === before && (!up || starts === this.#starts);
    this.#up = up;
    this.#starts = starts;
    const session = this.#wantedIn;
    if (!session || same) return;
    if (up) {
      this.parts.log.warn('The desktop of a computer was started again', { computer: this.parts.id });
      this.happenings.add('The desktop had to be started again; programs that were open are closed.');
      void this.#tell(null);
      for (const listener of this.#restarted) listener();
    } else {
      void this.#tell('Starting the desktop again');
      this.#lookAgain(session, lookAgainMs);
    }
  }

  /** Its session starts the screen again; when the session itself is gone, a new one has to be started. */
  #lookAgain(session: Session, pauseMs: number): void {
    setTimeout(() => {
      if (this.#wantedIn !== session || session.over) return;
      this.#bringUp(session).catch((error: unknown) => {
        this.parts.log.warn('The desktop of a computer does not come back', { computer: this.parts.id, error });
        this.#lookAgain(session, Math.min(pauseMs * 2, slowestLookMs));
      });
    }, pauseMs).unref();
  }

  #programEnded(program: string, code: number | null, signal: number | null): void {
    if (code === 0) return;
    const how = signal === null ? `with code ${code}` : `by signal ${signal}`;
    this.parts.log.info('A program of a desktop ended', { computer: this.parts.id, program, how });
    if (keptUp.has(program)) return;
    // Programs that lose their screen may end a moment before it: that is told as one thing.
    const starts = this.#starts;
    setTimeout(() => {
      if (this.#up && this.#starts === starts) this.happenings.add(`${program} ended unexpectedly, ${how}.`);
    }, settlesMs).unref();
  }

  /** A tool wants something shown. While a person drives nothing opens under their hands. */
  async #openWanted(session: Session, id: number, request: OpenRequest): Promise<void> {
    let problem: string | null;
    try {
      problem = this.parts.driven() ? 'A person drives the desktop now; try again later' : await this.#openOn(request);
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    await session.request('opened', { id, problem });
  }

  #openOn(request: OpenRequest): Promise<string | null> {
    return this.parts.use(async (session) => {
      await this.#bringUp(session);
      return (await session.request('open', request)).problem;
    });
  }

  async #tell(step: string | null): Promise<void> {
    await this.parts.step(step).catch((error: unknown) => this.parts.log.warn('The state of a desktop could not be told', { computer: this.parts.id, error }));
  }
}
