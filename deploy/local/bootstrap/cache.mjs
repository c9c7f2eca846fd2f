import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** Machine-wide cache of Deskhand; everything below it can be deleted and is made again. */
export const cacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'deskhand');

/**
 * Makes `folder` by running `make(temporaryFolder)` beside it and renaming at the end, so that an interrupted run leaves
 * no half-made folder under the final name. An existing folder of that name is replaced. Call it under a lock: it also
 * clears what an interrupted run left.
 */
export async function makeFolder(folder, make) {
  mkdirSync(dirname(folder), { recursive: true });
  for (const name of readdirSync(dirname(folder))) {
    if (name.startsWith(`${basename(folder)}.making-`)) rmSync(join(dirname(folder), name), { recursive: true, force: true });
  }
  const temporary = mkdtempSync(`${folder}.making-`);
  try {
    await make(temporary);
    rmSync(folder, { recursive: true, force: true });
    renameSync(temporary, folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
