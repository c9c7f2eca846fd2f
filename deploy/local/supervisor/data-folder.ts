import { chmodSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartFailure } from './failure.ts';
import { identityOf, isRunning } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

const leastFreeMegabytes = 512;

export interface DataFolder {
  readonly path: string;
  /** A folder inside, made with mode 0700. */
  readonly folder: (name: string) => string;
  /** Gives the folder back to the next start. */
  readonly unlock: () => void;
}

/**
 * Takes the data folder for this process: made with mode 0700, locked, with room to work in.
 * Throws a StartFailure when another product holds it, it cannot be written or the disk is full.
 */
export function openDataFolder(path: string, freeMegabytes: (path: string) => number = freeSpace): DataFolder {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    chmodSync(path, 0o700);
  } catch (error) {
    throw new StartFailure(`The data folder ${path} cannot be used (${(error as Error).message}). Set DESKHAND_DATA to a folder that this user may write.`);
  }
  const free = freeMegabytes(path);
  if (free < leastFreeMegabytes) {
    throw new StartFailure(`Only ${Math.floor(free)} MB are free where the data folder ${path} is; ${leastFreeMegabytes} MB are needed. Free some space, or set DESKHAND_DATA to a folder on another disk.`);
  }
  const unlock = lock(path);
  const folder = (name: string) => {
    mkdirSync(join(path, name), { recursive: true, mode: 0o700 });
    return join(path, name);
  };
  return { path, folder, unlock };
}

function freeSpace(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return (bavail * bsize) / 1024 ** 2;
}

function lock(path: string): () => void {
  const file = join(path, 'supervisor.lock');
  const mine = `${file}.${process.pid}`;
  for (;;) {
    try {
      writeFileSync(mine, JSON.stringify(identityOf(process.pid)), { mode: 0o600 });
      linkSync(mine, file);
      return () => rmSync(file, { force: true });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'EEXIST') throw new StartFailure(`The data folder ${path} cannot be written (${message}). Set DESKHAND_DATA to a folder that this user may write.`);
      const holder = readHolder(file);
      if (holder && isRunning(holder)) throw new StartFailure(`Deskhand already runs on the data folder ${path} (process ${holder.pid}). Stop it first, or set DESKHAND_DATA to another folder and DESKHAND_PORT and DESKHAND_LLM_PORT to other ports.`);
      // Renamed first, so that of two starts that see the dead lock only one removes it.
      try {
        renameSync(file, `${mine}.dead`);
        rmSync(`${mine}.dead`, { force: true });
      } catch {
        // The other start was first; the next turn sees its lock.
      }
    } finally {
      rmSync(mine, { force: true });
    }
  }
}

function readHolder(file: string): ProcessIdentity | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
  } catch {
    return null;
  }
}
