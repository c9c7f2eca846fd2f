import { Link } from '@deskhand/sandboxd';
import type { Duplex } from 'node:stream';
import type { Engine } from '../containers/engine.ts';
import { ChannelStream } from './channel-stream.ts';

/**
 * The display stream of one container: connections to its screen, side by side, each with its own credit. Opened when
 * the first is wanted, and again after it broke.
 */
export class DisplayLink {
  #link: Promise<Link> | null = null;
  #suspended = false;
  #closed = false;

  constructor(private readonly engine: Engine, private readonly containerId: string) {}

  /** A new connection. It fails by itself when there is no screen. */
  async connect(): Promise<Duplex> {
    return new ChannelStream((await this.#open()).open({}));
  }

  /** While the container is paused its silence means nothing. */
  suspend(suspended: boolean): void {
    this.#suspended = suspended;
    void this.#link?.then((link) => link.suspend(suspended), () => undefined);
  }

  close(): void {
    this.#closed = true;
    void this.#link?.then((link) => link.close(new Error('The computer was stopped')), () => undefined);
  }

  #open(): Promise<Link> {
    this.#link ??= this.#dial().catch((error: unknown) => {
      this.#link = null;
      throw error;
    });
    return this.#link;
  }

  async #dial(): Promise<Link> {
    const stream = await this.engine.stream(this.containerId, 'sandboxd', ['/opt/deskhand/bin/deskhand-bridge', 'display']);
    const link = new Link(stream, 'dialler', { closed: () => (this.#link = null) });
    link.suspend(this.#suspended);
    if (this.#closed) link.close(new Error('The computer was stopped'));
    return link;
  }
}
