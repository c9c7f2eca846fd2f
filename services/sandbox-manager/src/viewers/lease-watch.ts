import { type DesktopLease, leaseChanged, leases } from '@deskhand/contracts';
import { Bus, type Closable, Lifecycle, Log } from '@deskhand/platform';
import { Injectable, type OnModuleInit } from '@nestjs/common';

interface Known {
  epoch: number;
  lease: DesktopLease | null;
}

type Listener = (computerId: string, lease: DesktopLease | null, epoch: number) => void;

/**
 * Who drives the desktops that are looked after here. `conversations` decides and tells; what was missed is asked for
 * when a computer begins to be looked after, and after every lost connection. Until then nobody drives.
 */
@Injectable()
export class LeaseWatch implements OnModuleInit {
  #known = new Map<string, Known>();
  #listeners = new Set<Listener>();
  #closing: (() => void | Promise<void>)[] = [];

  constructor(private readonly bus: Bus, private readonly lifecycle: Lifecycle, private readonly log: Log) {}

  async onModuleInit(): Promise<void> {
    if (this.#closing.length > 0) return;
    this.#closing.push(this.bus.onReconnect(() => void this.#askAll()));
    const subscribed: Closable = await this.bus.subscribe(leaseChanged, {}, ({ computer_id, epoch, lease }) => {
      // Of computers that are looked after elsewhere nothing is kept.
      if (this.#known.has(computer_id)) this.#take(computer_id, epoch, lease);
    });
    this.#closing.push(() => subscribed.close());
    this.lifecycle.onDrain(60, async () => void (await Promise.all(this.#closing.map(async (close) => close()))));
  }

  /** Who drives now; null when nobody does, or it is not known yet. */
  current(computerId: string): DesktopLease | null {
    const lease = this.#known.get(computerId)?.lease ?? null;
    return lease !== null && Date.parse(lease.until) > Date.now() ? lease : null;
  }

  /** Every change, and what was found at the beginning. */
  onChange(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /** From now on it is known who drives this one. */
  async begin(computerId: string): Promise<void> {
    if (!this.#known.has(computerId)) this.#known.set(computerId, { epoch: 0, lease: null });
    await this.#ask(computerId);
  }

  end(computerId: string): void {
    this.#known.delete(computerId);
  }

  /** An epoch that ended never comes back: news that come late change nothing. */
  #take(computerId: string, epoch: number, lease: DesktopLease | null): void {
    const known = this.#known.get(computerId);
    if (known === undefined || epoch < known.epoch || (epoch === known.epoch && known.lease === null && epoch > 0)) return;
    this.#known.set(computerId, { epoch, lease });
    for (const listener of this.#listeners) listener(computerId, lease, epoch);
  }

  async #askAll(): Promise<void> {
    await Promise.all([...this.#known.keys()].map((id) => this.#ask(id)));
  }

  async #ask(computerId: string): Promise<void> {
    try {
      const { lease, epoch } = await this.bus.request(leases.current, { computer_id: computerId });
      if (epoch > 0) this.#take(computerId, epoch, lease);
    } catch (error) {
      this.log.warn('Who drives a desktop could not be asked; trying again', { computer: computerId, error });
      setTimeout(() => { if (this.#known.has(computerId)) void this.#ask(computerId); }, 1_000).unref();
    }
  }
}
