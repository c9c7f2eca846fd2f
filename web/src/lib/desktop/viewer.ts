import RFB from '@novnc/novnc';
import type { Keys } from './typing.ts';

export interface ViewerEvents {
  /** The picture is there, or is not coming. */
  onOpen(): void;
  /** It is gone for good; `code` as WebSockets know it. */
  onClose(code: number): void;
  /** Something was copied on the desktop. */
  onClipboard(text: string): void;
}

/** A program that pastes asks for the text; one that does not paste never does. */
const fetchWithin = 2_500;
/** A desktop that paints nothing is shown as it is after this. */
const paintedWithin = 3_000;
/** Between a program's question for a text and the moment when it has put it in. */
const insertTime = 40;
/** Some read a text in two goes; what replaced it in between would leave them with nothing. */
const readTime = 250;

/**
 * One connection to a desktop: its picture in `host`, and, while `driving`, the way back. Only looked at otherwise, here as
 * on the server. Keys are sent by what they mean, never by where they are: the desktop's layout is not this keyboard's.
 */
export class Viewer implements Omit<Keys, 'giveBackLater'> {
  readonly #rfb: RFB;
  readonly #socket: WebSocket;
  #open = false;
  #fetched: (() => void) | null = null;
  #fetchedAt = 0;
  #put: string | null = null;

  constructor(
    private readonly host: HTMLElement,
    url: string,
    events: ViewerEvents,
  ) {
    this.#socket = new WebSocket(url);
    this.#noticeFetches();
    // Before noVNC hears of it and takes its canvas away.
    this.#socket.addEventListener('close', ({ code }) => events.onClose(code));
    this.#rfb = new RFB(host, this.#socket);
    this.#rfb.viewOnly = true;
    this.#rfb.focusOnClick = false;
    this.#rfb.scaleViewport = true;
    this.#rfb.background = 'transparent';
    this.#rfb.qualityLevel = 7;
    this.#rfb.addEventListener('connect', () => void this.#untilPainted().then(() => events.onOpen()));
    this.#rfb.addEventListener('clipboard', ({ detail }) => {
      // noVNC forgets what was put there when it hears of another text. Where that one is older, a program waits for ours.
      this.#rfb._clipboardText = this.#put;
      events.onClipboard(detail.text);
    });
  }

  set driving(driving: boolean) {
    this.#rfb.viewOnly = !driving;
  }

  sendKey(keysym: number, down?: boolean): void {
    this.#rfb.sendKey(keysym, null, down);
  }

  async put(text: string): Promise<void> {
    await later(Math.max(0, this.#fetchedAt + readTime - Date.now()));
    this.#put = text;
    this.#rfb.clipboardPasteFrom(text);
  }

  async fetched(): Promise<void> {
    const fetched = new Promise<void>((resolve) => (this.#fetched = resolve));
    await Promise.race([fetched, later(fetchWithin)]);
    this.#fetched = null;
    await later(insertTime);
  }

  /** Draws what is shown now onto another canvas. */
  copyTo(still: HTMLCanvasElement): void {
    const canvas = this.host.querySelector('canvas');
    if (!this.#open || !canvas || canvas.width === 0) return;
    still.width = canvas.width;
    still.height = canvas.height;
    still.getContext('2d')?.drawImage(canvas, 0, 0);
  }

  close(): void {
    this.#rfb.disconnect();
    this.#socket.close();
  }

  /** The first picture follows the connection; until it is there, there is nothing to see. */
  async #untilPainted(): Promise<void> {
    this.#open = true;
    const probe = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const canvas = this.host.querySelector('canvas');
    if (!probe || !canvas) return;
    for (const limit = Date.now() + paintedWithin; Date.now() < limit; await later(25)) {
      probe.drawImage(canvas, canvas.width >> 1, canvas.height >> 1, 1, 1, 0, 0, 1, 1);
      if (probe.getImageData(0, 0, 1, 1).data[3] !== 0) return;
    }
  }

  /** noVNC does not say when it hands out a text, so what it sends is looked at: message 6 with the flag for a provided text. */
  #noticeFetches(): void {
    const send = this.#socket.send.bind(this.#socket);
    this.#socket.send = (data) => {
      if (data instanceof Uint8Array && data[0] === 6 && data[8] === 0x10) {
        this.#fetchedAt = Date.now();
        this.#fetched?.();
      }
      send(data);
    };
  }
}

const later = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
