// Real: the bundler, Nest, MikroORM with SQLite, and a Node process that runs the bundle.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bundle } from '../bundle.ts';

const root = dirname(dirname(dirname(import.meta.dirname)));
// Inside the checkout, so that what stays outside the bundle is found.
const folder = mkdtempSync(join(root, 'node_modules', '.bundle-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('bundle', () => {
  it('keeps injection by type, class names and the database driver working', async () => {
    const file = join(folder, 'service.mjs');
    await bundle({ entry: join(import.meta.dirname, 'fixtures', 'injected-service.ts'), file, root });
    expect(JSON.parse(execFileSync(process.execPath, [file], { encoding: 'utf8' }))).toEqual({ greeting: 'noon', name: 'Greeter', things: 1 });
  });

  it('puts everything into a self-contained file', async () => {
    const entry = join(folder, 'entry.ts');
    const file = join(folder, 'alone.mjs');
    writeFileSync(entry, `import { z } from 'zod';\nimport { readFileSync } from 'node:fs';\nconsole.log(z.string().parse('x'), typeof readFileSync);\n`);
    await bundle({ entry, file, root, selfContained: true });
    const imported = [...readFileSync(file, 'utf8').matchAll(/^import .* from ["']([^"']+)["']/gm)].map((match) => match[1]);
    expect(imported.filter((name) => !name?.startsWith('node:'))).toEqual([]);
  });

  it('refuses an import that nothing provides', async () => {
    const entry = join(folder, 'broken.ts');
    writeFileSync(entry, `import 'no-such-package-of-deskhand';\n`);
    await expect(bundle({ entry, file: join(folder, 'broken.mjs'), root })).rejects.toThrow(/no-such-package-of-deskhand/);
  });
});
