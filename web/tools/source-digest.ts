import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const web = dirname(import.meta.dirname);

/** Names what the app is built from: its own files, and the exact packages. */
export function sourceDigest(): string {
  const own = ['src', 'static', 'tools'].flatMap((folder) => readdirSync(join(web, folder), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)));
  const digest = createHash('sha256');
  for (const file of [...own.sort(), join(web, 'package.json'), join(web, 'vite.config.ts'), join(web, '..', 'package-lock.json')]) digest.update(`${relative(web, file)}\n`).update(readFileSync(file));
  return digest.digest('base64url').slice(0, 16);
}
