/** The real product, watched and driven by an own RFB client, honest and hostile. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DesktopLease } from '@deskhand/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiError, Client } from '../client/client.ts';
import { RfbClient, u16, u32 } from '../client/rfb.ts';
import { docker, startProduct, type RunningProduct } from '../product.ts';
import { computerOf } from '../told-model.ts';

let product: RunningProduct;
let ada: Client;
let bob: Client;

beforeAll(async () => {
  product = await startProduct({ variables: { DESKHAND_REGISTRATION: 'open' } });
  [ada, bob] = [await Client.register(product.webUrl), await Client.register(product.webUrl)];
  prepare(5);
}, 120_000);

afterAll(async () => product?.stop(), 60_000);

const path = (id: string, rest: string): string => `/api/conversations/${id}/desktop/${rest}`;
const ticket = async (client: Client, id: string, mode: 'view' | 'control' = 'control', client_id?: string) => (await client.request<{ url: string }>('POST', path(id, 'ticket'), { mode, ...(client_id && { client_id }) })).url;
const watch = async (client: Client, id: string, mode: 'view' | 'control' = 'control', client_id?: string) => RfbClient.open(await ticket(client, id, mode, client_id));
const take = async (client: Client, id: string, body: object = {}) => client.request<DesktopLease>('POST', path(id, 'lease'), body);
const release = async (client: Client, id: string) => client.request('DELETE', path(id, 'lease'));
const begin = async () => (await ada.conversation({ model_name: 'scripted/demo' })).id;

/** The root menu of the window manager: it opens where nothing else is, and changes many pixels. */
async function rightClick(viewer: RfbClient): Promise<void> {
  for (const buttons of [0, 4, 0]) viewer.pointer(buttons, 640, 400);
}

const changed = async (viewer: RfbClient, work: () => Promise<void> | void, withinMs = 1_500): Promise<boolean> => {
  const before = Buffer.from(viewer.picture);
  await work();
  for (const limit = Date.now() + withinMs; Date.now() < limit; await sleep(50)) {
    let different = 0;
    for (let at = 0; at < before.length; at += 4) if (before[at] !== viewer.picture[at] || before[at + 1] !== viewer.picture[at + 1]) different++;
    if (different > 1_000) return true;
  }
  return false;
};

/** A picture is there, and at rest: a new desktop paints its panel and its background one after the other. */
const seen = async (viewer: RfbClient, restMs = 1_600): Promise<void> => {
  await expect.poll(() => viewer.colours(), { timeout: 20_000 }).toBeGreaterThan(20);
  for (let [updates, since] = [-1, 0]; updates !== viewer.updates || performance.now() - since < restMs; await sleep(50)) {
    if (updates !== viewer.updates) [updates, since] = [viewer.updates, performance.now()];
  }
};

/** Conversations whose desktops stand and were seen at rest. They come up one after the other while the first tests run. */
const standing: Promise<string>[] = [];
function prepare(count: number): void {
  for (let made = 0; made < count; made++) {
    standing.push((standing.at(-1) ?? Promise.resolve('')).then(async () => {
      const id = await begin();
      const viewer = await watch(ada, id);
      await seen(viewer);
      viewer.close();
      return id;
    }));
  }
  for (const one of standing) one.catch(() => {});
}
/** Whoever looks at one of them sees it whole, and soon. */
const seenAgain = async (viewer: RfbClient): Promise<void> => seen(viewer, 400);

describe('a desktop that people watch', () => {
  it('DESK-1 DESK-2: shows a screen, drives it with a lease, and not without', async () => {
    const id = await begin();
    const started = performance.now();
    const viewer = await watch(ada, id);
    await expect.poll(() => viewer.colours(), { timeout: 10_000, interval: 10 }).toBeGreaterThan(20);
    console.info(`the first picture of a new computer came after ${Math.round(performance.now() - started)} ms`);
    await seen(viewer);
    expect([viewer.width, viewer.height]).toEqual([1280, 800]);
    expect(await changed(viewer, () => rightClick(viewer))).toBe(false);
    const lease = await take(ada, id);
    expect(lease).toMatchObject({ holder: ada.session.user.id, epoch: 1 });
    expect(await changed(viewer, () => rightClick(viewer))).toBe(true);
    viewer.key(0xff1b);
    await release(ada, id);
    await sleep(300);
    expect(await changed(viewer, () => rightClick(viewer))).toBe(false);
    viewer.close();
  });

  it('SECURITY 36 DESK-2: a hostile viewer cannot type, click, paste, resize, or speak nonsense', async () => {
    const id = await standing[0]!;
    const honest = await watch(ada, id);
    await seenAgain(honest);
    await take(ada, id);
    const hostile = await watch(ada, id, 'view');
    await seenAgain(hostile);
    expect(await changed(honest, () => {
      hostile.type('echo hacked\n');
      hostile.click(20, 790);
      hostile.say([255, 0, 0, 1], u32(0x61), u32(30), [255, 0, 0, 0], u32(0x61), u32(30));
      hostile.say([6, 0, 0, 0], u32(6), Buffer.from('hacked'));
      hostile.say([251, 0], u16(640), u16(480), [1, 0], u32(1), u16(0), u16(0), u16(640), u16(480), u32(0));
      void rightClick(hostile);
    })).toBe(false);
    expect([hostile.closed, honest.width, honest.closed]).toEqual([null, 1280, null]);
    hostile.say([99, 1, 2, 3]);
    await expect.poll(() => hostile.closed).not.toBeNull();
    expect(honest.closed).toBeNull();
    honest.close();
  });

  it('SECURITY 1 SECURITY 5 SECURITY 7: nobody else watches, and a ticket opens once', async () => {
    const id = await begin();
    const url = await ticket(ada, id);
    const first = await RfbClient.open(url);
    await expect(RfbClient.open(url)).rejects.toThrow('refused with 403');
    await expect(ticket(bob, id)).rejects.toMatchObject({ status: 404 });
    await expect(take(bob, id)).rejects.toMatchObject({ status: 404 });
    const address = product.webUrl.replace('http', 'ws');
    await expect(RfbClient.open(`${address}/api/desktop`)).rejects.toThrow('refused with 401');
    await expect(RfbClient.open(`${address}/api/desktop?ticket=${bob.token}`)).rejects.toThrow('refused with 401');
    await expect(RfbClient.open(await ticket(ada, id), { origin: 'https://elsewhere.example' })).rejects.toThrow('refused with 403');
    first.close();
    expect(product.output()).not.toContain(decodeURIComponent(url.split('ticket=')[1]!).split('.')[2]!);
  });

  it('DESK-2: four racers for a turn have one winner, and a stale epoch is refused', async () => {
    const id = await begin();
    const tries = await Promise.allSettled([take(ada, id), take(ada, id, { client_id: 'a' }), take(ada, id, { client_id: 'b' }), take(ada, id)]);
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const lost of tries) if (lost.status === 'rejected') expect((lost.reason as ApiError).status).toBe(409);
    await release(ada, id);
    await expect(take(ada, id, { epoch: 1 })).rejects.toMatchObject({ status: 409, body: { code: 'STALE_EPOCH' } });
  });

  it('DESK-2: another tab of the same person does not drive, and a closed one gives the desktop back', async () => {
    const id = await standing[1]!;
    const [driver, other] = [await watch(ada, id, 'control', 'tab-a'), await watch(ada, id, 'control', 'tab-b')];
    await Promise.all([seenAgain(driver), seenAgain(other)]);
    await take(ada, id, { client_id: 'tab-a' });
    expect(await changed(driver, () => rightClick(other))).toBe(false);
    expect(await changed(driver, () => rightClick(driver))).toBe(true);
    driver.close();
    await expect.poll(async () => (await ada.request<{ lease: unknown }>('GET', path(id, 'lease'))).lease, { timeout: 15_000 }).toBeNull();
    other.close();
  });

  it('SECURITY 36: of four viewers one that is stuck costs little and hinders nobody', async () => {
    const id = await standing[2]!;
    const viewers = await Promise.all(Array.from({ length: 4 }, async () => watch(ada, id)));
    await Promise.all(viewers.map(seenAgain));
    await take(ada, id);
    const [stuck, ...others] = viewers as [RfbClient, ...RfbClient[]];
    stuck.stall();
    const memory = (part: 'gateway' | 'sandbox-manager') => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${product.pid(part)}/status`, 'utf8'))![1]) / 1_024;
    const before = memory('gateway') + memory('sandbox-manager');
    // Full pictures, asked for again and again by the one that does not read them.
    for (let round = 0; round < 100; round++) {
      stuck.request(false);
      await sleep(10);
    }
    for (const viewer of others) {
      viewer.key(0xff1b);
      await sleep(200);
      expect(await changed(viewer, () => rightClick(viewer))).toBe(true);
    }
    expect(memory('gateway') + memory('sandbox-manager') - before).toBeLessThan(150);
    for (const viewer of viewers) viewer.close();
  });

  /** Inside the computer, as its own user. */
  const killInside = (user: string, pattern: string) => async (id: string) => {
    const container = (await docker('ps', '--quiet', '--filter', `label=deskhand.computer=${await computerOf(ada, id)}`)).trim();
    await docker('exec', '--user', user, container, 'pkill', '-9', '-f', pattern);
  };
  const killings: Record<string, (id: string) => unknown> = {
    gateway: () => product.kill('gateway'), 'sandbox-manager': () => product.kill('sandbox-manager'),
    'the X server': killInside('desktop', 'Xtigervnc|Xvnc'), 'the display bridge': killInside('sandboxd', '/deskhand-bridge display$'),
  };
  it.each(Object.entries(killings))('SECURITY 31: %s is killed while a person drives: the picture is back within 5 s and the turn is still theirs', async (name, kill) => {
    await Promise.all(standing);
    const id = await standing[3]!;
    const viewer = await watch(ada, id);
    await seen(viewer);
    const lease = await take(ada, id);
    // A button is down in that moment.
    viewer.pointer(1, 640, 400);
    const killed = performance.now();
    await kill(id);
    await expect.poll(() => viewer.closed).not.toBeNull();
    let again: RfbClient | null = null;
    while (again === null && performance.now() - killed < 20_000) again = await watch(ada, id).catch(() => null);
    await expect.poll(() => again!.colours(), { timeout: 10_000, interval: 20 }).toBeGreaterThan(20);
    const seconds = (performance.now() - killed) / 1_000;
    console.info(`${name} killed: picture back after ${seconds.toFixed(1)} s`);
    // Where the product takes long to start, a part of it does too.
    expect(seconds).toBeLessThan(Math.max(5, product.startedInMilliseconds / 500));
    expect((await ada.request<{ lease: DesktopLease }>('GET', path(id, 'lease'))).lease).toMatchObject({ epoch: lease.epoch });
    await expect.poll(async () => changed(again!, () => rightClick(again!), 400), { timeout: 15_000 }).toBe(true);
    again!.close();
    await release(ada, id);
    await product.untilWell();
  });

  it('a person\'s turn waits out the agent, and the model is told', async () => {
    const id = await standing[4]!;
    const viewer = await watch(ada, id);
    await seenAgain(viewer);
    await take(ada, id);
    viewer.click(600, 300);
    viewer.type('abc');
    await sleep(300);
    await release(ada, id);
    const messages = await ada.messages(id);
    expect(messages.at(-1)).toMatchObject({ role: 'user', blocks: [{ type: 'notice', kind: 'desktop-driven', facts: { clicks: 1, keys: 3 } }] });
    viewer.close();
  });
});
