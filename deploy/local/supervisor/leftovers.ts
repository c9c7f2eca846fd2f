import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

const patience = 5_000;

/** Notes which processes run now, for the start after a death of the supervisor. */
export function noteProcesses(file: string, processes: readonly ProcessIdentity[]): void {
  writeFileSync(file, JSON.stringify(processes), { mode: 0o600 });
}

/**
 * Waits until the processes of an earlier supervisor are gone: they drain by themselves when it dies. Those that still
 * run after five seconds are killed with their groups, which loses nothing. Returns how many there were.
 */
export async function waitForLeftovers(file: string, notice: (text: string) => void): Promise<number> {
  const left = () => noted(file).filter(isRunning);
  const found = left().length;
  if (found > 0) notice(`Waiting for ${found} processes of an earlier run to end`);
  for (const limit = Date.now() + patience; Date.now() < limit && left().length > 0; await sleep(50));
  for (const { pid } of left()) signalGroup(pid);
  for (const limit = Date.now() + patience; Date.now() < limit && left().length > 0; await sleep(20));
  return found;
}

function noted(file: string): ProcessIdentity[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity[];
  } catch {
    return [];
  }
}

function signalGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended in the meantime.
  }
}
