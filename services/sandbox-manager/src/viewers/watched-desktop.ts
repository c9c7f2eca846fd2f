import type { DesktopLease, DrivenSummary, GrantClaims } from '@deskhand/contracts';
import type { Duplex } from 'node:stream';
import { Driving } from './driving.ts';
import { Viewer } from './viewer.ts';

/** What a ticket says about who watches. */
export type Watcher = Pick<GrantClaims, 'sub' | 'client_id' | 'rights'>;

/** Nobody moved for so long: the desktop goes back to the agent. */
const idleMs = 120_000;
/** A page that is loaded again comes back sooner. */
const closedMs = 5_000;

/** The viewers of one desktop, and the turn of the one who drives. */
export class WatchedDesktop {
  #viewers = new Map<Viewer, Watcher>();
  #driving: Driving | null = null;
  /** Since when the driver's last viewer is gone; null while there is one, or none was there yet. */
  #goneSince: number | null = null;
  #wasThere = false;

  /** `lease`: who drives now. `left`: called with where a person left the pointer. */
  constructor(private readonly lease: () => DesktopLease | null, private readonly now: () => number = Date.now, private readonly left: (pointer: { x: number; y: number }) => void = () => undefined) {}

  /** Joins a viewer whose greeting is done to its own connection to the screen. */
  join(watcher: Watcher, viewer: Duplex, screen: Duplex, ended: (reason: Error | null) => void): void {
    const joined: Viewer = new Viewer({
      viewer, screen,
      mayDrive: () => this.#drives(watcher),
      drove: (message) => this.#driving?.note(message),
      ended: (reason) => {
        this.#viewers.delete(joined);
        this.#lookForDriver();
        ended(reason);
      },
    });
    this.#viewers.set(joined, watcher);
    this.#lookForDriver();
  }

  /** A turn began, went on or ended. What the driver before still held is let go. */
  turned(lease: DesktopLease | null): void {
    if (this.#driving !== null && lease?.epoch === this.#driving.epoch) return;
    const held = this.#driving?.release() ?? [];
    // The viewer that pressed it may be gone; any connection can let go of it.
    if (held.length > 0) this.#viewers.keys().next().value?.send(held);
    if (this.#driving?.pointer) this.left(this.#driving.pointer);
    if (lease === null) return;
    this.#driving = new Driving(lease.epoch, this.now);
    this.#wasThere = false;
    this.#lookForDriver();
  }

  /** Of the last turn that was seen here, also when it is over; null of another one. */
  summary(epoch: number): DrivenSummary | null {
    return this.#driving?.epoch === epoch ? this.#driving.summary : null;
  }

  /** Why the turn that goes on should end; null when it should not. */
  over(): { epoch: number; reason: 'idle' | 'closed'; driven: DrivenSummary } | null {
    const driving = this.#driving;
    if (driving === null || this.lease()?.epoch !== driving.epoch) return null;
    const { epoch, summary: driven } = driving;
    if (this.#goneSince !== null && this.now() - this.#goneSince > closedMs) return { epoch, reason: 'closed', driven };
    return this.now() - driving.lastInputAt > idleMs ? { epoch, reason: 'idle', driven } : null;
  }

  close(): void {
    for (const viewer of [...this.#viewers.keys()]) viewer.close(null);
  }

  #drives({ sub, client_id, rights }: Watcher): boolean {
    const lease = this.lease();
    if (lease === null || lease.epoch !== this.#driving?.epoch) return false;
    if (!rights.includes('desktop:control') || lease.holder !== sub) return false;
    return lease.client_id === null || client_id === undefined || lease.client_id === client_id;
  }

  #lookForDriver(): void {
    const there = [...this.#viewers.values()].some((watcher) => this.#drives(watcher));
    // One who never watched is not gone: a program may drive without looking for a while.
    this.#goneSince = there || !this.#wasThere ? null : (this.#goneSince ?? this.now());
    this.#wasThere ||= there;
  }
}
