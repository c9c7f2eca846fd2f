import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { Adapter } from '@sveltejs/kit';
import type { Plugin } from 'vite';

const page = 'build/index.html';
const folder = 'build/_app/immutable';

/**
 * Moves the page's inline start script into a file of its own, so that `script-src 'self'` is all a server has to say:
 * no hash that changes with every build.
 */
export function withExternalBootstrap(adapter: Adapter): Adapter {
  return {
    ...adapter,
    async adapt(builder) {
      await adapter.adapt(builder);
      const html = await readFile(page, 'utf8');
      const inline = /<script>([\s\S]*?)<\/script>/g;
      const scripts = [...html.matchAll(inline)].map((match) => match[1] ?? '');
      if (scripts.length !== 1) throw new Error(`expected one inline script in ${page}, found ${scripts.length}`);
      const text = scripts[0]!.trim();
      const name = `start.${createHash('sha256').update(text).digest('hex').slice(0, 10)}.js`;
      await mkdir(folder, { recursive: true });
      await writeFile(`${folder}/${name}`, text);
      await writeFile(page, html.replace(inline, () => `<script src="/_app/immutable/${name}"></script>`).replace(/ 'sha256-[^']+'/g, ''));
      await builder.compress('build');
    },
  };
}

/** SvelteKit's route announcer hides itself with a style attribute, which the policy forbids; base.css hides it instead. */
export function announcerWithoutInlineStyle(): Plugin {
  return {
    name: 'announcer-without-inline-style',
    enforce: 'pre',
    transform: {
      filter: { id: /runtime\/components\/root\.svelte$/ },
      handler: (code) => ({ code: code.replace(/\sstyle="position: absolute[^"]*"/, ''), map: null }),
    },
  };
}
