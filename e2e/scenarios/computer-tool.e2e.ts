// The computer tool on the real desktop: real Chromium in a real container, the model told what to do.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Image, ToolResult } from '@deskhand/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { surroundings, type Surroundings } from '../../bench/support/surroundings.ts';
import { startS3 } from '../../packages/platform/test/s3-server.ts';
import type { UpstreamAnswer } from '../../services/llm-gateway/test/upstream.ts';
import { Client } from '../client/client.ts';
import { noted, openNotingPage } from '../noting-page.ts';
import { docker, startProduct } from '../product.ts';
import { computerOf, tell, toldModel, type Turn } from '../told-model.ts';

let place: Surroundings;
let client: Client;
beforeAll(async () => {
  place = await surroundings(toldModel);
  client = await place.user();
});
afterAll(async () => place?.[Symbol.asyncDispose]());

type Arguments = Record<string, unknown>;
const act = (...actions: Arguments[]): UpstreamAnswer => ({ toolCalls: actions.map((action) => ({ name: 'computer', arguments: action })) });
const click = (x: number, y: number, more: Arguments = {}): Arguments => ({ action: 'click', coordinate: [x, y], ...more });
const results = ({ calls }: Turn): ToolResult[] => calls.map(({ result }) => result);
const pictures = (turn: Turn): Image[] => results(turn).flatMap(({ images = [] }) => images);
const lines = (text: string) => text.split('\n').filter(Boolean);

async function pictureOf(user: Client, conversation: string, { blob }: Image): Promise<{ type: string | null; bytes: Buffer }> {
  const response = await fetch(`${user.baseUrl}/api/conversations/${conversation}/blobs/${blob}`, { headers: { authorization: `Bearer ${user.token}` } });
  expect(response.status).toBe(200);
  return { type: response.headers.get('content-type'), bytes: Buffer.from(await response.arrayBuffer()) };
}

/** A conversation whose desktop shows the page that notes what is done to it. */
async function withPage(): Promise<{ id: string; computer: string }> {
  const { id } = await client.conversation();
  const turn = await tell(client, id, openNotingPage);
  expect(turn.outputs.at(-1)).toBe('open\n');
  return { id, computer: await computerOf(client, id) };
}

describe('a model that uses the desktop', () => {
  let page: { id: string; computer: string };
  beforeAll(async () => { page = await withPage(); }, 120_000);

  it('AGENT-3 DESK-3: sees the screen, hits what it points at, and is told whether the screen changed', async () => {
    const turn = await tell(client, page.id, [
      act({ action: 'screenshot' }),
      act(click(300, 500), { action: 'move', coordinate: [310, 510] }, click(640, 600, { button: 'right' }), click(700, 610, { button: 'middle' }), click(400, 620, { modifiers: ['ctrl'] })),
      act({ action: 'cursor_position' }, { action: 'zoom', region: [0, 400, 320, 600] }),
    ]);
    expect(turn.calls.map(({ is_error, result }) => [is_error, result.output])).toEqual(turn.calls.map(({ result }) => [false, result.output]));
    expect(lines(noted(place.product, page.computer, 'effects.log'))).toEqual(['click 300,500', 'contextmenu 640,600', 'auxclick 700,610', 'ctrl+click 400,620']);
    const [shot, clicked, moved] = results(turn);
    expect(shot).toMatchObject({ images: [{ media_type: 'image/jpeg', width: 1_280, height: 800 }] });
    expect(clicked).toMatchObject({ output: expect.stringContaining('(settled)'), images: [{ width: 1_280, height: 800 }], display: { action: 'click', settle: 'settled' } });
    expect(moved!.output).toContain('(nochange)');
    expect(turn.outputs.find((output) => output.startsWith('The pointer is'))).toBe('The pointer is at (400, 620).');
    const { type, bytes } = await pictureOf(client, page.id, shot!.images![0]!);
    expect(type).toBe('image/jpeg');
    expect(bytes.subarray(0, 2).toString('hex')).toBe('ffd8');
    const zoomed = await pictureOf(client, page.id, pictures(turn).at(-1)!);
    expect(zoomed.bytes.subarray(1, 4).toString()).toBe('PNG');
    const sent = JSON.stringify(place.upstream.requests.at(-1)?.body);
    expect(sent).toContain(`data:image/jpeg;base64,${bytes.toString('base64')}`);
    const timeline = JSON.stringify(await client.messages(page.id));
    expect(timeline).not.toContain(bytes.subarray(0, 60).toString('base64').slice(0, 60));
  }, 90_000);

  it('AGENT-3 DESK-5: types any script exactly, presses keys and combinations, scrolls, drags, holds and waits', async () => {
    const text = 'Größe, naïve, 你好 🙂 значение €';
    const turn = await tell(client, page.id, [
      act(click(640, 180), { action: 'type', text }, { action: 'key', keys: 'ctrl+b' }, { action: 'key', keys: 'Home' }, { action: 'key', keys: 'Delete', repeat: 2 }),
      act({ action: 'scroll', direction: 'down', amount: 2, coordinate: [640, 600] }, { action: 'drag', coordinate: [200, 500], end_coordinate: [500, 650] }, click(800, 640, { count: 2 })),
      act({ action: 'press', coordinate: [210, 505] }, { action: 'release', coordinate: [510, 655] }, { action: 'hold_key', keys: 'shift', seconds: 0.2 }, { action: 'wait', seconds: 0.3 }),
    ]);
    expect(turn.calls.filter(({ is_error }) => is_error).map(({ result }) => result.output)).toEqual([]);
    expect(noted(place.product, page.computer, 'typed.txt')).toBe(text.slice(2));
    // The page writes down one thing after the other.
    await expect.poll(() => lines(noted(place.product, page.computer, 'effects.log')).slice(-5)).toEqual(['click 500,650', 'click 800,640', 'click 800,640', 'dblclick 800,640', 'click 510,655']);
    expect(lines(noted(place.product, page.computer, 'effects.log'))).toContain('ctrl+b');
    expect(lines(noted(place.product, page.computer, 'wheel.log'))).toEqual(['down', 'down']);
    const buttons = lines(noted(place.product, page.computer, 'buttons.log'));
    for (const pair of [['down 200,500', 'up 500,650'], ['down 210,505', 'up 510,655']]) expect(buttons.join('\n')).toContain(pair.join('\n'));
  }, 90_000);

  it('AGENT-3: is told of what cannot be done, and nothing after it is done', async () => {
    const before = noted(place.product, page.computer, 'effects.log');
    const turn = await tell(client, page.id, [act(click(1_280, 10), click(300, 500)), act({ action: 'key', keys: 'NoSuchKey' }, click(300, 500))]);
    expect(turn.calls.every(({ is_error }) => is_error)).toBe(true);
    expect(turn.outputs[0]).toContain('outside the screen');
    expect(turn.outputs[2]).toContain('NoSuchKey');
    expect(turn.calls.some(({ interrupted }) => interrupted)).toBe(false);
    for (const output of [turn.outputs[1], turn.outputs[3]]) expect(output).toBe('Not executed: an earlier computer action in this turn failed.');
    expect(noted(place.product, page.computer, 'effects.log')).toBe(before);
  }, 60_000);

  it('AGENT-3 SECURITY 1: shows its pictures to nobody else, and they go with the conversation', async () => {
    const { id } = await client.conversation();
    const [picture] = pictures(await tell(client, id, [act({ action: 'screenshot' })]));
    const stranger = await Client.register(client.baseUrl);
    for (const path of [`/api/conversations/${id}/blobs/${picture!.blob}`, `/api/conversations/${page.id}/blobs/${picture!.blob}`]) await expect(stranger.request('GET', path)).rejects.toMatchObject({ status: 404 });
    await expect(client.request('GET', `/api/conversations/${page.id}/blobs/${picture!.blob}`)).rejects.toMatchObject({ status: 404 });
    const folders = () => readdirSync(join(place.product.dataFolder, 'blobs')).length;
    const before = folders();
    await client.request('DELETE', `/api/conversations/${id}`);
    await expect.poll(folders, { timeout: 30_000 }).toBe(before - 1);
  }, 90_000);
});

describe('pictures in an S3 service', () => {
  it('AGENT-3: are written, shown to their owner and the model, and removed there; nothing of them is readable', async () => {
    const s3 = await startS3();
    try {
      const settings = { DESKHAND_BLOBS: `s3://${s3.bucket}/pictures?endpoint=${s3.endpoint}`, DESKHAND_BLOBS_ACCESS_KEY: s3.accessKey, DESKHAND_BLOBS_SECRET_KEY: s3.secretKey };
      await using product = await startProduct({ variables: { ...settings, DESKHAND_ALLOWED_PRIVATE_HOSTS: place.upstream.host, DESKHAND_REGISTRATION: 'open' } });
      const user = await Client.register(product.webUrl);
      await user.provider('openai', `${place.upstream.url}/v1`, 'bench-model');
      const { id } = await user.conversation();
      const [picture] = pictures(await tell(user, id, [act({ action: 'screenshot' })]));
      const { bytes } = await pictureOf(user, id, picture!);
      expect(bytes.subarray(0, 2).toString('hex')).toBe('ffd8');
      expect(JSON.stringify(place.upstream.requests.at(-1)?.body)).toContain(bytes.toString('base64'));
      expect(existsSync(join(product.dataFolder, 'blobs'))).toBe(false);
      const objects = () => readdirSync(join(s3.folder, s3.bucket), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(picture!.blob));
      expect(objects()).toHaveLength(1);
      expect(readFileSync(join(s3.folder, s3.bucket, objects()[0]!)).includes(bytes.subarray(0, 20))).toBe(false);
      await user.request('DELETE', `/api/conversations/${id}`);
      await expect.poll(() => objects().length, { timeout: 30_000 }).toBe(0);
    } finally {
      await s3.close();
    }
  }, 120_000);
});

/** Resolves with the next click that the page notes. */
async function untilNextEffect(computer: string): Promise<void> {
  const count = () => lines(noted(place.product, computer, 'effects.log')).length;
  const before = count();
  await expect.poll(count, { timeout: 40_000, interval: 20 }).toBeGreaterThan(before);
}

/** Kills processes inside a computer, as the user that they run as. */
async function killInside(computer: string, user: string, pattern: string): Promise<void> {
  const container = (await docker('ps', '--quiet', '--filter', `label=deskhand.computer=${computer}`)).trim();
  await docker('exec', '--user', user, container, 'pkill', '-9', '-f', pattern);
}

describe('a run that clicks while things die', () => {
  it('AGENT-7 SECURITY 29: clicks nothing twice, whoever is killed, and comes to its end', async () => {
    const { id, computer } = await withPage();
    const places = Array.from({ length: 18 }, (_, index) => [120 + 50 * index, 560] as const);
    const steps = Array.from({ length: 6 }, (_, step) => act(...places.slice(step * 3, step * 3 + 3).map(([x, y]) => click(x, y))));
    const turn = tell(client, id, steps, { withinMs: 150_000 });
    for (const part of ['agent', 'sandbox-manager', 'display bridge', 'gateway', 'agent'] as const) {
      await untilNextEffect(computer);
      await sleep(Math.random() * 250);
      if (part === 'display bridge') await killInside(computer, 'sandboxd', '/deskhand-bridge display$');
      else place.product.kill(part);
    }
    const { reason, calls } = await turn;
    expect(reason).toBe('completed');
    const clicked = lines(noted(place.product, computer, 'effects.log'));
    expect(new Set(clicked).size).toBe(clicked.length);
    // What is said to be done was done, and what is said not to be was not; only what is interrupted may be either.
    for (const [index, { is_error, interrupted }] of calls.entries()) {
      const was = clicked.includes(`click ${places[index]!.join(',')}`);
      if (interrupted !== true) expect([index, was]).toEqual([index, !is_error]);
    }
    console.info(`${clicked.length} of ${places.length} clicks, ${calls.filter(({ interrupted }) => interrupted).length} interrupted`);
    await place.product.untilWell();

    // Without the X server the page is gone too: nothing more reaches it, and the model is told why and sees the new screen.
    const later = places.slice(0, 9).map(([x]) => act(click(x, 640)));
    const without = tell(client, id, [...later, act({ action: 'screenshot' })]);
    await untilNextEffect(computer);
    await killInside(computer, 'desktop', 'Xtigervnc|Xvnc');
    const { reason: end, outputs, calls: all } = await without;
    expect(end).toBe('completed');
    const effects = lines(noted(place.product, computer, 'effects.log'));
    expect(new Set(effects).size).toBe(effects.length);
    expect(outputs.join()).toContain('had to be started again');
    expect(all.at(-1)).toMatchObject({ is_error: false, result: { images: [{ width: 1_280, height: 800 }] } });
  }, 240_000);
});

describe('a person who drives', () => {
  it('DESK-2 AGENT-3: is waited for, and the model is told afterwards', async () => {
    const { id, computer } = await withPage();
    const lease = await client.request<{ epoch: number }>('POST', `/api/conversations/${id}/desktop/lease`, { client_id: 'a-tab' });
    const turn = tell(client, id, [act(click(300, 500)), { text: 'So that is it.' }]);
    await sleep(3_000);
    expect(noted(place.product, computer, 'effects.log')).toBe('');
    await client.request('DELETE', `/api/conversations/${id}/desktop/lease?client_id=a-tab&epoch=${lease.epoch}`);
    expect(await turn).toMatchObject({ reason: 'completed' });
    expect(lines(noted(place.product, computer, 'effects.log'))).toEqual(['click 300,500']);
    const heard = place.upstream.requests.at(-1)?.entries.filter(({ kind }) => kind === 'notice');
    expect(heard).toHaveLength(1);
  }, 120_000);
});
