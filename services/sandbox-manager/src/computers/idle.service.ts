import { conversations, type OutputOf } from '@deskhand/contracts';
import { Bus, Lifecycle, Log } from '@deskhand/platform';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { managerConfig } from '../manager-config.ts';
import type { Computer } from './computer.ts';
import { ComputersService } from './computers.service.ts';

const lookEveryMs = 5_000;
const pauseAfterMs = 60_000;
const parkedAtMostMs = 24 * 3_600_000;
const unlistedAtMostMs = 600_000;
const asked = 1_000;

type Activity = OutputOf<typeof conversations.activity>[number];
export type IdleStep = 'nothing' | 'pause' | 'stop';

/** What to do with a computer that nobody has used for `idleMs`. */
export function idleStep(activity: Pick<Activity, 'active' | 'parked_since'>, idleMs: number, idleLimitMs: number, now: number): IdleStep {
  if (activity.active) return 'nothing';
  const parkedMs = activity.parked_since === null ? null : now - Date.parse(activity.parked_since);
  const mayStop = parkedMs === null || parkedMs > parkedAtMostMs;
  if (mayStop && idleMs >= idleLimitMs) return 'stop';
  return idleMs >= Math.min(pauseAfterMs, idleLimitMs) ? 'pause' : 'nothing';
}

/** Pauses and stops computers that nothing needs. When nobody can say what is needed, nothing is done. */
@Injectable()
export class IdleService implements OnApplicationBootstrap {
  #timer: NodeJS.Timeout | undefined;
  #unlistedSince = new Map<string, number>();

  constructor(
    private readonly computers: ComputersService,
    private readonly bus: Bus,
    private readonly lifecycle: Lifecycle,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    const every = Math.min(lookEveryMs, managerConfig.value.IDLE_SECONDS * 500);
    const look = async (): Promise<void> => {
      await this.look().catch((error: unknown) => this.log.warn('Idle computers could not be looked for', { error }));
      this.#timer = setTimeout(() => void look(), every);
    };
    this.#timer = setTimeout(() => void look(), every);
    this.lifecycle.onDrain(10, async () => clearTimeout(this.#timer));
  }

  async look(now = Date.now()): Promise<void> {
    const awake = this.computers.awake.filter((computer) => !computer.inUse);
    for (let at = 0; at < awake.length; at += asked) {
      const some = awake.slice(at, at + asked);
      const known = new Map((await this.bus.request(conversations.activity, { computer_ids: some.map(({ view }) => view.id) })).map((one) => [one.computer_id, one]));
      const results = await Promise.allSettled(some.map((computer) => this.#settle(computer, known.get(computer.view.id), now)));
      for (const result of results) if (result.status === 'rejected') this.log.warn('An idle computer could not be put to sleep', { error: result.reason });
    }
  }

  async #settle(computer: Computer, activity: Activity | undefined, now: number): Promise<void> {
    const { id, state } = computer.view;
    if (!activity) return this.#unlisted(id, now);
    this.#unlistedSince.delete(id);
    if (activity.active || computer.desktop.watchers > 0) computer.lastUsedAt = now;
    const step = idleStep(activity, now - computer.lastUsedAt, managerConfig.value.IDLE_SECONDS * 1_000, now);
    if (step === 'stop') await computer.stop(computer.lastUsedAt);
    else if (step === 'pause' && state === 'ready') await computer.pause(computer.lastUsedAt);
  }

  /** It belongs to nothing. A while is waited, in case that was the view of a moment. */
  async #unlisted(id: string, now: number): Promise<void> {
    const since = this.#unlistedSince.get(id) ?? now;
    this.#unlistedSince.set(id, since);
    if (now - since < unlistedAtMostMs) return;
    this.#unlistedSince.delete(id);
    await this.computers.remove(id);
  }
}
