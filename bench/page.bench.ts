import type { Page } from 'playwright-core';
import { openBrowser } from '../e2e/browser.ts';
import type { Client } from '../e2e/client/client.ts';
import { percentile, scaled, type Benchmark } from './benchmark.ts';
import { inParallel, surroundings } from './support/surroundings.ts';

/** Runs in the page: resolves with the page's clock one frame after `found` first held, when it is on the screen. */
const painted = (found: string): string => `new Promise((resolve) => {
  const look = () => { if (${found}) requestAnimationFrame(() => resolve(performance.timeOrigin + performance.now())); else requestAnimationFrame(look); };
  look();
})`;

export const benchmark: Benchmark = {
  name: 'page',
  figures: [
    { name: 'first_paint_ms', unit: 'ms', how: 'navigation to the first row of a list of 2,000 conversations painted, signed in, in headless Chromium; median of ten', most: 5_000 },
    { name: 'list_p95_ms', unit: 'ms', how: 'GET of the first page of the list of 2,000 conversations, 95th percentile', most: 3_000 },
    { name: 'first_word_ms', unit: 'ms', how: 'Enter in the composer to the first word painted, of a model that answers at once; median', most: 1_000 },
  ],
  run: async ({ size, say }) => {
    await using place = await surroundings(() => ({ text: 'pong' }));
    const client = await place.user();
    const conversations = scaled(2_000, { size }, 50);
    await inParallel(conversations, 8, async (index) => void (await client.conversation({ title: `Conversation ${index}` })));
    say(`${conversations} conversations are there`);
    const browser = await openBrowser();
    try {
      const page = await (await browser.newContext({ viewport: { width: 1280, height: 860 } })).newPage();
      await signIn(page, client);
      const paints: number[] = [];
      for (let index = 0; index < scaled(10, { size }, 3); index++) paints.push(await firstPaint(page, client.baseUrl));
      const lists: number[] = [];
      for (let index = 0; index < scaled(100, { size }, 10); index++) {
        const started = performance.now();
        await client.request('GET', '/api/conversations?limit=50');
        lists.push(performance.now() - started);
      }
      const words: number[] = [];
      for (let index = 0; index < scaled(40, { size }, 4); index++) words.push(await firstWord(page, client));
      return { first_paint_ms: percentile(paints, 0.5), list_p95_ms: percentile(lists, 0.95), first_word_ms: percentile(words.slice(2), 0.5) };
    } finally {
      await browser.close();
    }
  },
};

async function signIn(page: Page, client: Client): Promise<void> {
  await page.goto(`${client.baseUrl}/login`);
  await page.evaluate(async (body) => { await fetch('/api/auth/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }); }, { username: client.session.user.username, password: 'correct horse battery' });
}

async function firstPaint(page: Page, address: string): Promise<number> {
  await page.goto(`${address}/`, { waitUntil: 'commit' });
  const at = (await page.evaluate(painted(`document.querySelector('a[href^="/c/"]') !== null`))) as number;
  return at - ((await page.evaluate('performance.timeOrigin')) as number);
}

/** Nothing of it is the model's: it answers the moment it is asked. */
async function firstWord(page: Page, client: Client): Promise<number> {
  const { id } = await client.conversation();
  await page.goto(`${client.baseUrl}/c/${id}`);
  const composer = page.getByRole('textbox', { name: 'Message' });
  await composer.waitFor();
  await composer.fill('ping');
  await page.evaluate(`globalThis.firstWord = ${painted(`[...document.querySelectorAll('main .turn p')].some((line) => line.textContent.includes('pong'))`)}, undefined`);
  const pressed = performance.timeOrigin + performance.now();
  await page.keyboard.press('Enter');
  return ((await page.evaluate('globalThis.firstWord')) as number) - pressed;
}
