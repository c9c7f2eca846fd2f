import { Lifecycle, Log } from '@deskhand/platform';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { statfs } from 'node:fs/promises';
import { computerLimits, managerConfig } from '../manager-config.ts';
import type { Computer } from '../computers/computer.ts';
import { ComputersService } from '../computers/computers.service.ts';
import { type DiskUse, measureDisk } from './measure.ts';
import { Workspaces } from './workspaces.ts';

const lookEveryMs = 3_000;
const measureEveryMs = 60_000;

interface Measured extends DiskUse {
  at: number;
  /** Free space of the whole disk at that moment. */
  free: DiskUse;
}

/** Why the commands of a computer are ended, in words; null while it is within its limits. */
export function overLimit(use: DiskUse, limits: { diskBytes: number; inodes: number }): string | null {
  if (use.bytes > limits.diskBytes) return `The disk of the computer is full: its files take ${(use.bytes / 1e9).toFixed(1)} GB, ${(limits.diskBytes / 1e9).toFixed(1)} GB are allowed. Delete some.`;
  if (use.inodes > limits.inodes) return `The disk of the computer is full: it has ${use.inodes} files, ${limits.inodes} are allowed. Delete some.`;
  return null;
}

/** Whether a computer may have reached a limit since it was measured: it cannot have grown by more than the disk has filled. */
export function mayExceed(last: Pick<Measured, 'bytes' | 'inodes' | 'free'>, free: DiskUse, limits: { diskBytes: number; inodes: number }): boolean {
  return last.bytes + (last.free.bytes - free.bytes) > limits.diskBytes * 0.9 || last.inodes + (last.free.inodes - free.inodes) > limits.inodes * 0.9;
}

/** Plain folders have no quota of their own: looks after what computers write, and ends what grows beyond the limits. */
@Injectable()
export class DiskWatchService implements OnApplicationBootstrap {
  #timer: NodeJS.Timeout | undefined;
  #measured = new Map<string, Measured>();

  constructor(
    private readonly computers: ComputersService,
    private readonly workspaces: Workspaces,
    private readonly lifecycle: Lifecycle,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    const look = async (): Promise<void> => {
      await this.look().catch((error: unknown) => this.log.warn('The disks of computers could not be measured', { error }));
      this.#timer = setTimeout(() => void look(), lookEveryMs);
    };
    this.#timer = setTimeout(() => void look(), lookEveryMs);
    this.lifecycle.onDrain(10, async () => clearTimeout(this.#timer));
  }

  async look(): Promise<void> {
    const working = this.computers.awake.filter(({ view }) => view.state === 'ready');
    if (working.length === 0) return;
    const free = await freeSpace(managerConfig.value.WORKSPACE_ROOT);
    for (const computer of working) {
      const last = this.#measured.get(computer.view.id);
      const old = last === undefined || Date.now() - last.at > measureEveryMs;
      if (old || mayExceed(last, free, computerLimits)) await this.#measure(computer, free, last);
    }
    const ids = new Set(working.map(({ view }) => view.id));
    for (const id of this.#measured.keys()) if (!ids.has(id)) this.#measured.delete(id);
  }

  async #measure(computer: Computer, free: DiskUse, last: Measured | undefined): Promise<void> {
    const { workspace, home } = this.workspaces.folders(computer.view.id);
    const use = await measureDisk([workspace, home]);
    if (use === null) return;
    this.#measured.set(computer.view.id, { ...use, at: Date.now(), free });
    const reason = overLimit(use, computerLimits);
    // What deletes files may go on.
    const grows = last === undefined || use.bytes > last.bytes || use.inodes > last.inodes;
    if (reason === null || !grows) return;
    this.log.warn('A computer is over its disk limit', { computer: computer.view.id, ...use });
    await computer.contain(reason);
  }
}

async function freeSpace(folder: string): Promise<DiskUse> {
  const { bavail, bsize, ffree } = await statfs(folder);
  return { bytes: bavail * bsize, inodes: ffree };
}
