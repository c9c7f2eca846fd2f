import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout that this bootstrap belongs to. */
export const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

const notSources = new Set(['node_modules', 'dist', 'build', 'coverage', '.svelte-kit', '.git']);

/**
 * Hash of the names and contents of all files under `paths` (files or folders, relative to `base`) for which `keep`
 * says true. Missing paths count as empty.
 */
export function contentHash(paths, { base = root, keep = () => true, salt = '' } = {}) {
  const hash = createHash('sha256').update(salt);
  for (const path of paths) {
    for (const file of filesUnder(join(base, path))) {
      const name = relative(base, file).split(sep).join('/');
      if (!keep(name)) continue;
      hash.update(`\0${name}\0`).update(readFileSync(file));
    }
  }
  return hash.digest('hex').slice(0, 24);
}

function filesUnder(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return [];
  if (found.isFile()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => !notSources.has(entry.name))
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .flatMap((entry) => {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) return filesUnder(inner);
      return entry.isFile() ? [inner] : [];
    });
}

/** Content of a small text file, or null. */
export function readOrNull(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
