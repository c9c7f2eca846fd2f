import { newId } from '@deskhand/contracts';
import { Log } from '@deskhand/platform';
import { Injectable } from '@nestjs/common';
import { Engine } from '../containers/engine.ts';
import type { ComputerRow } from '../database/entities.ts';
import { managerConfig } from '../manager-config.ts';
import { type Claim, leaseMs, ManagersRepository } from './managers.repository.ts';

/** This manager among the others: its id, its host, its lease. */
@Injectable()
export class Ownership {
  /** Anew with every process. */
  readonly id = newId();
  #host: string | null = null;
  #certainUntil = 0;
  #beating: Promise<Map<string, number>> | null = null;

  constructor(private readonly managers: ManagersRepository, private readonly engine: Engine, private readonly log: Log) {}

  /** Id of the engine here; null while it does not answer. */
  get host(): string | null {
    return this.#host;
  }

  /**
   * Whether this manager certainly still has what it had: by the process's own clock, so that one that was stopped for a
   * while knows at once, before it has done anything.
   */
  get certain(): boolean {
    return performance.now() < this.#certainUntil;
  }

  async begin(): Promise<void> {
    await this.findHost();
    const askedAt = performance.now();
    await this.managers.begin(this.#me, managerConfig.value.SERVICE_INSTANCE);
    this.#certainUntil = askedAt + leaseMs;
  }

  /** Asks the engine who it is. False when it does not answer. */
  async findHost(): Promise<boolean> {
    this.#host = await this.engine.id().catch(() => null);
    return this.#host !== null;
  }

  /** Renews the lease; answers which computers this manager has and their epochs. Those who ask together get one renewal. */
  beat(): Promise<Map<string, number>> {
    this.#beating ??= this.#renew().finally(() => (this.#beating = null));
    return this.#beating;
  }

  claim(computerId: string): Promise<Claim | null> {
    return this.managers.claim(computerId, this.#me);
  }

  claimAbandoned(withContainer: readonly string[] = []): Promise<ComputerRow[]> {
    return this.managers.claimAbandoned(this.#me, withContainer);
  }

  giveBack(row: ComputerRow, options = { removed: false }): Promise<void> {
    return this.managers.giveBack(row, options);
  }

  leave(): Promise<boolean> {
    return this.managers.leave(this.#me);
  }

  end(): Promise<void> {
    return this.managers.end(this.#me);
  }

  get #me(): { id: string; host: string | null } {
    return { id: this.id, host: this.#host };
  }

  async #renew(): Promise<Map<string, number>> {
    const askedAt = performance.now();
    let held = await this.managers.beat(this.#me);
    if (held === null) {
      this.log.warn('Another manager began at this place; what this one had is the other\'s now');
      await this.managers.begin(this.#me, `${managerConfig.value.SERVICE_INSTANCE} ${this.id}`);
      held = new Map();
    }
    this.#certainUntil = askedAt + leaseMs;
    return held;
  }
}
