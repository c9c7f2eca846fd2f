/** The desktop beside the chat in a real browser: seen, laid out, driven, typed into, handed over, lost and found again. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import type { DesktopLease } from '@deskhand/contracts';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startUpstream } from '../../services/llm-gateway/test/upstream.ts';
import { openBrowser } from '../browser.ts';
import { Client } from '../client/client.ts';
import { noted, openNotingPage } from '../noting-page.ts';
import { startProduct, type RunningProduct } from '../product.ts';

/** Opens a page that notes what is typed into it, then looks at the desktop once; asked for it, says much at a pace. */
const model = await startUpstream({
  format: 'openai-chat',
  script: ({ step, userText }) => {
    if (userText === 'At length') return step === 0 ? { text: paragraphs('First'), paceMs: 8, toolCalls: [{ name: 'bash', arguments: { command: 'for i in $(seq 40); do echo "line $i"; sleep 0.02; done' } }] } : { text: paragraphs('Then'), paceMs: 8 };
    return [...openNotingPage, { toolCalls: [{ name: 'computer', arguments: { action: 'screenshot' } }] }, { text: 'It is **open**.' }][step] ?? { text: 'Done.' };
  },
});
const paragraphs = (title: string) => Array.from({ length: 12 }, (_, index) => `## ${title} ${index}\n\n${'Some words of it. '.repeat(8)}\n\n\`\`\`python\nprint(${index})\n\`\`\``).join('\n\n');

let product: RunningProduct;
let browser: Browser;
let ada: Client;
let context: BrowserContext;
let page: Page;
let id: string;
let computer: string;
let problems: string[];

beforeAll(async () => {
  [product, browser] = await Promise.all([startProduct({ variables: { DESKHAND_REGISTRATION: 'open', DESKHAND_ALLOWED_PRIVATE_HOSTS: model.host } }), openBrowser()]);
  ada = await Client.register(product.webUrl);
  await ada.provider('openai', model.url, 'desk-model');
  ({ id } = await ada.conversation());
  context = await signedIn();
  ({ page, problems } = await watchedPage(context));
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await product?.stop();
  await model.close();
}, 60_000);

async function signedIn(options: Parameters<Browser['newContext']>[0] = {}): Promise<BrowserContext> {
  const made = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', permissions: ['clipboard-read', 'clipboard-write'], ...options });
  const login = await made.newPage();
  await login.goto(`${product.webUrl}/login`);
  await login.getByLabel(/user ?name/i).fill(ada.session.user.username);
  await login.getByLabel(/password/i).fill('correct horse battery');
  await login.keyboard.press('Enter');
  await login.getByRole('textbox', { name: 'Message' }).waitFor();
  await login.close();
  return made;
}

/** A page that remembers whatever a person would call broken. */
async function watchedPage(within: BrowserContext): Promise<{ page: Page; problems: string[] }> {
  const made = await within.newPage();
  const found: string[] = [];
  made.on('pageerror', (error) => found.push(`error: ${error.message}`));
  made.on('console', (line) => {
    // Nobody answers while a gateway is killed, and a browser names every such call.
    if ((line.type() === 'error' || line.type() === 'warning') && !/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|401 \(Unauthorized\)/.test(line.text())) found.push(`console: ${line.text()}`);
  });
  return { page: made, problems: found };
}

interface Axe {
  run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
}

async function seriousViolations(tab: Page): Promise<string[]> {
  await tab.evaluate(axe.source);
  const found = await tab.evaluate(async () => (await (globalThis as unknown as { axe: Axe }).axe.run()).violations);
  return found.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id: rule, nodes }) => `${rule}: ${nodes.map((node) => node.html).join(' ')}`);
}

const pane = (tab: Page) => tab.getByRole('complementary', { name: 'Desktop' });
const button = (tab: Page, name: string | RegExp) => pane(tab).getByRole('button', { name });
/** How many different colours a coarse grid of the picture has; one or none on an empty screen. */
const colours = (tab: Page) =>
  tab.evaluate<number>(`(() => {
    const canvas = document.querySelector('aside [role=img] canvas');
    if (!canvas || canvas.width !== 1280) return 0;
    const copy = new OffscreenCanvas(64, 40).getContext('2d', { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0, 64, 40);
    return new Set(new Uint32Array(copy.getImageData(0, 0, 64, 40).data.buffer)).size;
  })()`);
/** What is typed by way of the clipboard takes its time: a quarter of a second a piece. */
const typed = (text: string) => expect.poll(() => noted(product, computer, 'typed.txt'), { timeout: 20_000 }).toBe(text);
const live = (tab: Page) => expect.poll(() => colours(tab), { timeout: 30_000 }).toBeGreaterThan(3);
const writtenInto = (file: string) => {
  const path = join(product.dataFolder, 'workspaces', computer, 'workspace', file);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
};

/** Clicks a place of the desktop, in its own pixels. */
async function clickDesktop(tab: Page, x: number, y: number): Promise<void> {
  const box = (await tab.locator('aside [role=img] canvas').boundingBox())!;
  await tab.mouse.click(box.x + (x / 1_280) * box.width, box.y + (y / 800) * box.height);
}

async function takeControl(tab: Page): Promise<void> {
  // A test that failed may have left it taken.
  await ada.request('DELETE', `/api/conversations/${id}/desktop/lease`);
  await button(tab, 'Take control').click();
  await button(tab, 'Release').waitFor();
}

async function release(tab: Page): Promise<void> {
  await button(tab, 'Release').click();
  await button(tab, 'Take control').waitFor();
}

describe('the desktop beside the chat', () => {
  it('DESK-1: opens by itself when the agent first uses it, shows its picture, and takes no focus', async () => {
    await page.goto(`${product.webUrl}/c/${id}`);
    const message = page.getByRole('textbox', { name: 'Message' });
    await message.fill('Open the page');
    expect(await pane(page).count()).toBe(0);
    await page.keyboard.press('Enter');
    await message.fill('half a thou');
    await pane(page).waitFor({ timeout: 90_000 });
    await page.keyboard.type('ght');
    expect(await message.inputValue()).toBe('half a thought');
    await message.fill('');
    await live(page);
    await page.getByText('It is open.').first().waitFor({ timeout: 30_000 });
    computer = (await ada.request<{ computer_id: string }>('POST', `/api/conversations/${id}/sandbox/start`)).computer_id;
    await pane(page).getByText('Idle').first().waitFor();
    const picture = page.getByRole('button', { name: /^Took a screenshot/ });
    expect(await picture.getAttribute('aria-expanded')).toBe('false');
    await picture.click();
    const shown = page.getByRole('img', { name: 'Took a screenshot' });
    await expect.poll(() => shown.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth)).toBe(1_280);
    await page.getByRole('button', { name: 'Enlarge: Took a screenshot' }).click();
    await page.getByRole('dialog', { name: 'Took a screenshot' }).waitFor();
    await page.keyboard.press('Escape');
    await picture.click();
  }, 150_000);

  it('DESK-2: is only looked at until control is taken', async () => {
    await clickDesktop(page, 640, 180);
    await pane(page).getByText('You are only watching.').waitFor();
    await page.keyboard.type('not for the desktop');
    const message = page.getByRole('textbox', { name: 'Message' });
    expect(await message.inputValue()).toBe('not for the desktop');
    await message.fill('');
    await page.waitForTimeout(500);
    expect(noted(product, computer, 'typed.txt')).toBe('');
  });

  it('DESK-5: what a person types arrives exactly: keys, umlauts, CJK, an emoji, a paste; what they copy comes back', async () => {
    await takeControl(page);
    await pane(page).getByText(/\d:\d\d/).waitFor();
    await clickDesktop(page, 640, 180);
    // As long as a hand needs from the mouse to the keys: the click has to reach the window first.
    await page.waitForTimeout(400);
    await page.keyboard.type('Straße, Äpfel & Öl @ 5 € {x} ~ ');
    await page.keyboard.insertText('日本語 ');
    await page.keyboard.insertText('🙂');
    await page.keyboard.type(' ok');
    const written = 'Straße, Äpfel & Öl @ 5 € {x} ~ 日本語 🙂 ok';
    await typed(written);
    await page.evaluate('navigator.clipboard.writeText("\\nGrüße an 漢字 👋\\nпривет")');
    await page.keyboard.press('Control+v');
    const whole = `${written}\nGrüße an 漢字 👋\nпривет`;
    await typed(whole);
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Control+c');
    await expect.poll(() => page.evaluate<string>('navigator.clipboard.readText()')).toBe(whole);
    // What was copied there stays on its clipboard, whatever was typed since by way of it.
    await page.keyboard.press('Control+End');
    await page.keyboard.type('ö');
    await page.keyboard.press('Control+v');
    await typed(`${whole}ö${whole}`);
    // Choosing text is not copying it.
    await page.keyboard.press('Shift+Home');
    await page.waitForTimeout(700);
    expect(await pane(page).getByText('Copied on the desktop').count()).toBe(0);
    expect(await page.evaluate<string>('navigator.clipboard.readText()')).toBe(whole);
  }, 60_000);

  it('DESK-5: a terminal gets the same text', async () => {
    // The terminal's button on the panel.
    await clickDesktop(page, 42, 786);
    // What is said before it has the keyboard is lost; it is there when it does what it is told.
    const up = async () => {
      await page.keyboard.type('touch /workspace/terminal');
      await page.keyboard.press('Enter');
      await page.waitForTimeout(400);
      return existsSync(join(product.dataFolder, 'workspaces', computer, 'workspace', 'terminal'));
    };
    await expect.poll(up, { timeout: 20_000 }).toBe(true);
    await page.keyboard.type("printf %s 'Übung с ");
    await page.keyboard.insertText('日本語 🙂');
    await page.keyboard.type("' > /workspace/from-terminal");
    await page.keyboard.press('Enter');
    await expect.poll(() => writtenInto('from-terminal')).toBe('Übung с 日本語 🙂');
    await page.keyboard.type('exit');
    await page.keyboard.press('Enter');
  }, 60_000);

  it('DESK-2: has the keyboard while one types there, and gives it back after Esc Esc', async () => {
    const focused = () => page.evaluate<string>('document.activeElement.textContent + document.activeElement.tagName');
    await page.keyboard.press('Control+k');
    await page.waitForTimeout(300);
    expect(await page.getByRole('dialog').count()).toBe(0);
    await page.keyboard.press('Escape');
    await page.waitForTimeout(700);
    expect(await focused()).toContain('TEXTAREA');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    expect(await focused()).toBe('ReleaseBUTTON');
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await button(page, 'Release').focus();
    await page.keyboard.press('Enter');
    await button(page, 'Take control').waitFor();
    expect(await focused()).toBe('Take controlBUTTON');
    await page.getByText(/You drove the desktop for/).first().waitFor();
  });

  it('DESK-1: the divider moves by pointer and keys and stays where it was; chat only, desktop only, full screen', async () => {
    const divider = page.getByRole('separator', { name: 'Width of the desktop' });
    const share = async () => Number(await divider.getAttribute('aria-valuenow'));
    const width = async () => (await pane(page).boundingBox())!.width;
    const [before, wide] = [await share(), await width()];
    await divider.focus();
    await page.keyboard.press('ArrowLeft');
    expect(await share()).toBe(before + 2);
    await expect.poll(width).toBeGreaterThan(wide);
    const box = (await divider.boundingBox())!;
    await page.mouse.move(box.x + 3, box.y + 200);
    await page.mouse.down();
    await page.mouse.move(box.x + 120, box.y + 210, { steps: 5 });
    await page.mouse.up();
    const moved = await share();
    expect(moved).toBeLessThan(before);
    await page.reload();
    await live(page);
    expect(await share()).toBe(moved);
    await page.getByRole('radio', { name: 'Desktop only' }).click();
    expect(await page.getByRole('textbox', { name: 'Message' }).isVisible()).toBe(false);
    await page.reload();
    await live(page);
    expect(await page.getByRole('textbox', { name: 'Message' }).isVisible()).toBe(false);
    await button(page, 'Full screen').click();
    await expect.poll(() => page.evaluate<boolean>('document.fullscreenElement?.tagName === "ASIDE"')).toBe(true);
    await button(page, 'Leave full screen').click();
    await page.getByRole('radio', { name: 'Chat only' }).click();
    expect(await pane(page).isVisible()).toBe(false);
    await page.getByRole('radio', { name: 'Chat and desktop' }).click();
    await live(page);
  }, 60_000);

  it('CONV-2 DESK-1: nothing moves while an answer streams: neither the parts of the page, nor what somebody reads further up', async () => {
    const message = page.getByRole('textbox', { name: 'Message' });
    await message.fill('At length');
    await page.keyboard.press('Enter');
    const read = page.getByRole('heading', { name: 'First 1', exact: true }).last();
    await page.getByRole('heading', { name: 'First 3', exact: true }).last().waitFor();
    await read.hover();
    await page.mouse.wheel(0, -400);
    await page.getByRole('button', { name: 'Jump to the end' }).waitFor();
    // Where each of these stands, in every frame until the end.
    const places = await page.evaluateHandle<{ stop(): string[] }>(`(() => {
      const read = [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].findLast(({ textContent }) => textContent.trim() === 'First 1');
      const parts = { header: 'header', composer: 'textarea', divider: '[role=separator]', desktop: 'aside', picture: 'aside [role=img] canvas' };
      const seen = new Set();
      let going = true;
      const note = (name, element) => {
        const box = element?.getBoundingClientRect();
        seen.add(name + ' ' + (box ? [box.x, box.y, box.width, box.height].map(Math.round).join(' ') : 'is gone'));
      };
      const look = () => {
        for (const [name, selector] of Object.entries(parts)) note(name, document.querySelector(selector));
        note('what is read', read.isConnected ? read : null);
        if (going) requestAnimationFrame(look);
      };
      look();
      return { stop: () => { going = false; return [...seen].sort(); } };
    })()`);
    await page.getByRole('heading', { name: 'Then 11', exact: true }).last().waitFor({ timeout: 40_000 });
    const seen = await places.evaluate((watch) => watch.stop());
    expect(seen.map((place) => place.replace(/(?: -?\d+){4}$/, ''))).toEqual(['composer', 'desktop', 'divider', 'header', 'picture', 'what is read']);
    await page.getByRole('button', { name: 'Stop', exact: true }).waitFor({ state: 'detached' });
  }, 90_000);

  it('is usable by everybody: light, dark, narrow, on a phone, watching and driving', async () => {
    for (const [width, height] of [[1_440, 900], [1_000, 760], [390, 844]] as const) {
      await page.setViewportSize({ width, height });
      if (width === 390) await page.getByRole('link', { name: 'Desktop' }).click();
      for (const drives of [false, true]) {
        if (drives) await takeControl(page);
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
          // Colours change over a moment; half-way they have neither theme's contrast.
          await page.waitForTimeout(300);
          await expect.poll(() => seriousViolations(page), { interval: 500 }).toEqual([]);
          expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
        }
        if (drives) await release(page);
      }
    }
    await page.getByRole('link', { name: 'Chat' }).click();
    await page.getByRole('textbox', { name: 'Message' }).waitFor();
    await page.setViewportSize({ width: 1_440, height: 900 });
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  }, 90_000);

  it('DESK-5: a phone types by its own keyboard, through a button', async () => {
    const phone = await signedIn({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    const { page: tab, problems: found } = await watchedPage(phone);
    await tab.goto(`${product.webUrl}/c/${id}`);
    await tab.getByRole('link', { name: 'Desktop' }).click();
    await live(tab);
    await takeControl(tab);
    const box = (await tab.locator('aside [role=img] canvas').boundingBox())!;
    await tab.touchscreen.tap(box.x + box.width / 2, box.y + (180 / 800) * box.height);
    await tab.waitForTimeout(600);
    expect(await tab.evaluate('document.activeElement.tagName')).not.toBe('TEXTAREA');
    await button(tab, 'Keyboard').tap();
    await tab.keyboard.press('Control+a');
    // Whole words at once, as a phone's keyboard gives them.
    await tab.keyboard.insertText('schön ');
    await tab.keyboard.insertText('言葉');
    await typed('schön 言葉');
    await release(tab);
    expect(found).toEqual([]);
    await phone.close();
  }, 60_000);

  it('DESK-2: whoever drives is asked, and one\'s own tabs take turns', async () => {
    await takeControl(page);
    await ada.request('POST', `/api/conversations/${id}/desktop/lease`, { client_id: 'somewhere-else', ask: true }).catch((error: unknown) => expect(error).toMatchObject({ status: 409 }));
    await pane(page).getByText('Somebody else asks to drive.').waitFor();
    await button(page, 'Keep').click();
    expect(await button(page, 'Hand over').count()).toBe(0);
    const { page: second } = await watchedPage(context);
    await second.goto(`${product.webUrl}/c/${id}`);
    await live(second);
    await pane(second).getByText('You are driving in another tab').first().waitFor();
    await button(second, 'Drive here').click();
    await button(second, 'Release').waitFor();
    await pane(page).getByText('You are driving in another tab').first().waitFor();
    await ada.request('POST', `/api/conversations/${id}/desktop/lease`, { client_id: 'somewhere-else', ask: true }).catch((error: unknown) => expect(error).toMatchObject({ status: 409 }));
    await button(second, 'Hand over').click();
    await expect.poll(async () => (await ada.request<{ lease: DesktopLease | null }>('GET', `/api/conversations/${id}/desktop/lease`)).lease?.client_id).toBe('somewhere-else');
    await ada.request('DELETE', `/api/conversations/${id}/desktop/lease`);
    await button(page, 'Take control').waitFor();
    await second.close();
  }, 60_000);

  it('DESK-2: comes back by itself with the turn that one had, after the gateway or the manager died', async () => {
    await takeControl(page);
    for (const part of ['gateway', 'sandbox-manager'] as const) {
      product.kill(part);
      await pane(page).getByText('Reconnecting to the desktop…').waitFor({ timeout: 10_000 });
      const lost = performance.now();
      await expect.poll(() => pane(page).getByText('Reconnecting to the desktop…').count(), { timeout: 15_000, interval: 25 }).toBe(0);
      await live(page);
      const took = performance.now() - lost;
      console.info(`the picture was back ${Math.round(took)} ms after the page had lost it with the ${part}`);
      // Where the product takes long to start, a part of it does too.
      expect(took).toBeLessThan(Math.max(5_000, 2 * product.startedInMilliseconds));
      await button(page, 'Release').waitFor();
      await product.untilWell();
    }
    await clickDesktop(page, 640, 180);
    // As above: the click has to reach the window before the keys.
    await page.waitForTimeout(400);
    await page.keyboard.press('Control+a');
    await page.keyboard.type('still here');
    await typed('still here');
    await release(page);
  }, 90_000);

  it('DESK-1: a computer that is stopped stays so until somebody starts it', async () => {
    await page.getByRole('button', { name: /^Computer:/ }).click();
    await page.getByRole('menuitem', { name: /Stop/ }).click();
    await button(page, 'Start computer').waitFor({ timeout: 30_000 });
    await page.waitForTimeout(3_000);
    await button(page, 'Start computer').click();
    await live(page);
    expect(problems).toEqual([]);
  }, 90_000);
});
