// The chat as a person uses it in a browser: the queue, going offline, long answers, the list.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startUpstream } from '../../services/llm-gateway/test/upstream.ts';
import { openBrowser } from '../browser.ts';
import { startProduct, type RunningProduct } from '../product.ts';

const heard: string[] = [];
/** Until then the slow answer does not begin. */
const enough = Promise.withResolvers<void>();
const upstream = await startUpstream({
  format: 'openai-chat',
  script: async ({ userText, entries }) => {
    heard.push(entries.flatMap((entry) => (entry.kind === 'user' ? [entry.text] : [])).join(' | '));
    if (userText === 'slow') {
      await enough.promise;
      return { text: 'word '.repeat(20), paceMs: 5 };
    }
    if (userText === 'formula') return { text: 'So $E = mc^2$, for $5 and $10:\n\n$$\n\\int_0^1 x^2 dx = \\frac{1}{3}\n$$' };
    if (userText === 'long') return { text: Array.from({ length: 60 }, (_, index) => `Paragraph ${index}\n\n\`\`\`\n${'line\n'.repeat(8)}\`\`\``).join('\n\n'), paceMs: 2 };
    return { text: `Heard: ${userText}` };
  },
});

let product: RunningProduct;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  [product, browser] = await Promise.all([startProduct({ variables: { DESKHAND_ALLOWED_PRIVATE_HOSTS: upstream.host } }), openBrowser()]);
  page = await browser.newPage({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' });
  page.setDefaultTimeout(15_000);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await product?.stop();
  await upstream.close();
}, 60_000);

const box = () => page.getByRole('textbox', { name: 'Message' });
const say = async (text: string) => {
  await box().fill(text);
  await box().press('Enter');
};
const queue = () => page.getByRole('list', { name: 'Waiting messages' });

describe('the chat in a browser', () => {
  it('AUTH-1 AUTH-5: names the field that is wrong, and tests a provider as soon as it is saved', async () => {
    await page.goto(`${product.webUrl}/signup`);
    await page.getByLabel('Username').fill('a b!');
    await page.getByLabel('Email').fill('ada@example.org');
    await page.getByLabel('Password').fill('correct horse battery');
    await page.keyboard.press('Enter');
    await page.getByText(/^Username may hold/).waitFor();
    expect(await page.getByLabel('Username').getAttribute('aria-invalid')).toBe('true');
    await page.getByLabel('Username').fill('ada');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Add a provider key' }).click();
    await page.getByRole('button', { name: 'Add a provider' }).click();
    await page.getByLabel('API key').fill('sk-test-0123456789');
    await page.getByLabel('Endpoint').fill(upstream.url);
    await page.getByLabel('Model').fill('chat-model');
    await page.getByRole('button', { name: 'Save and test' }).click();
    await page.getByText('chat-model answered.').waitFor();
    await page.getByRole('link', { name: 'New conversation' }).click();
    // The first provider is what new conversations use.
    await page.getByRole('button', { name: /Model: .*chat-model/ }).waitFor();
  });

  it('AGENT-6: what is queued can be edited, sent at once, and taken back before any model reads it', async () => {
    await say('slow');
    await page.getByRole('button', { name: 'Stop', exact: true }).waitFor();
    await say('one');
    await say('two');
    await queue().getByText('Queued: two').waitFor();
    await box().press('ArrowUp');
    await expect.poll(() => box().inputValue()).toBe('two');
    await box().fill('two, but better');
    await box().press('Enter');
    await queue().getByText('Queued: two, but better').waitFor();
    await queue().getByRole('button', { name: 'Delete the queued message' }).first().click();
    await queue().getByText('Queued: one').waitFor({ state: 'detached' });
    await queue().getByRole('button', { name: 'Send now' }).click();
    await queue().waitFor({ state: 'detached' });
    enough.resolve();
    await page.getByText('Heard: two, but better').first().waitFor({ timeout: 30_000 });
    expect(heard.at(-1)).toBe('slow | two, but better');
  });

  it('CONV-2: what is said without a network outlives a reload and goes out by itself', async () => {
    const context = page.context();
    await context.setOffline(true);
    await page.getByText('You are offline.').waitFor();
    await say('from the train');
    await page.getByText('Sent as soon as Deskhand can be reached').waitFor();
    await context.setOffline(false);
    await page.getByText('Heard: from the train').first().waitFor();
    // The same when the page itself goes: its requests find nothing, then a new page finds everything.
    await page.route('**/messages', (route) => route.abort());
    await say('before the reload');
    await page.getByText('Sent as soon as Deskhand can be reached').waitFor();
    await page.unroute('**/messages');
    await page.reload();
    await page.getByText('Heard: before the reload').first().waitFor();
    expect(heard.filter((text) => text.endsWith('before the reload'))).toHaveLength(1);
  });

  it('CONV-2: keeps the end of a fast answer in sight until the person goes up', async () => {
    await say('long');
    await page.getByText('Paragraph 59', { exact: true }).waitFor({ timeout: 30_000 });
    await page.getByRole('button', { name: 'Stop', exact: true }).waitFor({ state: 'detached' });
    const log = page.locator('.log');
    await expect.poll(() => log.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight)).toBeLessThan(48);
    await log.hover();
    await page.mouse.wheel(0, -600);
    await page.getByRole('button', { name: 'Jump to the end' }).click();
    await page.getByRole('button', { name: 'Jump to the end' }).waitFor({ state: 'detached' });
  });

  it('CONV-2: draws formulas and leaves money alone', async () => {
    await say('formula');
    await page.locator('.display math mfrac').waitFor();
    expect(await page.locator('.turn').last().locator('p math').count()).toBe(1);
    expect(await page.locator('.turn').last().locator('p').first().innerText()).toContain('for $5 and $10:');
  });

  it('CONV-1: pins, archives and restores', async () => {
    const menu = async (item: string) => {
      await page.getByRole('button', { name: 'Conversation', exact: true }).click();
      await page.getByRole('menuitem', { name: item }).click();
    };
    await menu('Pin');
    await page.getByRole('list', { name: 'Conversations' }).getByText('Pinned').waitFor();
    await menu('Archive');
    await page.getByText('What shall I do?').first().waitFor();
    await page.getByText('Your conversations will be here.').first().waitFor();
    await page.goto(`${product.webUrl}/settings/archived`);
    await page.getByRole('button', { name: 'Restore' }).click();
    await page.getByText('Nothing is archived.').waitFor();
    await page.getByRole('link', { name: 'slow' }).click();
    await page.getByText('Heard: from the train').first().waitFor();
  });

  it('CONV-1: the list can be put away, which is remembered, and opens as a drawer then', async () => {
    const list = page.getByRole('list', { name: 'Conversations' });
    await list.waitFor();
    await page.keyboard.press('Control+b');
    await list.waitFor({ state: 'hidden' });
    await page.reload();
    await page.getByRole('button', { name: 'Conversations', exact: true }).click();
    await page.getByRole('dialog', { name: 'Conversations' }).getByRole('button', { name: 'Keep the list open' }).click();
    await list.waitFor();
  });

  it('CONV-1: a wrong address shows its page, once', async () => {
    let loads = 0;
    page.on('request', (request) => request.isNavigationRequest() && loads++);
    await page.goto(`${product.webUrl}/nowhere`);
    await page.getByText('There is nothing here').waitFor();
    await page.goto(`${product.webUrl}/c/01a1fd13-57ba-7c59-8242-ceba53df494e`);
    await page.getByText('This conversation is not here').waitFor();
    expect(loads).toBe(2);
  });
});
