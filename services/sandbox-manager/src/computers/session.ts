import { type ControlEvent, type ControlRequests, type ControlVerb, type Hello, Link, ProtocolError, protocolVersion, secretLength } from '@deskhand/sandboxd';
import type { Log } from '@deskhand/platform';
import { randomBytes } from 'node:crypto';
import type { Engine } from '../containers/engine.ts';
import { DisplayLink } from '../desktop/display-link.ts';

const bin = '/opt/deskhand/bin';
const greetingMs = 8_000;
const runnerPauseMs = 100;

/** What the daemon tells of its desktop; `linked` when its stream is there, first or again. */
export type SessionEvent = ControlEvent | { type: 'linked' };

/** The container is gone, so nothing can be asked of its daemon any more. */
export class SessionLost extends Error {
  override readonly name = 'SessionLost';
}

/**
 * The control stream of one running container, kept open: a broken stream is opened again, a runner that died is started
 * again, and what the tools could not be made to end is ended from outside. Over when the container is.
 */
export class Session {
  readonly display: DisplayLink;
  #link: Link | null = null;
  #hello: Hello | null = null;
  #ended: SessionLost | null = null;
  #linkWaiters = new Set<() => void>();
  #upkeep: Promise<void> = Promise.resolve();
  #purging = false;
  #suspended = false;

  private constructor(
    private readonly engine: Engine,
    readonly containerId: string,
    private readonly log: Log,
    private readonly onLost: (reason: string) => void,
    private readonly onEvent: (session: Session, event: SessionEvent) => void,
  ) {
    this.display = new DisplayLink(engine, containerId);
  }

  /** Resolves when commands can be run. Rejects when the container does not become usable. */
  static async open(engine: Engine, containerId: string, log: Log, onLost: (reason: string) => void, onEvent: (session: Session, event: SessionEvent) => void = () => undefined): Promise<Session> {
    const session = new Session(engine, containerId, log, onLost, onEvent);
    try {
      await session.#dial();
      await session.#upkeep;
    } catch (error) {
      session.close();
      throw error;
    }
    return session;
  }

  /** New with every start of the container. */
  get boot(): string {
    return this.#hello!.boot;
  }

  get over(): boolean {
    return this.#ended !== null;
  }

  /**
   * Asks the daemon, over a new stream when the old one breaks meanwhile: every request may be repeated. Rejects with
   * `SessionLost` once the container is gone, and after `limitMs` without a stream.
   */
  async request<Verb extends ControlVerb>(verb: Verb, body: ControlRequests[Verb]['body'], limitMs = 5_000): Promise<ControlRequests[Verb]['answer']> {
    const { boot } = this;
    for (let limit = Date.now() + limitMs; ; limit = Date.now() + limitMs) {
      const link = await this.#openLink(limit);
      if (this.boot !== boot) throw new SessionLost('The computer was started anew');
      try {
        return (await link.request(verb, body)) as ControlRequests[Verb]['answer'];
      } catch (error) {
        if (error instanceof ProtocolError) throw error;
      }
    }
  }

  /** While the container is paused its silence means nothing. */
  suspend(suspended: boolean): void {
    this.#suspended = suspended;
    this.#link?.suspend(suspended);
    this.display.suspend(suspended);
  }

  close(reason = 'The computer was stopped'): void {
    if (this.#ended) return;
    this.#ended = new SessionLost(reason);
    this.#link?.close(this.#ended);
    this.display.close();
    this.#wake();
  }

  /** Ends all processes of the tools' user by a process from outside. False when some survived. */
  async purge(): Promise<boolean> {
    if (this.#purging) return true;
    this.#purging = true;
    try {
      const code = await this.engine.run(this.containerId, 'agent', [`${bin}/deskhand-kill`]);
      await this.request('purged', {});
      return code === 0;
    } finally {
      this.#purging = false;
    }
  }

  async #openLink(limit: number): Promise<Link> {
    while (!this.#link || this.#link.closed) {
      if (this.#ended) throw this.#ended;
      if (Date.now() >= limit) throw new SessionLost('The computer does not answer');
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.#linkWaiters.delete(done);
          resolve();
        };
        const timer = setTimeout(done, Math.max(1, limit - Date.now()));
        this.#linkWaiters.add(done);
      });
    }
    return this.#link;
  }

  async #dial(): Promise<void> {
    const stream = await this.engine.stream(this.containerId, 'sandboxd', [`${bin}/deskhand-bridge`, 'control']);
    await new Promise<void>((resolve, reject) => {
      const impatience = setTimeout(() => link.close(new Error('The daemon of the computer did not answer')), greetingMs);
      const link = new Link(stream, 'dialler', {
        hello: (body) => {
          clearTimeout(impatience);
          const hello = body as Hello;
          if (hello.version !== protocolVersion) return link.close(new Error(`The computer speaks version ${hello.version} of the protocol`));
          this.#link = link;
          this.#hello = hello;
          link.suspend(this.#suspended);
          if (!hello.runner) this.#keepUp(() => this.#startRunner(link));
          this.#wake();
          this.onEvent(this, { type: 'linked' });
          resolve();
        },
        event: (body) => this.#hear(body as ControlEvent),
        closed: (reason) => {
          clearTimeout(impatience);
          reject(reason);
          if (this.#link === link) void this.#redial(reason);
        },
      });
    });
  }

  async #redial(reason: Error): Promise<void> {
    this.#link = null;
    for (let pause = 50; !this.#ended; pause = Math.min(pause * 2, 1_000)) {
      try {
        const status = await this.engine.status(this.containerId);
        if (status === 'exited' || status === 'missing') return this.#lose(status === 'missing' ? 'The container of the computer was removed' : 'The container of the computer ended');
        if (status === 'running') return await this.#dial();
      } catch (error) {
        this.log.warn('The control stream of a computer is broken', { container: this.containerId, error, first: reason });
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  #lose(reason: string): void {
    if (this.#ended) return;
    this.close(reason);
    this.onLost(reason);
  }

  #hear(event: ControlEvent): void {
    const link = this.#link;
    if (event.type === 'runner-lost' && link) this.#keepUp(() => this.#startRunner(link));
    else if (event.type === 'purge-wanted') {
      this.log.warn('A computer needs its tools ended from outside', { container: this.containerId, reason: event.reason });
      this.#keepUp(async () => void (await this.purge()));
    } else this.onEvent(this, event);
  }

  /** One after the other: a runner that was started while a purge runs would be its victim. */
  #keepUp(work: () => Promise<void>): void {
    this.#upkeep = this.#upkeep.then(work).catch((error: unknown) => {
      if (!this.#ended) this.log.warn('A computer could not be kept up', { container: this.containerId, error });
    });
  }

  /** Tries once, and again later when it did not work: a purge that waits behind it may be what it needs. */
  async #startRunner(link: Link, failures = 0): Promise<void> {
    if (link.closed) return;
    const { runner } = (await link.request('status', {})) as ControlRequests['status']['answer'];
    if (runner) return;
    const secret = randomBytes(secretLength / 2).toString('hex');
    const admitted = link.request('admit-runner', { secret });
    try {
      const stream = await this.engine.stream(this.containerId, 'agent', [`${bin}/deskhand-runner`]);
      stream.on('error', () => undefined).resume();
      stream.write(secret);
      await admitted;
    } catch (error) {
      admitted.catch(() => undefined);
      this.log.warn('The tool runner of a computer did not start', { container: this.containerId, error });
      setTimeout(() => this.#keepUp(() => this.#startRunner(link, failures + 1)), runnerPauseMs * 2 ** Math.min(failures, 5)).unref();
    }
  }

  #wake(): void {
    for (const wake of this.#linkWaiters) wake();
  }
}
