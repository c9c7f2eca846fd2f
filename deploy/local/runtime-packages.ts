// Copies the packages that stay outside the bundles, as far as they are there, with all that they need, for an image without
// the others: `node runtime-packages.ts FOLDER`.
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { outside } from './bundle.ts';

const root = dirname(dirname(import.meta.dirname));
const target = process.argv[2];
if (!target) throw new Error('Which folder?');

const copied = new Set<string>();
for (const name of outside) copy(name);

function copy(name: string): void {
  const folder = join('node_modules', name);
  if (copied.has(name) || !existsSync(join(root, folder))) return;
  copied.add(name);
  cpSync(join(root, folder), join(target!, folder), { recursive: true });
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Record<string, Record<string, string>>;
  for (const needed of [...Object.keys(dependencies), ...Object.keys(optionalDependencies)]) copy(needed);
}
