import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vite';
import { sourceDigest } from './tools/source-digest.ts';
import { announcerWithoutInlineStyle, withExternalBootstrap } from './tools/strict-csp.ts';

/** What every signed-in page needs, in one file that the page asks for at once instead of thirty that it finds one after the other. */
const shell = /\/web\/src\/(lib\/(api|live|text)\/|lib\/state\/(?!conversation\.|outbox\.)|lib\/shell\/(?!palette|help|search)|lib\/components\/(?!auth-card)|lib\/chat\/(composer|model-picker|approval-mode)\.|routes\/\(app\)\/\+(layout|page)\.svelte)/;

/**
 * What SvelteKit's entry needs before it says which version of the app this is. Together with the rest, the rest would
 * begin before that was said, take itself for outdated, and load every error page again and again.
 */
const start = /client\/payload\.js|vite\/preload-helper/;

export default defineConfig({
  plugins: [
    announcerWithoutInlineStyle(),
    sveltekit({
      adapter: withExternalBootstrap(adapter({ fallback: 'index.html' })),
      // Not the time of the build: the same source then makes the same files, and another one tells pages that are open.
      version: { name: sourceDigest() },
      // The gateway sends its own, equally strict header; this one also holds where another server hands out the files.
      csp: {
        mode: 'hash',
        directives: {
          'default-src': ['none'],
          'script-src': ['self'],
          'style-src': ['self'],
          'img-src': ['self', 'blob:', 'data:'],
          'font-src': ['self'],
          'connect-src': ['self'],
          'manifest-src': ['self'],
          'base-uri': ['none'],
          'form-action': ['self'],
        },
      },
    }),
  ],
  build: { assetsInlineLimit: 0 },
  environments: { client: { build: { rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'start', test: start, priority: 1 }, { name: 'shell', test: shell }] } } } } } },
});
