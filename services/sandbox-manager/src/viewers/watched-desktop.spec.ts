import { PassThrough } from 'node:stream';
import { duplexPair } from 'node:stream';
import type { DesktopLease } from '@deskhand/contracts';
import { describe, expect, it } from 'vitest';
import { WatchedDesktop, type Watcher } from './watched-desktop.ts';

const key = (down: number): Buffer => Buffer.from([4, down, 0, 0, 0, 0, 0, 0x61]);
const pointer = (buttons: number): Buffer => Buffer.from([5, buttons, 0, 10, 0, 20]);
const update = Buffer.from([3, 1, 0, 0, 0, 0, 5, 0, 3, 32]);
const control: Watcher['rights'] = ['desktop:view', 'desktop:control'];
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A desktop with a clock and a lease that the test moves. */
function place() {
  const state = { lease: null as DesktopLease | null, now: 1_000_000 };
  const left: { x: number; y: number }[] = [];
  const watched = new WatchedDesktop(() => state.lease, () => state.now, (at) => left.push(at));
  const join = (watcher: Watcher) => {
    const [page, viewer] = duplexPair();
    const [screen, x] = duplexPair();
    const got: Buffer[] = [];
    x.on('data', (chunk: Buffer) => got.push(chunk));
    page.on('data', () => {});
    watched.join(watcher, viewer, screen, () => {});
    return { say: async (...messages: Buffer[]) => { for (const message of messages) page.write(message); await settle(); await settle(); }, got: () => Buffer.concat(got), leave: async () => { page.destroy(); viewer.destroy(); await settle(); }, x };
  };
  return {
    state, watched, join, left,
    take: (epoch: number, holder = 'ada', client_id: string | null = null) => {
      state.lease = { holder, client_id, epoch, until: '2999-01-01T00:00:00.000Z' };
      watched.turned(state.lease);
    },
    end: () => {
      state.lease = null;
      watched.turned(null);
    },
  };
}

describe('a desktop that people watch', () => {
  it('DESK-2: lets nothing but looking through until somebody drives, and from the very next message on', async () => {
    const { join, take, end } = place();
    const viewer = join({ sub: 'ada', rights: control });
    await viewer.say(key(1), pointer(1), update);
    expect(viewer.got()).toEqual(update);
    take(1);
    await viewer.say(key(1), key(0));
    expect(viewer.got()).toEqual(Buffer.concat([update, key(1), key(0)]));
    end();
    await viewer.say(key(1), update);
    expect(viewer.got()).toEqual(Buffer.concat([update, key(1), key(0), update]));
  });

  it.each([
    ['without the right', { sub: 'ada', rights: ['desktop:view'] }, false], ['of another user', { sub: 'bob', rights: control }, false], ['of another tab', { sub: 'ada', client_id: 'b', rights: control }, false],
    ['of the tab', { sub: 'ada', client_id: 'a', rights: control }, true], ['that names no tab', { sub: 'ada', rights: control }, true],
  ] as [string, Watcher, boolean][])('a viewer %s', async (_, watcher, drives) => {
    const { join, take } = place();
    const viewer = join(watcher);
    take(1, 'ada', 'a');
    await viewer.say(key(1));
    expect(viewer.got().length > 0).toBe(drives);
  });

  it('lets go of what was held when the turn ends, and counts what was done', async () => {
    const { join, take, end, watched, state } = place();
    const viewer = join({ sub: 'ada', rights: control });
    take(1);
    state.now += 34_000;
    await viewer.say(key(1), pointer(1), pointer(0), pointer(1), pointer(9), Buffer.from([6, 0, 0, 0, 0, 0, 0, 1, 0x78]));
    const before = viewer.got().length;
    expect(watched.summary(1)).toEqual({ clicks: 2, keys: 1, scrolls: 1, pasted: 1, seconds: 34 });
    end();
    await settle();
    expect(viewer.got().subarray(before)).toEqual(Buffer.concat([key(0), pointer(0)]));
    expect(watched.summary(1)).toMatchObject({ clicks: 2 });
    expect(watched.summary(2)).toBeNull();
  });

  it('tells where the pointer was left, and nothing when it was not moved', async () => {
    const { join, take, end, left } = place();
    const viewer = join({ sub: 'ada', rights: control });
    take(1);
    await viewer.say(key(1), key(0));
    end();
    expect(left).toEqual([]);
    take(2);
    await viewer.say(pointer(0));
    end();
    expect(left).toEqual([{ x: 10, y: 20 }]);
  });

  it('ends a turn that nobody uses, and one whose page was closed', async () => {
    const { join, take, watched, state } = place();
    take(1);
    state.now += 119_000;
    expect(watched.over()).toBeNull();
    state.now += 2_000;
    expect(watched.over()).toMatchObject({ epoch: 1, reason: 'idle' });
    take(2);
    const page = join({ sub: 'ada', rights: control });
    await page.say(key(1));
    await page.leave();
    state.now += 4_000;
    expect(watched.over()).toBeNull();
    const again = join({ sub: 'ada', rights: control });
    state.now += 4_000;
    expect(watched.over()).toBeNull();
    await again.leave();
    state.now += 6_000;
    expect(watched.over()).toMatchObject({ epoch: 2, reason: 'closed' });
  });

  it('a viewer that breaks the rules ends alone', async () => {
    const { join } = place();
    const bad = join({ sub: 'ada', rights: control });
    const good = join({ sub: 'ada', rights: control });
    await bad.say(Buffer.from([99]));
    expect(bad.x.destroyed || bad.x.readableEnded || bad.x.closed).toBe(true);
    await good.say(update);
    expect(good.got()).toEqual(update);
  });

  it('SECURITY 36: a viewer that takes nothing is written nothing more', async () => {
    const { watched } = place();
    const viewer = new PassThrough({ highWaterMark: 1_024 });
    const [screen, x] = duplexPair();
    watched.join({ sub: 'ada', rights: control }, viewer, screen, () => {});
    let accepted = 0;
    for (let index = 0; index < 1_000 && x.writableLength < 100_000; index++) {
      x.write(Buffer.alloc(4_096));
      accepted += 4_096;
      await settle();
    }
    expect(accepted).toBeLessThan(1_000_000);
  });
});
