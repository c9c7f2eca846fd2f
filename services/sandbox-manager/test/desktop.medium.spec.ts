import { desktop, type DesktopAction, type DesktopView, newId } from '@deskhand/contracts';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DisplayLink } from '../src/desktop/display-link.ts';
import { RfbClient } from '../src/desktop/rfb/rfb-client.ts';
import { ownKeys } from '../src/desktop/typing.ts';
import { Engine } from '../src/containers/engine.ts';
import { openNotingPage, type NotingPage } from './noting-page.ts';
import { configure, startManager, startSurroundings, type Surroundings, type TestComputer, until } from './running-manager.ts';

// Real: Docker, the image with its desktop, the kernel, nats-server, SQLite, blobs in a folder.
describe('the desktop of a computer', () => {
  let surroundings: Surroundings;
  let computer: TestComputer;
  let close: () => Promise<void>;
  let page: NotingPage;

  beforeAll(async () => {
    surroundings = await startSurroundings();
    configure(surroundings);
    ({ close } = await startManager(surroundings));
    computer = surroundings.computer();
    await computer.start();
  });
  afterAll(async () => {
    await close();
    await surroundings.close();
  });

  const container = async () => surroundings.container(computer);
  const asUser = async (user: string, script: string) => surroundings.asUser(computer, user, script);
  const click = (x: number, y: number, more: object = {}): DesktopAction => ({ action: 'click', at: { x, y }, button: 'left', count: 1, ...more });
  const type = (text: string): DesktopAction => ({ action: 'type', text });
  const key = (keys: string): DesktopAction => ({ action: 'key', keys, repeat: 1 });
  const pixels = async ({ image }: DesktopView) => {
    const { bytes } = (await surroundings.blobs.store.get(computer.conversationId, image!.blob))!;
    return sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  };

  it('comes up when it is first needed, soon, and shows something', async () => {
    const asked = performance.now();
    const view = await computer.act({ action: 'screenshot' });
    const took = performance.now() - asked;
    console.info(`desktop up, first picture: ${Math.round(took)} ms`);
    expect(took).toBeLessThan(10_000);
    expect(view).toMatchObject({ state: 'done', image: { media_type: 'image/jpeg', width: 1280, height: 800 } });
    const { data, info } = await pixels(view);
    expect(info).toMatchObject({ width: 1280, height: 800 });
    expect(data.reduce((sum, value) => sum + value, 0) / data.length).toBeGreaterThan(20);
    // The panel is below, and is not the background.
    expect(data.subarray(0, 3)).not.toEqual(data.subarray(-3));
  });

  it('tells people that it starts', () => {
    const steps = surroundings.news.filter(({ computer_id }) => computer_id === computer.id).map(({ state, step }) => `${state} ${step ?? ''}`);
    expect(steps).toContain('ready Starting the desktop');
    expect(steps.at(-1)).toBe('ready ');
  });

  it('refuses text that nothing takes, and says so', async () => {
    await expect(computer.act(type('x'.repeat(600)))).rejects.toMatchObject({ code: 'BAD_INPUT', message: expect.stringContaining('text field') });
  });

  it('opens a page for the tools, and clicks reach it where they should', async () => {
    page = await openNotingPage(computer);
    await computer.act(click(300, 500));
    await page.expect('click 0 300,500 1');
    await computer.act(click(310, 510, { count: 2 }));
    expect(await page.expect('dblclick 0 310,510')).toContain('click 0 310,510 2');
    await computer.act(click(900, 510, { count: 3 }));
    await page.expect('click 0 900,510 3');
    await computer.act(click(320, 520, { button: 'right' }));
    await page.expect('contextmenu 2 320,520');
    await computer.act(click(330, 530, { button: 'middle' }));
    await page.expect('mouseup 1 330,530');
    await computer.act(click(340, 540, { modifiers: ['ctrl', 'shift'] }));
    await page.expect(/^ctrl\+shift\+click 0 340,540/);
    expect(await computer.act({ action: 'cursor_position' })).toMatchObject({ state: 'done', cursor: { x: 340, y: 540 } });
  });

  it('moves, presses, drags, scrolls', async () => {
    await computer.act({ action: 'press', at: { x: 400, y: 500 }, button: 'left' });
    expect((await page.expect('mousedown 0 400,500')).join()).not.toMatch(/mouseup/);
    await computer.act({ action: 'move', at: { x: 420, y: 510 } });
    await page.expect('drag 420,510');
    await computer.act({ action: 'release', button: 'left' });
    await page.expect('mouseup 0 420,510');
    const drag = async (): Promise<string[]> => {
      await computer.act({ action: 'drag', path: [{ x: 500, y: 500 }, { x: 700, y: 500 }, { x: 700, y: 600 }], button: 'left' });
      return (await page.expect('mouseup 0 700,600')).filter((line) => !line.startsWith('click'));
    };
    // A browser that is busy leaves out places that the pointer went through.
    let dragged = await drag();
    for (let again = 0; again < 5 && !(dragged.includes('drag 700,500') && dragged.length > 12); again++) dragged = await drag();
    expect(dragged[0]).toBe('mousedown 0 500,500');
    expect(dragged).toContain('drag 700,500');
    expect(dragged.filter((line) => line.startsWith('drag')).length).toBeGreaterThan(8);
    for (const [direction, wheel] of [['down', '0 1'], ['up', '0 -1'], ['right', '1 0'], ['left', '-1 0']] as const) {
      await computer.act({ action: 'scroll', at: { x: 600, y: 600 }, direction, amount: 2 });
      await page.expect(`wheel ${wheel}`);
    }
  });

  it('presses and holds keys', async () => {
    await computer.act(click(640, 600));
    await computer.act(key('ctrl+shift+K'));
    await page.expect('keydown ctrl+shift+K');
    await computer.act({ action: 'key', keys: 'ArrowDown', repeat: 3 });
    await page.expect('keyup ArrowDown');
    const holding = computer.act({ action: 'hold_key', keys: 'x', duration_ms: 2_000 });
    expect(await page.expect('keydown x')).not.toContain('keyup x');
    await holding;
    await page.expect('keyup x');
  });

  it('says whether anything changed', async () => {
    expect(await computer.act(click(640, 600))).toMatchObject({ settle: 'nochange' });
    expect(await computer.act(click(640, 200))).toMatchObject({ settle: 'settled' });
    expect(await computer.act(type('a'))).toMatchObject({ settle: 'settled' });
    await page.expect('field "a"');
    // Only the caret blinks in the field now.
    for (let time = 0; time < 4; time++) expect(await computer.act({ action: 'move', at: { x: 640 + time, y: 700 } })).toMatchObject({ settle: 'nochange' });
  });

  it('types what people write', async () => {
    await computer.act(click(640, 200));
    for (const text of ['Grüße: 3 € & "ça va?" ~^`', '東京都渋谷区神宮前一丁目 — Привет 🙂👩‍💻 שלום', 'Zeile\twith\nlines']) {
      await computer.act(key('ctrl+a'));
      await computer.act(key('Delete'));
      await computer.act(type(text.replace('\t', ' ')));
      await page.expect(`field ${JSON.stringify(text.replace('\t', ' '))}`);
    }
  });

  it('finds a key of the keyboard for each character that it types by keys, and has none lent', async () => {
    const keyboard = (): Promise<string> => asUser('desktop', 'DISPLAY=:1 XAUTHORITY=/run/desktop/xauthority xkbcomp -w 0 :1 - | grep -v "^xkb_"');
    const before = await keyboard();
    expect(before).toContain('EuroSign');
    await computer.act(click(640, 200));
    await computer.act(key('ctrl+a'));
    const all = [...ownKeys].join('');
    await computer.act(type(all));
    await page.expect(`field ${JSON.stringify(all)}`);
    expect(await keyboard()).toBe(before);
  });

  it('pastes long text, and gives back what was copied before', async () => {
    const long = Array.from({ length: 120 }, (_, line) => `${line} — ein Satz mit Ümläuten, 漢字 и буквы`).join('\n');
    await computer.act(key('ctrl+a'));
    await computer.act(type('copied before'));
    await computer.act(key('ctrl+a'));
    await computer.act(key('ctrl+c'));
    await computer.act(type(long));
    await page.expect(`field ${JSON.stringify(long)}`);
    await computer.act(key('ctrl+a'));
    await computer.act(key('ctrl+v'));
    await page.expect('field "copied before"');
  });

  it('enlarges a part without loss', async () => {
    const view = await computer.act({ action: 'zoom', region: [0, 764, 160, 800] });
    expect(view.image).toMatchObject({ media_type: 'image/png', width: 1280, height: 288 });
    const { info } = await pixels(view);
    expect(info).toMatchObject({ width: 1280, height: 288 });
  });

  it('shows the pointer in its pictures', async () => {
    const at = async (x: number): Promise<number[]> => {
      const { data } = await pixels(await computer.act({ action: 'move', at: { x, y: 650 } }));
      return [300, 900].map((column) => data.subarray((655 * 1280 + column + 3) * 3, (655 * 1280 + column + 3) * 3 + 3).reduce((sum, value) => sum + value, 0));
    };
    const [there, elsewhere] = [await at(300), await at(900)];
    expect(there[0]).not.toBe(elsewhere[0]);
    expect(there[1]).not.toBe(elsewhere[1]);
  });

  it('does each call once', async () => {
    await page.notes();
    const call = newId();
    const views = await Promise.all([computer.act(click(777, 555), call), computer.act(click(777, 555), call)]);
    expect(await computer.act(click(777, 555), call)).toEqual(views[0]);
    expect(views[1]).toEqual(views[0]);
    await computer.act(click(778, 555));
    expect((await page.expect(/click 0 778,555/)).filter((line) => line.startsWith('click 0 777'))).toHaveLength(1);
  });

  it('refuses what cannot be, and whoever has no right', async () => {
    await expect(computer.act({ action: 'move', at: { x: 1280, y: 0 } })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await expect(computer.act(key('nokey'))).rejects.toMatchObject({ code: 'BAD_INPUT' });
    const other = surroundings.computer();
    const grant = await other.grant();
    const asked = { computer_id: computer.id, call_id: newId(), action: { action: 'screenshot' } as const };
    await expect(surroundings.agent.request(desktop.act, { ...asked, grant, conversation_id: computer.conversationId })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(surroundings.agent.request(desktop.act, { ...asked, grant: await computer.grant(), conversation_id: other.conversationId })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(surroundings.agent.request(desktop.act, { ...asked, grant: await computer.grant(['desktop:view']), conversation_id: computer.conversationId })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('keeps the agent out while a person drives, and lets go of what it held', async () => {
    await computer.act(click(640, 600));
    await page.notes();
    await computer.act({ action: 'press', at: { x: 450, y: 600 }, button: 'left' });
    const holding = computer.act({ action: 'hold_key', keys: 'y', duration_ms: 20_000 });
    await page.expect('keydown y');
    await surroundings.drive(computer.id, 'ada');
    const released = await page.expect('keyup y');
    expect([...released, ...(await page.notes())].join()).toMatch(/mouseup 0 450,600/);
    expect(await holding).toEqual({ state: 'unknown' });
    const call = newId();
    expect(await computer.act(click(460, 600), call)).toEqual({ state: 'driven' });
    expect((await computer.bash('open terminal')).text).toContain('A person drives');
    await surroundings.drive(computer.id, null);
    await until(async () => (await computer.act(click(460, 600), call)).state === 'done');
    expect((await page.expect(/^click 0 460/)).filter((line) => line.startsWith('mousedown'))).toHaveLength(1);
  });

  it('lets go of what a cancelled call holds', async () => {
    const call = newId();
    const holding = computer.act({ action: 'hold_key', keys: 'z', duration_ms: 20_000 }, call);
    await page.expect('keydown z');
    expect(await computer.kill(call)).toEqual({ gone: true });
    await page.expect('keyup z');
    expect(await holding).toEqual({ state: 'unknown' });
  });

  it('lets go of what a connection held that is cut: a person\'s, and its own', async () => {
    await computer.act(click(640, 600));
    await page.notes();
    const link = new DisplayLink(new Engine(null), (await container()).id);
    const person = await RfbClient.open(await link.connect(), { updated: () => undefined, clipboard: () => undefined, closed: () => undefined });
    person.pointer(0, 480, 600);
    person.pointer(1, 480, 600);
    person.key(0x71, true);
    const held = await page.expect('mousedown 0 480,600');
    expect([...held, ...(await page.notes())].join()).not.toMatch(/mouseup|keyup/);
    link.close();
    const released = await page.expect('keyup q');
    expect([...released, ...(await page.notes())]).toContain('mouseup 0 480,600');

    await computer.act({ action: 'press', at: { x: 450, y: 600 }, button: 'left' });
    await page.expect('mousedown 0 450,600');
    await asUser('sandboxd', "pkill -9 -f '[d]eskhand-bridge display'");
    await page.expect('mouseup 0 450,600');
    await computer.act(click(460, 600));
    await page.expect('click 0 460,600 1');
  });

  it('costs next to nothing while nothing happens, also for those who watch', async () => {
    await computer.act({ action: 'move', at: { x: 5, y: 5 } });
    await asUser('desktop', 'pkill -STOP chromium');
    let bytes = 0;
    const engine = new Engine(null);
    const link = new DisplayLink({ stream: async (...parameters: Parameters<Engine['stream']>) => {
      const stream = await engine.stream(...parameters);
      stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
      return stream;
    } } as Engine, (await container()).id);
    const watcher: RfbClient = await RfbClient.open(await link.connect(), { updated: () => watcher.request(true), clipboard: () => undefined, closed: () => undefined });
    watcher.request(false);
    await until(() => bytes > 4_000_000);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = bytes;
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    link.close();
    await asUser('desktop', 'pkill -CONT chromium');
    console.info(`idle display stream: ${Math.round((bytes - before) / 5)} bytes/s`);
    expect((bytes - before) / 5).toBeLessThan(1_000);
  });

  it('does not let one stalled connection hold up another', async () => {
    const link = new DisplayLink(new Engine(null), (await container()).id);
    const stalled = await link.connect();
    await new Promise((resolve) => stalled.once('readable', resolve));
    // It asks for whole pictures and never reads one.
    const request = Buffer.from([3, 0, 0, 0, 0, 0, 5, 0, 3, 32]);
    stalled.write(Buffer.concat([Buffer.from('RFB 003.008\n'), Buffer.from([1, 1]), ...Array.from({ length: 50 }, () => request)]));
    let updates = 0;
    const other = await RfbClient.open(await link.connect(), { updated: () => updates++, clipboard: () => undefined, closed: () => undefined });
    for (let round = 1; round <= 10; round++) {
      other.request(false);
      await until(() => updates >= round);
    }
    link.close();
  });

  it('survives a pause', async () => {
    await page.notes();
    await (await container()).pause();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await (await container()).unpause();
    await computer.act(click(512, 600));
    await page.expect(/^click 0 512,600/);
  });

  it('tells that a program died', async () => {
    expect((await computer.act({ action: 'screenshot' })).notices).toBeUndefined();
    await asUser('desktop', 'pkill -9 -o chromium');
    await until(async () => (await computer.act({ action: 'screenshot' })).notices?.some((notice) => /chromium ended unexpectedly, by signal 9/.test(notice)) ?? false);
    const before = await asUser('desktop', 'pgrep openbox; pgrep tint2');
    await asUser('desktop', 'pkill -9 openbox; pkill -9 tint2');
    await until(async () => /^\d+\n\d+\n$/.test(await asUser('desktop', 'pgrep openbox; pgrep tint2')));
    expect(await asUser('desktop', 'pgrep openbox; pgrep tint2')).not.toBe(before);
    expect((await computer.act({ action: 'screenshot' })).notices).toBeUndefined();
  });

  it('comes back when the screen dies, and says so', async () => {
    for (const victim of ['Xvnc', 'deskhand-deskto']) {
      await computer.bash('open terminal; sleep 0.5');
      await computer.act({ action: 'screenshot' });
      const killed = performance.now();
      await asUser('desktop', `pkill -9 ${victim}`);
      const notices: string[] = [];
      await until(async () => {
        notices.push(...((await computer.act({ action: 'screenshot' }).catch(() => null))?.notices ?? []));
        return notices.length > 0;
      });
      console.info(`${victim} killed: back and told after ${Math.round(performance.now() - killed)} ms`);
      expect(performance.now() - killed).toBeLessThan(10_000);
      expect(notices).toEqual([expect.stringContaining('had to be started again')]);
      expect((await computer.bash('open terminal')).outcome?.exit_code).toBe(0);
    }
  });

  it('opens files and programs for the tools, and says what cannot be opened', async () => {
    await computer.bash('echo hello > /workspace/a.txt; mkdir -p /workspace/folder; printf "#!/bin/sh\\nid -un > /workspace/ran\\n" > /workspace/program; chmod +x /workspace/program; mkdir -m 700 /workspace/own; touch /workspace/own/secret');
    for (const what of ['a.txt', '/workspace/folder', './program', 'sh -c "exit 0"', 'files']) expect([what, (await computer.bash(`open ${what}`)).text]).toEqual([what, '']);
    await until(async () => (await computer.bash('cat /workspace/ran')).text === 'desktop\n');
    await until(async () => /l3afpad/.test(await asUser('desktop', 'pgrep -l l3afpad; pgrep -l pcmanfm')));
    expect((await computer.bash('open nothing-such')).text).toBe('open: There is no such file or program\n');
    expect((await computer.bash('open own/secret')).text).toBe('open: There is no such file or program\n');
    expect((await computer.bash('open')).outcome?.exit_code).toBe(2);
    expect((await computer.bash('chromium --version')).text).toMatch(/^Chromium \d+/);
  });

  it('is gone after a stop, and says so', async () => {
    await (await container()).kill();
    await until(() => surroundings.news.some(({ computer_id, state }) => computer_id === computer.id && state === 'stopped'));
    await until(async () => (await computer.start()).state === 'ready');
    const view = await computer.act({ action: 'screenshot' });
    expect(view).toMatchObject({ state: 'done', notices: [expect.stringContaining('started anew')] });
  });

  it('does nothing twice when its manager dies, and its successor knows the desktop', async () => {
    const call = newId();
    await computer.act(click(10, 10), call);
    await computer.bash('open terminal; sleep 0.7');
    await computer.act({ action: 'press', at: { x: 50, y: 50 }, button: 'left' });
    await close();
    ({ close } = await startManager(surroundings));
    await until(async () => (await computer.start()).state === 'ready');
    expect(await computer.act(click(10, 10), call)).toEqual({ state: 'unknown' });
    const view = await computer.act({ action: 'screenshot' });
    expect(view.notices).toBeUndefined();
    expect(await asUser('desktop', 'pgrep -c xterm')).toBe('1\n');
  });
});
