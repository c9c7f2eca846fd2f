import type { Duplex } from 'node:stream';
import { desktopSize } from '@deskhand/contracts';
import type { ClipboardMessage } from './rfb/extended-clipboard.ts';
import { pixelBytes, type Rectangle, withCursor } from './rfb/framebuffer.ts';
import { RfbClient } from './rfb/rfb-client.ts';
import type { Pixels } from './pictures.ts';
import { Settle, type SettleOptions, type SettleOutcome, tinyArea } from './settle.ts';

export interface Point {
  x: number;
  y: number;
}

const answerMs = 3_000;
/** What was drawn a moment ago may still wait to be sent. */
const trailingMs = 30;
/** The panel is the last that a desktop shows when it starts. */
const panelMs = 1_500;
const lookMs = 50;
const clipboardMs = 500;
const pasteMs = 3_000;
const giveBackMs = 1_000;

/** The screen was lost while something was done to it. */
export class ScreenLost extends Error {
  override readonly name = 'ScreenLost';
}

/**
 * One desktop's screen as the manager sees and touches it, over a connection of its own that is opened again when it is
 * next needed. Asks for updates only while somebody waits for them: a desktop that nobody uses costs nothing.
 */
export class Screen {
  #client: RfbClient | null = null;
  #opening: Promise<RfbClient> | null = null;
  #watching = false;
  /** Called for every update, and with null when the connection is over. */
  #updates = new Set<(changed: readonly Rectangle[] | null) => void>();
  #clipboards = new Set<(message: ClipboardMessage) => void>();
  #hasClipboard = false;
  #offered: string | null = null;
  #givingBack: { text: string | null; timer: NodeJS.Timeout; due: number } | null = null;
  #pointer: Point = { x: desktopSize.width / 2, y: desktopSize.height / 2 };
  #buttons = 0;
  #keys = new Set<number>();

  constructor(private readonly connect: () => Promise<Duplex>) {}

  get pointer(): Readonly<Point> {
    return this.#pointer;
  }

  /** Whether a key or button is held down from here. */
  get holds(): boolean {
    return this.#buttons !== 0 || this.#keys.size > 0;
  }

  /** Resolves when the screen can be seen and touched; one that was only just connected to may still be starting. */
  async ready(): Promise<void> {
    if (this.#client && !this.#client.over) return;
    await this.#open();
    for (const limit = performance.now() + panelMs; performance.now() < limit && !this.#showsPanel(); ) {
      await this.#nextUpdate(lookMs, () => false);
      await this.refresh();
    }
  }

  /** Brings what was seen up to date. */
  async refresh(): Promise<void> {
    const client = await this.#open();
    const answered = this.#nextUpdate(answerMs, (changed) => changed.some(({ x, y }) => x === 0 && y === 0));
    client.request(true);
    // One pixel as it is makes the screen answer even if nothing changed.
    client.request(false, { x: 0, y: 0, width: 1, height: 1 });
    if (!(await answered)) throw new ScreenLost('The screen does not answer');
  }

  /** The screen with its pointer, as it is now. */
  async capture(): Promise<Pixels> {
    await this.refresh();
    const trailing = this.#nextUpdate(trailingMs);
    this.#client?.request(true);
    await trailing;
    return this.shown();
  }

  /** The screen with its pointer, as it was last seen. */
  shown(): Pixels {
    const client = this.#connected();
    const { framebuffer, cursor } = client;
    return { bytes: withCursor(framebuffer, cursor, this.#pointer), width: framebuffer.width, height: framebuffer.height };
  }

  /** Waits until the screen has come to rest after `work`, before which it was refreshed. */
  async settle(options: SettleOptions, work: () => Promise<void>, signal: AbortSignal): Promise<SettleOutcome> {
    const settle = new Settle(options);
    let wake: () => void = () => undefined;
    const look = (changed: readonly Rectangle[] | null): void => {
      settle.changed(changed ?? [], performance.now());
      wake();
    };
    this.#updates.add(look);
    this.#watch(true);
    try {
      await work();
      settle.done(performance.now());
      for (;;) {
        const outcome = settle.outcome(performance.now());
        if (outcome) return outcome;
        this.#connected();
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.max(1, settle.nextLook() - performance.now()));
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        signal.throwIfAborted();
      }
    } finally {
      this.#updates.delete(look);
      this.#watch(false);
    }
  }

  move(to: Point): void {
    this.#pointer = { ...to };
    this.#sendPointer();
  }

  /** A person moved it over a connection of theirs. */
  pointerAt(at: Point): void {
    this.#pointer = { ...at };
  }

  press(button: number): void {
    this.#buttons |= button;
    this.#sendPointer();
  }

  release(button: number): void {
    this.#buttons &= ~button;
    this.#sendPointer();
  }

  keyDown(keysym: number): void {
    this.#keys.add(keysym);
    this.#connected().key(keysym, true);
  }

  keyUp(keysym: number): void {
    this.#keys.delete(keysym);
    this.#connected().key(keysym, false);
  }

  tap(keysym: number): void {
    this.keyDown(keysym);
    this.keyUp(keysym);
  }

  /** Lets go of every key and button that is held from here. */
  releaseHeld(): void {
    if (!this.#client || this.#client.over) return this.#forgetHeld();
    for (const keysym of [...this.#keys].reverse()) this.keyUp(keysym);
    if (this.#buttons !== 0) this.release(this.#buttons);
  }

  /** The text that a program of the desktop has copied; null when there is none. */
  async clipboard(): Promise<string | null> {
    if (!this.#hasClipboard) return this.#offered;
    const answered = this.#nextClipboard('provide', clipboardMs);
    this.#connected().clipboard({ type: 'request' });
    const message = await answered;
    return message?.type === 'provide' ? message.text : null;
  }

  /** Offers a text for pasting, or nothing. Given to whichever program asks. */
  offer(text: string | null): void {
    this.#offered = text;
    this.#hasClipboard = false;
    this.#connected().clipboard({ type: 'notify', available: text !== null });
  }

  /**
   * Offers what was copied before a paste again. A while later: a program that is slow reads the pasted text only then, and
   * one that merely looks at clipboards may have asked for it before.
   */
  giveBack(text: string | null): void {
    clearTimeout(this.#givingBack?.timer);
    const timer = setTimeout(() => this.#finishGivingBack(), giveBackMs).unref();
    this.#givingBack = { text, timer, due: performance.now() + giveBackMs };
  }

  /** Resolves when nothing waits to be given back: what is done next may copy or paste. */
  async givenBack(): Promise<void> {
    if (!this.#givingBack) return;
    await new Promise((resolve) => setTimeout(resolve, this.#givingBack!.due - performance.now()));
    this.#finishGivingBack();
  }

  /** Resolves once the offered text was asked for; false when nobody does. It may be somebody who only looks. */
  async taken(): Promise<boolean> {
    return (await this.#nextClipboard('request', pasteMs)) !== null;
  }

  /** Resolves with the next change that is more than a caret, or after a while. Only while it settles. */
  async changed(ms: number): Promise<void> {
    await this.#nextUpdate(ms, (changed) => changed.some(({ width, height }) => width * height > tinyArea));
  }

  close(): void {
    this.#client?.close();
  }

  /** Whether the lower edge is not of one piece with what is above it, as on a desktop without its panel. */
  #showsPanel(): boolean {
    const { pixels, width, height } = this.#connected().framebuffer;
    const at = (row: number): number => pixels.readUInt32LE(((row + 1) * width - 1) * pixelBytes);
    return at(height - 1) !== at(Math.floor(height / 2));
  }

  #finishGivingBack(): void {
    const given = this.#givingBack;
    this.#givingBack = null;
    clearTimeout(given?.timer);
    // With another connection the offer is gone anyway; whoever copied since then has the clipboard.
    if (given && this.#client && !this.#client.over && this.#offered !== null) this.offer(given.text);
  }

  #connected(): RfbClient {
    if (!this.#client || this.#client.over) throw new ScreenLost('The screen was lost');
    return this.#client;
  }

  #open(): Promise<RfbClient> {
    if (this.#client && !this.#client.over) return Promise.resolve(this.#client);
    this.#opening ??= this.#connect().finally(() => (this.#opening = null));
    return this.#opening;
  }

  async #connect(): Promise<RfbClient> {
    this.#forgetHeld();
    this.#hasClipboard = false;
    this.#offered = null;
    const client = await RfbClient.open(await this.connect(), {
      updated: (changed) => this.#updated(changed),
      clipboard: (message) => this.#heardClipboard(message),
      closed: () => this.#updated(null),
    });
    this.#client = client;
    const whole = this.#nextUpdate(answerMs);
    client.request(false);
    if (!(await whole) || client.over) throw new ScreenLost('The screen does not answer');
    return client;
  }

  #updated(changed: readonly Rectangle[] | null): void {
    for (const tell of [...this.#updates]) tell(changed);
    if (changed && this.#watching && this.#client && !this.#client.over) this.#client.request(true);
  }

  #watch(on: boolean): void {
    this.#watching = on;
    if (on) this.#client?.request(true);
  }

  /** False when none that is wanted comes in time. */
  #nextUpdate(ms: number, wanted: (changed: readonly Rectangle[]) => boolean = () => true): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (came: boolean): void => {
        clearTimeout(impatience);
        this.#updates.delete(tell);
        resolve(came);
      };
      const tell = (changed: readonly Rectangle[] | null): void => {
        if (changed === null) done(false);
        else if (wanted(changed)) done(true);
      };
      const impatience = setTimeout(() => done(false), ms);
      this.#updates.add(tell);
    });
  }

  #heardClipboard(message: ClipboardMessage): void {
    if (message.type === 'notify') {
      this.#hasClipboard = message.available;
      if (message.available) this.#offered = null;
    }
    if (message.type === 'request' && this.#offered !== null) this.#client?.clipboard({ type: 'provide', text: this.#offered });
    for (const tell of [...this.#clipboards]) tell(message);
  }

  #nextClipboard(type: ClipboardMessage['type'], ms: number): Promise<ClipboardMessage | null> {
    return new Promise((resolve) => {
      const done = (message: ClipboardMessage | null): void => {
        clearTimeout(impatience);
        this.#clipboards.delete(tell);
        resolve(message);
      };
      const tell = (message: ClipboardMessage): void => {
        if (message.type === type) done(message);
      };
      const impatience = setTimeout(() => done(null), ms);
      this.#clipboards.add(tell);
    });
  }

  #sendPointer(): void {
    this.#connected().pointer(this.#buttons, this.#pointer.x, this.#pointer.y);
  }

  #forgetHeld(): void {
    this.#buttons = 0;
    this.#keys.clear();
  }
}
