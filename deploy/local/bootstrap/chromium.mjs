import { join } from 'node:path';
import { cacheFolder } from './cache.mjs';
import { installPackages, isDebian, isRoot } from './debian.mjs';
import { withLock } from './lock.mjs';
import { say } from './report.mjs';
import { which } from './run.mjs';

const programs = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** Path of a Chromium for the browser tests: found, or installed where root allows it: `{path, problem}`. */
export async function ensureChromium() {
  const found = findChromium();
  if (found) return { path: found, problem: null };
  if (!isRoot() || !isDebian()) return { path: null, problem: 'No Chromium is on the PATH; install one for the browser tests.' };
  return withLock(join(cacheFolder, 'chromium.lock'), 'Chromium', async () => {
    if (findChromium()) return { path: findChromium(), problem: null };
    say('Installing Chromium for the browser tests (Debian package)');
    const installed = await installPackages(['chromium', 'fonts-liberation']);
    return { path: findChromium(), problem: installed.problem };
  });
}

/** Looks only: the path, or null. */
export function findChromium() {
  return programs.map((program) => which(program)).find(Boolean) ?? null;
}
