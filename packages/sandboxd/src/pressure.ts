import { readFileSync } from 'node:fs';

/** How often the kernel refused this computer something, counted since it started. */
export interface Pressure {
  /** Processes ended for want of memory. */
  memory: number;
  /** Processes not made because there were too many. */
  processes: number;
}

const memoryFiles = ['/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control'];
const processFiles = ['/sys/fs/cgroup/pids.events', '/sys/fs/cgroup/pids/pids.events'];

/** Reads the counters of control groups, version 2 or 1; zero where a runtime shows none. */
export function readPressure(): Pressure {
  return { memory: counter(memoryFiles, 'oom_kill'), processes: counter(processFiles, 'max') };
}

function counter(files: string[], name: string): number {
  for (const file of files) {
    try {
      const found = new RegExp(`^${name} (\\d+)$`, 'm').exec(readFileSync(file, 'latin1'));
      if (found) return Number(found[1]);
    } catch {
      // The other version of control groups, or a runtime without them.
    }
  }
  return 0;
}

/** Why a command that went wrong was stopped by the limits of its computer, in words; undefined when it was not. */
export function containment(before: Pressure, after: Pressure, failed: boolean): string | undefined {
  if (!failed) return undefined;
  if (after.memory > before.memory) return 'The computer ran out of memory and ended processes of this command.';
  if (after.processes > before.processes) return 'The computer has reached its limit of processes; no more could be started.';
  return undefined;
}
