import { text } from 'node:stream/consumers';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startUpstream } from '../../services/llm-gateway/test/upstream.ts';
import { openBrowser } from '../browser.ts';
import { Client } from '../client/client.ts';
import { startProduct, type RunningProduct } from '../product.ts';

const secret = 'sk-canary-typed-into-a-page';
let product: RunningProduct;
let browser: Browser;
let page: Page;
const busy = await startUpstream({ format: 'openai-chat', script: () => ({ status: 429, headers: { 'retry-after': '30' }, error: { error: { message: 'Slow down, please', type: 'rate_limit_error' } } }) });
const well = await startUpstream({ format: 'anthropic-messages', script: () => ({ text: 'pong', usage: { uncachedInput: 1_000, output: 40 } }) });
const problems: string[] = [];

beforeAll(async () => {
  [product, browser] = await Promise.all([startProduct({ variables: { DESKHAND_ALLOWED_PRIVATE_HOSTS: `${busy.host},${well.host}` } }), openBrowser()]);
  page = await (await browser.newContext({ viewport: { width: 1280, height: 860 }, reducedMotion: 'reduce', permissions: ['clipboard-read', 'clipboard-write'] })).newPage();
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  await page.goto(`${product.webUrl}/signup`);
  await page.getByLabel(/user ?name/i).fill('ada');
  await page.getByLabel(/email/i).fill('ada@example.org');
  await page.getByLabel(/password/i).first().fill('correct horse battery');
  await page.keyboard.press('Enter');
  await page.getByRole('textbox', { name: 'Message' }).waitFor();
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await product?.stop();
  await Promise.all([busy.close(), well.close()]);
}, 60_000);

interface Axe {
  run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
}

/** In both themes, and without a sideways scroll on a phone. */
async function expectClean(): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.evaluate(axe.source);
    const violations = async () => (await page.evaluate(async () => (await (globalThis as unknown as { axe: Axe }).axe.run()).violations)).filter(({ impact }) => impact === 'serious' || impact === 'critical');
    // Colours change over a moment; half-way they have neither theme's contrast.
    await page.waitForTimeout(300);
    await expect.poll(async () => (await violations()).map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`), { interval: 500 }).toEqual([]);
  }
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  await page.setViewportSize({ width: 1280, height: 860 });
}

const addModel = async (provider: string, model: string, address: string, more?: (form: ReturnType<Page['getByRole']>) => Promise<void>): Promise<void> => {
  await page.getByRole('button', { name: 'Add a model' }).click();
  const form = page.getByRole('form', { name: 'Add a model' });
  await form.getByLabel('Name').fill('fast');
  await form.getByLabel('Provider').selectOption(provider);
  await form.getByLabel('Model', { exact: true }).fill(model);
  await form.getByLabel('Address').fill(address);
  await form.getByLabel('API key').fill(secret);
  await more?.(form);
  await form.getByRole('button', { name: 'Save' }).click();
};
const call = async (key: string): Promise<{ status: number; text: string }> => {
  const response = await fetch(`${product.llmUrl}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'fast', messages: [{ role: 'user', content: 'ping' }] }) });
  return { status: response.status, text: await response.text() };
};

describe('pages for administrators of the model gateway', () => {
  it('LLM-2 LLM-3: a model is added, refused in words, tested, called, seen cooling down, changed and removed', async () => {
    const led = await fetch(`${product.llmUrl}/ui`, { redirect: 'manual' });
    expect([led.status, led.headers.get('location')]).toEqual([302, `${product.webUrl}/settings/usage`]);
    await page.goto(led.headers.get('location')!);
    await page.getByRole('link', { name: 'Models' }).click();
    await page.getByText('None yet.').waitFor();

    await addModel('openai_like', 'local', 'http://10.0.0.1:8000/v1');
    await page.getByRole('alert').getByText(/Address.*is not a public address/).waitFor();
    await expectClean();
    await page.getByLabel('Address').fill(`${busy.url}/v1`);
    await page.getByRole('button', { name: 'Save' }).click();
    const rows = page.getByRole('region', { name: 'fast' });
    await rows.getByText('Not called since the start').waitFor();
    await addModel('anthropic', 'claude-sonnet-5', well.url, async (form) => {
      await form.getByText('Price, context and limits').click();
      await form.getByLabel('Input, $').fill('3');
      await form.getByLabel('Output, $').fill('15');
      await form.getByLabel('Context window').fill('200000');
    });
    await rows.getByText('2 entries share the load').waitFor();
    await rows.getByText('$3 in, $15 out for a million tokens · 200k context').waitFor();
    await rows.getByRole('button', { name: 'Test Anthropic claude-sonnet-5' }).click();
    await rows.getByText('claude-sonnet-5 answered.').waitFor();
    expect(await page.evaluate('document.activeElement.ariaLabel')).toBe('Test Anthropic claude-sonnet-5');
    await rows.getByRole('button', { name: 'Test OpenAI-compatible local' }).click();
    await rows.getByText('Slow down, please').first().waitFor();

    // Calls go round the one that is busy, and the page says until when.
    await expect.poll(async () => { expect((await call(product.llmKey)).status).toBe(200); return rows.getByText(/Cooling down, \d+ s left/).count(); }, { timeout: 15_000 }).toBe(1);
    const left = async (): Promise<number> => Number(/(\d+) s left/.exec(await rows.getByText(/Cooling down/).innerText())![1]);
    const before = await left();
    await expect.poll(left).toBeLessThan(before);
    await expectClean();

    await rows.getByRole('button', { name: 'Change Anthropic claude-sonnet-5' }).click();
    await page.getByLabel('Model', { exact: true }).fill('claude-opus-5-5');
    await page.getByRole('button', { name: 'Save' }).click();
    await rows.getByText('claude-opus-5-5').waitFor();
    await call(product.llmKey);
    expect(well.requests.at(-1)).toMatchObject({ model: 'claude-opus-5-5', headers: { 'x-api-key': secret } });
    await rows.getByRole('button', { name: 'Remove OpenAI-compatible local' }).click();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await expect.poll(async () => rows.getByText('local').count()).toBe(0);
    expect(await page.content()).not.toContain(secret);
  }, 90_000);

  it('LLM-5: a virtual key is made with the keyboard, shown once, used, counted, blocked and deleted', async () => {
    await page.goto(`${product.webUrl}/settings/keys`);
    await page.getByText('None yet.').waitFor();
    await page.getByRole('button', { name: 'Make a key' }).press('Enter');
    await page.keyboard.type('build machine');
    await page.getByLabel('Models').fill('fast');
    await page.getByLabel('Budget, $').fill('10');
    await page.getByLabel('Budget for').selectOption({ label: 'each 30 days' });
    await page.getByLabel('Calls a minute').fill('5000');
    await page.keyboard.press('Enter');
    await page.getByText('Copy it now.').waitFor();
    await page.getByRole('button', { name: 'Copy key' }).click();
    const key = await page.evaluate<string>('navigator.clipboard.readText()');
    expect(key).toMatch(/^sk-/);
    await expectClean();
    await page.getByRole('button', { name: 'Done' }).click();
    expect(await page.content()).not.toContain(key);

    expect((await call(key)).status).toBe(200);
    await page.reload();
    const budget = page.getByRole('meter', { name: 'Budget of build machine' });
    await expect.poll(async () => { await page.reload(); return budget.getAttribute('aria-valuetext'); }, { timeout: 10_000 }).toMatch(/^\$0\.0036 of \$10 each 30 days · begins anew/);
    const further = { key, budget_limits: [{ budget_duration: '1d', max_budget: 2 }], model_max_budget: { fast: 1 } };
    expect((await fetch(`${product.llmUrl}/key/update`, { method: 'POST', headers: { authorization: `Bearer ${product.llmKey}` }, body: JSON.stringify(further) })).status).toBe(200);
    await page.reload();
    await budget.nth(2).waitFor();
    expect(await Promise.all([1, 2].map(async (index) => budget.nth(index).getAttribute('aria-valuetext')))).toEqual([expect.stringMatching(/^\$0 of \$2 each day · begins anew/), 'fast · $0 of $1']);
    await expectClean();
    // Two pages change the same key: each says only what was changed there. Then the keyboard is where it was.
    const other = await page.context().newPage();
    await other.goto(`${product.webUrl}/settings/keys`);
    for (const one of [page, other]) await one.getByRole('button', { name: 'Change build machine' }).press('Enter');
    await page.getByLabel('Calls a minute').fill('77');
    await page.keyboard.press('Enter');
    await page.getByText('fast · 77 calls a minute').waitFor();
    expect(await page.evaluate('document.activeElement.ariaLabel')).toBe('Change build machine');
    await other.getByLabel('Calls at once').fill('3');
    await other.keyboard.press('Enter');
    await other.getByText('77 calls a minute · 3 calls at once').waitFor();
    await other.close();
    await page.getByRole('button', { name: 'Block build machine' }).press('Enter');
    await page.getByText('blocked').waitFor();
    expect(await page.evaluate('document.activeElement.ariaLabel')).toBe('Unblock build machine');
    await expect.poll(async () => (await call(key)).status).toBe(401);
    await expectClean();
    await page.getByRole('button', { name: 'Unblock build machine' }).click();
    await expect.poll(async () => (await call(key)).status).toBe(200);
    await page.getByRole('button', { name: 'Delete build machine' }).click();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByText('None yet.').waitFor();
    expect((await call(key)).status).toBe(401);
  }, 60_000);

  it('LLM-6: one sees what one used, by day and model and by conversation, as a file too; an administrator what everyone did', async () => {
    const ada = await Client.signIn(product.webUrl, 'ada');
    const { id } = await ada.conversation({ title: 'Counting pings', model_name: 'fast' });
    await ada.say(id, 'ping');
    await page.goto(`${product.webUrl}/settings/usage`);
    const rowOf = (region: string, name: string | RegExp): ReturnType<Page['getByRole']> => page.getByRole('region', { name: region }).getByRole('row', { name });
    await expect.poll(async () => { await page.reload(); await page.getByText('Adding up usage…').waitFor({ state: 'hidden' }); return rowOf('By conversation', 'Counting pings').count(); }, { timeout: 15_000 }).toBe(1);
    // The parts of a page are asked for one by one: what came in between stands in some of them only.
    await page.reload();
    await rowOf('By conversation', 'Counting pings').waitFor();
    // 1,000 tokens in and 40 out, at $3 and $15 for a million.
    expect(await rowOf('By conversation', 'Counting pings').innerText()).toMatch(/^Counting pings\s+\$0\.0036\s+1K\s+0\s+40\s+1$/);
    expect(await rowOf('By model', 'claude-opus-5-5').count()).toBe(1);
    expect(await page.getByText('Nobody’s').count()).toBe(0);
    const chart = page.getByRole('slider', { name: 'Cost by day' });
    await chart.press('End');
    expect(await chart.getAttribute('aria-valuetext')).toMatch(/\$0\.0036; .*claude-opus-5-5 \$0\.0036$/);
    await page.getByRole('button', { name: 'Tokens' }).click();
    await page.getByRole('slider', { name: 'Tokens by day' }).waitFor();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'CSV' }).click()]);
    expect(download.suggestedFilename()).toMatch(/\.csv$/);
    expect(await text(await download.createReadStream())).toMatch(new RegExp(`^${new Date().toISOString().slice(0, 10)},${id},[^,]*claude-opus-5-5,1,`, 'm'));
    await expectClean();

    await page.getByRole('link', { name: 'Everyone’s usage' }).click();
    await rowOf('By user', 'ada').waitFor();
    expect(await rowOf('By user', /Nobody’s: the gateway’s own key, and keys without a user/).count()).toBe(1);
    expect(await rowOf('By virtual key', /A key that was deleted/).count()).toBe(1);
    await expectClean();
    await rowOf('By user', 'ada').waitFor();
    // Beside the two lists, no column is cut off.
    await page.setViewportSize({ width: 1024, height: 700 });
    expect(await page.evaluate("[...document.querySelectorAll('.scroll')].map((table) => table.scrollWidth - table.clientWidth).filter((left) => left > 0)")).toEqual([]);
    expect(problems).toEqual([]);
  }, 60_000);
});
