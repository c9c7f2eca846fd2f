import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

const switches = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** A real Chromium: the one that the bootstrap found, or the system's. */
export async function openBrowser(): Promise<Browser> {
  const noted = join(dirname(import.meta.dirname), 'dist', 'prerequisites.json');
  const found = existsSync(noted) ? (JSON.parse(readFileSync(noted, 'utf8')) as { CHROMIUM?: string }).CHROMIUM : undefined;
  const program = [process.env.CHROMIUM, found, '/usr/bin/chromium', '/usr/bin/chromium-browser'].find((file) => file && existsSync(file));
  if (program === undefined) throw new Error('No Chromium was found; `npm test` installs one');
  return chromium.launch({ executablePath: program, args: switches });
}
