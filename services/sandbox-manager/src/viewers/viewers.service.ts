import type { Duplex } from 'node:stream';
import { DeclaredError, desktop, leases } from '@deskhand/contracts';
import { Bus, type Closable, Lifecycle, Log } from '@deskhand/platform';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Computer } from '../computers/computer.ts';
import { ComputersService } from '../computers/computers.service.ts';
import { GrantChecks } from '../computers/grant-checks.ts';
import { ProtocolViolation } from './client-messages.ts';
import { dial } from './dial.ts';
import { greetScreen, greetViewer } from './handshake.ts';
import { LeaseWatch } from './lease-watch.ts';
import { TicketsRepository } from './tickets.repository.ts';
import { WatchedDesktop } from './watched-desktop.ts';

const lookEveryMs = 1_000;
const screenMs = 6_000;
const againMs = 100;

/** People who watch and drive the desktops of the computers here. */
@Injectable()
export class ViewersService implements OnModuleInit {
  #watched = new Map<string, WatchedDesktop>();
  #looking: NodeJS.Timeout | undefined;

  constructor(
    private readonly computers: ComputersService,
    private readonly leaseWatch: LeaseWatch,
    private readonly tickets: TicketsRepository,
    private readonly grants: GrantChecks,
    private readonly bus: Bus,
    private readonly lifecycle: Lifecycle,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    if (this.#looking) return;
    this.computers.lease = (id) => this.leaseWatch.current(id);
    this.computers.alsoServe((computer, assertHere) => this.#serve(computer, assertHere));
    this.leaseWatch.onChange((id, lease) => this.#watched.get(id)?.turned(lease));
    this.#looking = setInterval(() => void this.#look(), lookEveryMs);
    this.lifecycle.onDrain(30, async () => {
      clearInterval(this.#looking);
      for (const watched of this.#watched.values()) watched.close();
    });
  }

  /** What is served for a computer as long as it is looked after here. */
  async #serve(computer: Computer, assertHere: () => Promise<void>): Promise<Closable[]> {
    const { id } = computer.view;
    const watched = new WatchedDesktop(() => this.leaseWatch.current(id), Date.now, (pointer) => computer.desktop.screen.pointerAt(pointer));
    this.#watched.set(id, watched);
    const served = [
      await this.bus.serve(desktop.watch, { computer_id: id }, async ({ ticket, host, port, token }) => {
        await assertHere();
        await this.#watch(computer, watched, ticket, () => dial(host, port, token));
        return {};
      }),
      await this.bus.serve(desktop.driven, { computer_id: id }, async ({ epoch }) => {
        const summary = watched.summary(epoch);
        if (summary === null) throw new DeclaredError('NOT_FOUND', 'Nothing is known of this turn');
        return summary;
      }),
    ];
    // Not waited for: a computer is of use before it is known who drives it, and until then nobody does.
    void this.leaseWatch.begin(id);
    const end = async (): Promise<void> => {
      watched.close();
      if (this.#watched.get(id) !== watched) return;
      this.#watched.delete(id);
      this.leaseWatch.end(id);
    };
    return [...served, { close: end }];
  }

  async #watch(computer: Computer, watched: WatchedDesktop, ticket: string, connect: () => ReturnType<typeof dial>): Promise<void> {
    const { id } = computer.view;
    const claims = await this.grants.check(ticket, id, 'desktop:view');
    if (claims.jti === undefined) throw new DeclaredError('FORBIDDEN', 'This is no ticket');
    await this.tickets.use(claims.jti, claims.exp * 1_000);
    const screen = await this.#screenOf(computer);
    const viewer = await connect().catch((error: unknown) => {
      screen.destroy();
      throw error;
    });
    // Answered before the viewer has greeted: it can only do so when it is let in.
    greetViewer(viewer).then(() => watched.join(claims, viewer, screen, (reason) => this.#left(id, reason)), (error: Error) => {
      viewer.destroy();
      screen.destroy();
      this.#left(id, error);
    });
  }

  /** A connection to the screen whose greeting is done. One that is just being started again is waited for. */
  async #screenOf(computer: Computer): Promise<Duplex> {
    for (const limit = Date.now() + screenMs; ; await new Promise((resolve) => setTimeout(resolve, againMs))) {
      const screen = await computer.desktop.connect();
      try {
        screen.on('error', () => screen.destroy());
        await greetScreen(screen);
        return screen;
      } catch (error) {
        screen.destroy();
        if (Date.now() > limit) throw new DeclaredError('UNAVAILABLE', `The desktop does not answer: ${(error as Error).message}`, undefined, { cause: error });
      }
    }
  }

  #left(computer: string, reason: Error | null): void {
    if (reason instanceof ProtocolViolation) this.log.warn('A viewer of a desktop broke the rules', { computer, reason: reason.message });
  }

  /** Ends turns that nobody uses any more. */
  async #look(): Promise<void> {
    for (const [id, watched] of this.#watched) {
      const over = watched.over();
      if (over === null) continue;
      await this.bus.request(leases.end, { computer_id: id, ...over }).catch((error: unknown) => this.log.warn('A turn at a desktop could not be ended', { computer: id, error }));
    }
  }
}
