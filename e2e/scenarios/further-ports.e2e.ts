/** Ports 8080 and 6080 in real Chromium: both ask for a sign-in, then show the latest conversation's desktop. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '@deskhand/platform/free-port';
import { openBrowser } from '../browser.ts';
import { Client } from '../client/client.ts';
import { startProduct, type RunningProduct } from '../product.ts';

let product: RunningProduct;
let browser: Browser;
let client: Client;
let ports: { combined: number; desktop: number };

beforeAll(async () => {
  ports = { combined: await freePort(), desktop: await freePort() };
  [product, browser] = await Promise.all([startProduct({ variables: { DESKHAND_COMBINED_PORT: String(ports.combined), DESKHAND_DESKTOP_PORT: String(ports.desktop) } }), openBrowser()]);
  client = await Client.register(product.webUrl);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await product?.stop();
}, 60_000);

/** A page of somebody who opens the address and signs in when asked. */
async function open(address: string) {
  const page = await (await browser.newContext({ viewport: { width: 1400, height: 860 } })).newPage();
  await page.goto(address);
  await page.waitForURL(/\/login\?next=/);
  await page.getByLabel(/user ?name/i).fill(client.session.user.username);
  await page.getByLabel(/password/i).fill('correct horse battery');
  await page.keyboard.press('Enter');
  return page;
}

const painted = 'document.querySelector(\'aside canvas[width="1280"]\')?.getContext("2d").getImageData(300, 300, 1, 1).data[2] ?? 0';

it('API-2 DESK-1: the combined port shows chat and desktop with a toggle', async () => {
  const page = await open(`http://127.0.0.1:${ports.combined}/`);
  await page.waitForURL(/\/c\//);
  expect(new URL(page.url()).port).toBe(String(ports.combined));
  await page.getByRole('textbox', { name: 'Message' }).waitFor();
  await page.getByRole('complementary', { name: 'Desktop' }).waitFor();
  await page.getByRole('button', { name: 'Start computer' }).click();
  await expect.poll(() => page.evaluate(painted), { timeout: 20_000 }).toBeGreaterThan(0);
  await page.getByRole('radio', { name: 'Desktop only' }).click();
  expect(await page.getByRole('textbox', { name: 'Message' }).isVisible()).toBe(false);
  await page.getByRole('radio', { name: 'Chat only' }).click();
  await page.getByRole('textbox', { name: 'Message' }).waitFor();
  await page.close();
}, 60_000);

it('API-2 DESK-2: the desktop port shows the desktop alone, to look at until control is taken', async () => {
  const page = await open(`http://127.0.0.1:${ports.desktop}/vnc.html`);
  await page.waitForURL(/\/vnc\.html/);
  await expect.poll(() => page.evaluate(painted), { timeout: 20_000 }).toBeGreaterThan(0);
  expect(await page.getByRole('textbox', { name: 'Message' }).isVisible()).toBe(false);
  await page.getByText('You are watching.').waitFor();
  await page.getByRole('button', { name: 'Take control' }).click();
  await page.getByRole('button', { name: 'Release' }).waitFor();
  expect((await fetch(`http://127.0.0.1:${ports.desktop}/`, { redirect: 'manual' })).headers.get('location')).toBe('/vnc.html');
  await page.close();
}, 60_000);
