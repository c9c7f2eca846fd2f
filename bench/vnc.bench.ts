import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { openBrowser } from '../e2e/browser.ts';
import { Client } from '../e2e/client/client.ts';
import { RfbClient } from '../e2e/client/rfb.ts';
import { startProduct, type RunningProduct } from '../e2e/product.ts';
import { percentile, scaled, type Benchmark } from './benchmark.ts';

export const benchmark: Benchmark = {
  name: 'vnc',
  figures: [
    { name: 'p50_ms', unit: 'ms', how: 'a mouse button pressed in the page to the changed pixel on its canvas (noVNC in headless Chromium; the window manager opens or closes its menu), median', most: 500 },
    { name: 'stalled_mb', unit: 'MB', how: 'what the gateway and the manager grow by while one of four viewers reads nothing and asks for whole pictures', most: 150 },
    { name: 'idle_bytes_s', unit: 'B/s', how: 'bytes that a viewer gets of a desktop where nothing happens', most: 1_024 },
  ],
  run: async ({ size, say }) => {
    const product = await startProduct({ variables: { DESKHAND_REGISTRATION: 'open' } });
    try {
      const client = await Client.register(product.webUrl);
      const latencies = await inThePage(client, scaled(200, { size }, 10));
      say(`p50 ${percentile(latencies, 0.5).toFixed(1)} ms, p95 ${percentile(latencies, 0.95).toFixed(1)} ms`);
      const stalled = await stalledViewer(product, client, scaled(30, { size }, 3));
      return { p50_ms: percentile(latencies, 0.5), stalled_mb: stalled, idle_bytes_s: await idleBytes(client, scaled(20, { size }, 5)) };
    } finally {
      await product.stop();
    }
  },
};

async function watch(client: Client, id: string): Promise<RfbClient> {
  const { url } = await client.request<{ url: string }>('POST', `/api/conversations/${id}/desktop/ticket`, { mode: 'control' });
  const viewer = await RfbClient.open(url);
  // A new desktop paints its panel a moment later.
  for (let updates = -1; updates !== viewer.updates || viewer.updates === 0; await sleep(1_600)) updates = viewer.updates;
  return viewer;
}

async function inThePage(client: Client, count: number): Promise<number[]> {
  const { id } = await client.conversation({ model_name: 'scripted/demo' });
  (await watch(client, id)).close();
  const browser = await openBrowser();
  try {
    const page = await (await browser.newContext({ viewport: { width: 1400, height: 900 } })).newPage();
    await page.goto(`${client.baseUrl}/login`);
    await page.getByLabel(/user ?name/i).fill(client.session.user.username);
    await page.getByLabel(/password/i).fill('correct horse battery');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${client.baseUrl}/`);
    await page.goto(`${client.baseUrl}/c/${id}`);
    await page.getByRole('radio', { name: 'Desktop only' }).click();
    await page.getByRole('button', { name: 'Take control' }).click();
    await page.getByRole('button', { name: 'Release' }).waitFor();
    await sleep(500);
    const samples: number[] = [];
    for (let index = 0; index < count; index++) samples.push(await press(page));
    return samples;
  } finally {
    await browser.close();
  }
}

/** The right button where nothing is opens a menu, pressed beside it again closes it. Both happen where the pixels are looked at. */
async function press(page: Page): Promise<number> {
  const milliseconds = await page.evaluate(`(async () => {
    const canvas = document.querySelector('aside canvas[width="1280"]');
    const box = canvas.getBoundingClientRect();
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const look = () => context.getImageData(660, 420, 60, 60).data.join();
    const before = look();
    const isOpen = globalThis.menuIsOpen = !globalThis.menuIsOpen;
    const [x, y] = isOpen ? [640, 400] : [200, 200];
    const at = { clientX: box.left + x * box.width / 1280, clientY: box.top + y * box.height / 800, bubbles: true, cancelable: true, button: isOpen ? 2 : 0 };
    const started = performance.now();
    canvas.dispatchEvent(new MouseEvent('mousemove', { ...at, buttons: 0 }));
    canvas.dispatchEvent(new MouseEvent('mousedown', { ...at, buttons: isOpen ? 2 : 1 }));
    canvas.dispatchEvent(new MouseEvent('mouseup', { ...at, buttons: 0 }));
    while (look() === before) {
      if (performance.now() - started > 3000) return -1;
      await new Promise((resolve) => { const { port1, port2 } = new MessageChannel(); port1.onmessage = () => resolve(); port2.postMessage(0); });
    }
    const took = performance.now() - started;
    await new Promise((resolve) => setTimeout(resolve, 150));
    return took;
  })()`);
  if ((milliseconds as number) < 0) throw new Error('A press in the page changed nothing on the desktop');
  return milliseconds as number;
}

async function stalledViewer(product: RunningProduct, client: Client, seconds: number): Promise<number> {
  const { id } = await client.conversation({ model_name: 'scripted/demo' });
  const [stuck, ...others] = (await Promise.all(Array.from({ length: 4 }, async () => watch(client, id)))) as [RfbClient, ...RfbClient[]];
  await client.request('POST', `/api/conversations/${id}/desktop/lease`, {});
  stuck.stall();
  const memory = (): number => (['gateway', 'sandbox-manager'] as const).reduce((sum, part) => sum + Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${product.pid(part)}/status`, 'utf8'))![1]) / 1_024, 0);
  const before = memory();
  let most = 0;
  for (const end = Date.now() + seconds * 1_000; Date.now() < end; await sleep(50)) {
    stuck.request(false);
    const driver = others[0]!;
    for (const buttons of [0, 4, 0]) driver.pointer(buttons, 100 + ((Date.now() / 50) % 900), 300);
    most = Math.max(most, memory() - before);
  }
  for (const viewer of others) if (viewer.closed !== null) throw new Error('A viewer that was not stuck was cut off');
  for (const viewer of [stuck, ...others]) viewer.close();
  return most;
}

async function idleBytes(client: Client, seconds: number): Promise<number> {
  const { id } = await client.conversation({ model_name: 'scripted/demo' });
  const viewer = await watch(client, id);
  const before = viewer.received;
  await sleep(seconds * 1_000);
  const bytes = viewer.received - before;
  viewer.close();
  return bytes / seconds;
}
