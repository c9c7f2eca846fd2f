import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { say } from './report.mjs';

const held = new Set();

/**
 * Runs `work` while holding the lock file; waits for another bootstrap that holds it. The lock of a process that is
 * gone is taken over.
 */
export async function withLock(file, what, work) {
  mkdirSync(dirname(file), { recursive: true });
  let told = false;
  while (!take(file)) {
    const holder = readHolder(file);
    if (holder === null || !alive(holder)) {
      takeOver(file, holder);
      continue;
    }
    if (!told) say(`Waiting for another run (process ${holder.split(' ')[0]}) that works on ${what}`);
    told = true;
    await sleep(200);
  }
  held.add(file);
  try {
    return await work();
  } finally {
    release(file);
  }
}

/** Gives back every lock of this process, for an interrupted bootstrap. */
export function releaseAll() {
  for (const file of held) release(file);
}

function release(file) {
  held.delete(file);
  rmSync(file, { force: true });
}

// The holder is in the file before the file has its name, so nobody reads an empty lock.
function take(file) {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, `${process.pid} ${startTime(process.pid)}`);
  try {
    linkSync(mine, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(mine, { force: true });
  }
}

function readHolder(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

// Removes the lock only when it is still the dead process's.
function takeOver(file, holder) {
  if (holder !== null && readHolder(file) === holder) rmSync(file, { force: true });
}

// The start time tells a process from a later one with the same pid; where there is no /proc it is the empty text.
function alive(holder) {
  const [pid, startedAt = ''] = holder.split(' ');
  if (!/^\d+$/.test(pid)) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (error.code !== 'EPERM') return false;
  }
  return startTime(pid) === startedAt;
}

function startTime(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    return fields[0] === 'Z' ? 'ended' : fields[19];
  } catch {
    return '';
  }
}
