import { setTimeout as sleep } from 'node:timers/promises';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guest } from '../../services/llm-gateway/src/scripted/tour-desktop.ts';
import { startUpstream, type UpstreamScript } from '../../services/llm-gateway/test/upstream.ts';
import { openBrowser } from '../browser.ts';
import { Client } from '../client/client.ts';
import { followThroughCuts } from '../client/resuming.ts';
import { startProduct, type RunningProduct } from '../product.ts';

/** What the built-in tour does, as any other model would ask for it. */
const tour: UpstreamScript = ({ step }) => [
  { reasoning: 'First a look around.', text: 'I look around.', toolCalls: [{ name: 'bash', arguments: { command: 'echo "here: $(pwd)"' } }] },
  { toolCalls: [{ name: 'write', arguments: { path: 'note.txt', content: 'one\ntwo\n' } }] },
  { toolCalls: [{ name: 'edit', arguments: { path: 'note.txt', old_string: 'two', new_string: 'zwei ü 🙂' } }] },
  { toolCalls: [{ name: 'read', arguments: { path: 'note.txt' } }] },
  { text: 'May I?', toolCalls: [{ name: 'bash', arguments: { command: 'rm note.txt && ls -A', ask_first: true, reason: 'It deletes the note' } }] },
  { text: 'All **done**.' },
][step] ?? { text: 'Nothing more.' };

let product: RunningProduct;
let browser: Browser;
const openai = await startUpstream({ format: 'openai-chat', script: tour });
const anthropic = await startUpstream({ format: 'anthropic-messages', script: tour });

beforeAll(async () => {
  [product, browser] = await Promise.all([startProduct({ variables: { DESKHAND_REGISTRATION: 'open', DESKHAND_ALLOWED_PRIVATE_HOSTS: `${openai.host},${anthropic.host}` } }), openBrowser()]);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await product?.stop();
  await Promise.all([openai.close(), anthropic.close()]);
}, 60_000);

/** A page that remembers whatever a person would call broken. */
async function newPage(): Promise<{ page: Page; problems: string[] }> {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 860 }, reducedMotion: 'reduce' })).newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('console', (line) => {
    // A browser names every 401 on its console; before the sign-in that is the answer.
    if (line.type() === 'error' && !line.text().includes('401 (Unauthorized)')) problems.push(`console: ${line.text()}`);
  });
  page.on('request', (request) => { if (!/^(blob|data):/.test(request.url()) && new URL(request.url()).origin !== product.webUrl) problems.push(`elsewhere: ${request.url()}`); });
  return { page, problems };
}

interface Axe {
  run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
}

/** What the tour's page wrote down is what was typed, and the last picture of the desktop shows the page that thanks for it. */
async function expectSignedGuestBook(page: Page): Promise<void> {
  const client = await Client.signIn(product.webUrl, 'ada');
  const id = new URL(page.url()).pathname.split('/').at(-1)!;
  const results = (await client.messages(id)).flatMap(({ blocks }) => blocks.flatMap((block) => (block.type === 'tool_result' ? [block] : [])));
  expect(results.filter(({ is_error }) => is_error)).toEqual([]);
  expect(results.at(-1)!.result.output).toBe(`${guest.name}: ${guest.words}\n`);
  const pictures = results.flatMap(({ result: { images = [] } }) => images);
  expect(pictures.length).toBeGreaterThanOrEqual(7);
  const [red, green, blue] = await page.evaluate<[number, number, number]>(`(async () => {
    const picture = await createImageBitmap(await (await fetch("/api/conversations/${id}/blobs/${pictures.at(-1)!.blob}")).blob());
    const canvas = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    canvas.drawImage(picture, 0, 0);
    return [...canvas.getImageData(640, 640, 1, 1).data];
  })()`);
  expect(Math.hypot(red - 0x1a, green - 0x7f, blue - 0x37)).toBeLessThan(20);
}

async function seriousViolations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => (await (globalThis as unknown as { axe: Axe }).axe.run()).violations);
  return found.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
}

// Both wait most of the time, for a model that speaks at the pace of a reader. What polls belongs to its test, so it has that one's `expect`.
describe.concurrent('a first visit', () => {
  it('CONV-1 CONV-2 AGENT-2 AGENT-3 AGENT-5 LLM-8: signs up, takes the tour, reloads in the middle, decides, and reads the end', async ({ expect: expected }) => {
    const { page, problems } = await newPage();
    await page.goto(`${product.webUrl}/`);
    await page.waitForURL(/\/(login|signup)/);
    await page.goto(`${product.webUrl}/signup`);
    await page.getByLabel(/user ?name/i).fill('ada');
    await page.getByLabel(/email/i).fill('ada@example.org');
    await page.getByLabel(/password/i).first().fill('correct horse battery');
    await page.keyboard.press('Enter');
    const message = page.getByRole('textbox', { name: 'Message' });
    await message.waitFor();
    expect(await seriousViolations(page)).toEqual([]);
    await message.fill('Give me the tour');
    await page.keyboard.press('Enter');
    await page.getByText('this conversation\'s own computer').first().waitFor();
    await page.getByRole('button', { name: /Wrote.*hello\.py/ }).waitFor({ timeout: 40_000 });
    await page.reload();
    await page.getByRole('button', { name: /Edited.*hello\.py/ }).waitFor({ timeout: 40_000 });
    const allow = page.getByRole('button', { name: /Allow once/ });
    // A browser starts on the desktop before that.
    await allow.waitFor({ timeout: 90_000 });
    await expectSignedGuestBook(page);
    const second = await page.context().newPage();
    await second.goto(page.url());
    await second.getByRole('button', { name: /Allow once/ }).waitFor();
    await page.bringToFront();
    for (const scheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
      // Colours change over a moment; half-way they have neither theme's contrast.
      await page.waitForTimeout(300);
      await expected.poll(() => seriousViolations(page), { interval: 500 }).toEqual([]);
    }
    await allow.click();
    for (const tab of [page, second]) await tab.locator('main .turn p').getByText('really ran in your container.').waitFor({ timeout: 40_000 });
    const main = page.locator('main');
    await expected.poll(async () => main.innerText()).toContain('Hello, dear reader, from your own computer!');
    expect(await main.getByRole('region', { name: /Changes in hello\.py/ }).count()).toBeGreaterThanOrEqual(2);
    // Which steps stand open differs with what a tab saw happen; the words do not.
    const words = async (tab: Page) => tab.locator('main .turn p').allInnerTexts();
    expect(await words(second)).toEqual(await words(page));
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await page.goto(`${product.webUrl}/settings`);
    await page.getByRole('heading').first().waitFor();
    expect(await seriousViolations(page)).toEqual([]);
    expect(problems).toEqual([]);
  }, 240_000);

  it('AGENT-3 DESK-2 LLM-8: pauses while a person drives the desktop, and says afterwards what it was told', async ({ expect: expected }) => {
    const client = await Client.register(product.webUrl);
    const { id } = await client.conversation();
    const { run_id } = await client.say(id, 'Give me the tour');
    let lease: Promise<{ epoch: number }> | undefined;
    const whole = followThroughCuts(client, id, run_id, {
      way: 'sse', cuts: [],
      onFrame: ({ frame }) => {
        if (frame.type === 'approval-requested') void client.decide(frame.approval_id, 'allow');
        if (frame.type === 'tool-call-ended' && frame.name === 'computer') lease ??= client.request('POST', `/api/conversations/${id}/desktop/lease`, { client_id: 'a-tab' });
      },
    }, 200_000);
    await expected.poll(() => lease, { timeout: 120_000 }).toBeDefined();
    const { epoch } = await lease!;
    // What had begun waits in place, what had not as a row; nothing more happens on the desktop.
    await sleep(2_500);
    const actions = async () => (await client.messages(id)).flatMap(({ blocks }) => blocks).filter((block) => block.type === 'tool_result' && block.name === 'computer').length;
    const before = await actions();
    await sleep(2_500);
    expect(await actions()).toBe(before);
    await client.request('DELETE', `/api/conversations/${id}/desktop/lease?client_id=a-tab&epoch=${epoch}`);
    await whole;
    const messages = await client.messages(id);
    const told = messages.filter(({ role, content }) => role === 'assistant' && content.includes('I waited, and was told meanwhile'));
    expect(told).toHaveLength(1);
    const notice = messages.flatMap(({ blocks }) => blocks).find((block) => block.type === 'notice');
    expect(told[0]!.content).toContain(`> ${notice?.text}`);
    expect(messages.at(-1)!.content).toContain('| fill in a form on the desktop | `computer` | worked |');
  }, 240_000);
});

describe.each([['openai', openai], ['anthropic', anthropic]] as const)('a provider that speaks the format of %s', (provider, upstream) => {
  it('AUTH-5 AGENT-1 AGENT-2 AGENT-5: is tested and then drives the same tour over real HTTP', async () => {
    const client = await Client.register(product.webUrl);
    await client.provider(provider, upstream.url, 'tour-model');
    const test = await client.request<{ ok: boolean; message: string }>('POST', `/api/users/me/providers/${provider}/test`);
    expect(test).toMatchObject({ ok: true });
    const { id } = await client.conversation();
    const { run_id } = await client.say(id, 'Please show me');
    const seen: string[] = [];
    const joiner = await followThroughCuts(client, id, run_id, {
      way: 'sse', cuts: [3, 9, 14],
      onFrame: ({ frame }) => {
        seen.push(frame.type);
        if (frame.type === 'approval-requested') void client.decide(frame.approval_id, 'allow');
      },
    });
    expect([joiner.gaps, joiner.repeats, joiner.mismatches]).toEqual([0, 0, 0]);
    const messages = await client.messages(id);
    const results = messages.flatMap((message) => message.blocks.flatMap((block) => (block.type === 'tool_result' ? [block] : [])));
    expect(results.map(({ name, is_error }) => [name, is_error])).toEqual([['bash', false], ['write', false], ['edit', false], ['read', false], ['bash', false]]);
    expect(results[0]!.result.output).toBe('here: /workspace\n');
    expect(results[3]!.result.output).toContain('zwei ü 🙂');
    expect(results[4]!.result).toMatchObject({ output: '', exit_code: 0 });
    expect(messages.at(-1)).toMatchObject({ role: 'assistant', content: 'All **done**.' });
    expect(seen.filter((type) => type === 'approval-requested')).toHaveLength(1);
  }, 90_000);
});
