import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeclaredError, type DesktopAction } from '@deskhand/contracts';
import { Log } from '@deskhand/platform';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CallLog } from '../computers/call-log.ts';
import { Acts } from './acts.ts';
import { Happenings } from './happenings.ts';
import { Screen } from './screen.ts';

/** In the place of a connected screen: writes down what was done, and pictures are one pixel. */
class NotingScreen extends Screen {
  done: string[] = [];
  lost: Error | null = null;

  constructor() {
    super(() => Promise.reject(new Error('not connected')));
  }

  override async ready(): Promise<void> {
    if (this.lost) throw this.lost;
  }
  override async refresh(): Promise<void> {}
  override async givenBack(): Promise<void> {}
  override async capture() {
    return this.shown();
  }
  override shown() {
    return { bytes: Buffer.alloc(4), width: 1, height: 1 };
  }
  override async settle(_: unknown, work: () => Promise<void>, signal: AbortSignal) {
    await work();
    signal.throwIfAborted();
    return 'settled' as const;
  }
  override move({ x, y }: { x: number; y: number }): void {
    this.done.push(`move ${x},${y}`);
  }
  override press(button: number): void {
    this.done.push(`press ${button}`);
  }
  override release(button: number): void {
    this.done.push(`release ${button}`);
  }
  override keyDown(keysym: number): void {
    this.done.push(`down ${keysym.toString(16)}`);
  }
  override keyUp(keysym: number): void {
    this.done.push(`up ${keysym.toString(16)}`);
  }
  override releaseHeld(): void {
    this.done.push('let go');
  }
}

describe('acts', () => {
  let folder: string;
  let screen: NotingScreen;
  let happenings: Happenings;
  let driven: boolean;
  let acts: Acts;
  const log = Object.assign(new Log(), { warn: () => undefined });
  const keep = async () => ({ blob: 'picture', media_type: 'image/jpeg' as const, width: 1, height: 1 });
  const click: DesktopAction = { action: 'click', at: { x: 5, y: 6 }, button: 'left', count: 1 };
  const long: DesktopAction = { action: 'hold_key', keys: 'a', duration_ms: 5_000 };
  const act = (call_id: string, action: DesktopAction) => acts.act({ call_id, action, keep });
  const running = async (what: string) => expect.poll(() => screen.done).toContain(what);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'deskhand-acts-'));
    [screen, happenings, driven] = [new NotingScreen(), new Happenings(), false];
    acts = newActs();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const newActs = () => new Acts({ screen, happenings, begun: new CallLog(join(folder, 'acts')), driven: () => driven, log });

  it('does a call once, and answers every time what it came to', async () => {
    const [first, second] = await Promise.all([act('one', click), act('one', click)]);
    expect(first).toMatchObject({ state: 'done', settle: 'settled', image: { blob: 'picture' } });
    expect(second).toBe(first);
    expect(await act('one', click)).toBe(first);
    expect(screen.done).toEqual(['move 5,6', 'press 1', 'release 1']);
  });

  it('does one after the other', async () => {
    await Promise.all([act('a', { action: 'hold_key', keys: 'a', duration_ms: 20 }), act('b', click)]);
    expect(screen.done).toEqual(['down 61', 'up 61', 'move 5,6', 'press 1', 'release 1']);
  });

  it('cannot tell about a call that an earlier process began, and looks again', async () => {
    const [known] = [new CallLog(join(folder, 'acts'))];
    known.admit('old', 'another process');
    acts = newActs();
    expect(await act('old', click)).toEqual({ state: 'unknown' });
    expect(screen.done).toEqual([]);
    known.admit('look', 'another process');
    acts = newActs();
    expect(await act('look', { action: 'screenshot' })).toMatchObject({ state: 'done' });
  });

  it('does nothing while a person drives, and may be asked again', async () => {
    driven = true;
    expect(await act('one', click)).toEqual({ state: 'driven' });
    expect(await act('one', { action: 'screenshot' })).toEqual({ state: 'driven' });
    driven = false;
    expect(await act('one', click)).toMatchObject({ state: 'done' });
  });

  it('breaks off when a person takes over, lets go first, and does not say that nothing was done', async () => {
    const holding = act('one', long);
    await running('down 61');
    const waiting = act('two', click);
    driven = true;
    acts.takeOver();
    expect(screen.done).toEqual(['down 61', 'let go']);
    expect(await holding).toEqual({ state: 'unknown' });
    expect(await waiting).toEqual({ state: 'driven' });
    expect(screen.done).toEqual(['down 61', 'let go']);
  });

  it('breaks off and lets go when a call is cancelled, running or waiting', async () => {
    expect(acts.cancel('never seen')).toBe(false);
    const holding = act('one', long);
    await running('down 61');
    const waiting = act('two', click);
    expect(acts.cancel('two')).toBe(true);
    expect(acts.cancel('one')).toBe(true);
    expect([await holding, await waiting]).toEqual([{ state: 'unknown' }, { state: 'unknown' }]);
    expect(screen.done).toEqual(['down 61', 'let go']);
  });

  it('lets a call that certainly was not done be asked for again', async () => {
    screen.lost = new Error('gone');
    await expect(act('one', click)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    screen.lost = null;
    expect(await act('one', click)).toMatchObject({ state: 'done' });
  });

  it.each<[string, DesktopAction]>([
    ['an empty region', { action: 'zoom', region: [10, 10, 10, 20] }], ['an unknown key', { action: 'key', keys: 'nokey', repeat: 1 }], ['what cannot be typed', { action: 'type', text: 'a\u0000' }],
  ])('refuses %s before anything is done', async (_, action) => {
    await expect(act('one', action)).rejects.toThrow(DeclaredError);
    expect(screen.done).toEqual([]);
  });

  it('tells once what happened meanwhile, and what became of its picture', async () => {
    happenings.add('It was started again.');
    expect(await act('one', click)).toMatchObject({ notices: ['It was started again.'] });
    const { image, notices } = await acts.act({ call_id: 'two', action: click, keep: () => Promise.reject(new Error('disk full')) });
    expect({ image, notices }).toEqual({ image: undefined, notices: [expect.stringContaining('could not be kept')] });
  });
});
