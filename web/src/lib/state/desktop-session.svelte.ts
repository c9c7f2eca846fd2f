import { ApiError, wordsOf } from '../api/client.ts';
import type { Endpoints } from '../api/endpoints.ts';
import { DesktopBackOff } from '../desktop/back-off.ts';
import { ClipboardSides } from '../desktop/clipboard-sides.ts';
import { Typist } from '../desktop/typing.ts';
import type { Viewer } from '../desktop/viewer.ts';
import { copyText } from '../text/clipboard.ts';
import type { ComputerState } from '@deskhand/contracts';
import type { Lease } from '../timeline/state.ts';
import { clientId } from './client-id.ts';

/** After a copy key, what the desktop copies is what the person asked for. */
const copyIntent = 4_000;

/** How long the desktop's clipboard is borrowed after the last text that was typed by way of it. */
const lentFor = 3_000;

/**
 * One desktop as this tab sees it: a connection that comes back by itself with a new ticket each time, and the turn at its
 * mouse and keyboard. `off`: nothing is wanted · `opening`: the first time · `lost`: given up for now, tried on quietly.
 */
export class DesktopSession {
  phase = $state<'off' | 'opening' | 'live' | 'reconnecting' | 'lost'>('off');
  /** Why it cannot be shown, or what was last refused. */
  problem = $state<string | null>(null);
  /** This tab's name; empty until it is known. */
  tab = $state('');
  /** Text that was copied on the desktop and is not on this machine's clipboard. */
  offered = $state<string | null>(null);
  busy = $state(false);
  /** When this tab asked the one that drives; null when it did not, or was answered. */
  asked = $state(false);
  readonly typist = new Typist({
    sendKey: (keysym, down) => this.#viewer?.sendKey(keysym, down),
    put: (text) => this.#viewer?.put(text) ?? Promise.resolve(),
    fetched: () => this.#viewer?.fetched() ?? Promise.resolve(),
    giveBackLater: () => this.#giveBackLater(),
  });
  #viewer: Viewer | null = null;
  #host: HTMLElement | null = null;
  #still: HTMLCanvasElement | null = null;
  #driving = false;
  #copyAskedAt = 0;
  /** What is on the desktop's clipboard by somebody's will; null when that is not known. */
  #kept: string | null = null;
  #givingBack: ReturnType<typeof setTimeout> | undefined;
  #wanted = false;
  /** Grows with every connection, so that what belongs to an older one is known. */
  #turn = 0;
  #backOff = new DesktopBackOff();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sides = new ClipboardSides();

  constructor(
    private readonly conversationId: string,
    private readonly endpoints: Endpoints,
  ) {
    void clientId().then((id) => (this.tab = id));
  }

  /** Where the picture goes, and where its last state stays in sight while there is none. */
  show(host: HTMLElement, still: HTMLCanvasElement): void {
    this.#host = host;
    this.#still = still;
    addEventListener('online', this.retry);
    if (this.#wanted) this.open();
  }

  close(): void {
    removeEventListener('online', this.retry);
    this.rest();
    this.#host = null;
  }

  /** Connects, and keeps connected. Starts the computer where it does not run. */
  open(): void {
    this.#wanted = true;
    if (this.#viewer || !this.#host || this.phase === 'opening') return;
    clearTimeout(this.#timer);
    this.#backOff.reset();
    this.problem = null;
    this.phase = 'opening';
    void this.#connect();
  }

  /** Lets the connection go until it is wanted again. */
  rest(): void {
    this.#wanted = false;
    this.#turn++;
    clearTimeout(this.#timer);
    this.#viewer?.close();
    this.#viewer = null;
    this.phase = 'off';
  }

  /** Tries at once instead of after the delay. */
  retry = (): void => {
    if (!this.#wanted || this.#viewer || this.phase === 'opening') return;
    clearTimeout(this.#timer);
    if (this.phase === 'lost') this.phase = 'reconnecting';
    void this.#connect();
  };

  /** A computer that stops takes its desktop with it; that is no failure, and nobody starts it again unasked. */
  computerIs(state: ComputerState): void {
    const gone = state === 'stopping' || state === 'stopped' || state === 'none' || state === 'failed';
    if (gone && this.#wanted) this.rest();
  }

  set driving(driving: boolean) {
    this.#driving = driving;
    if (this.#viewer) this.#viewer.driving = driving;
    if (!driving) this.offered = null;
  }

  async take(): Promise<void> {
    this.open();
    await this.#order(async () => {
      await this.endpoints.takeDesktop(this.conversationId, { client_id: this.tab });
      this.asked = false;
    });
  }

  async release(lease: Lease): Promise<void> {
    await this.#order(() => this.endpoints.releaseDesktop(this.conversationId, { client_id: this.tab, epoch: lease.epoch }));
  }

  async extend(lease: Lease): Promise<void> {
    await this.#order(() => this.endpoints.takeDesktop(this.conversationId, { client_id: this.tab, epoch: lease.epoch }));
  }

  /** Tells whoever drives that this tab would like to. */
  async ask(): Promise<void> {
    await this.#order(async () => {
      try {
        await this.endpoints.takeDesktop(this.conversationId, { client_id: this.tab, ask: true });
      } catch (error) {
        // Still held, which is why it asked.
        if (!(error instanceof ApiError && error.code === 'CONFLICT')) throw error;
        this.asked = true;
      }
    });
  }

  /** Ends this person's turn, in whichever tab it is, and begins one in another tab. */
  async handOver(lease: Lease, to: string): Promise<void> {
    await this.#order(() => this.endpoints.releaseDesktop(this.conversationId, { epoch: lease.epoch, to }));
  }

  /** A paste key was pressed in this machine's browser; the key itself follows. */
  pasting(text: string): void {
    if (this.#sides.mustGive(text)) this.#kept = text;
    else if (this.#givingBack === undefined) return;
    this.#giveBack();
  }

  /** A copy key was pressed. */
  copying(): void {
    this.#copyAskedAt = Date.now();
  }

  /** Puts what was copied on the desktop onto this machine's clipboard. */
  async takeOffered(): Promise<void> {
    const text = this.offered;
    if (text === null) return;
    await copyText(text);
    this.#sides.copiedHere(text);
    this.offered = null;
  }

  #giveBackLater(): void {
    clearTimeout(this.#givingBack);
    this.#givingBack = setTimeout(() => this.#giveBack(), lentFor);
  }

  #giveBack(): void {
    clearTimeout(this.#givingBack);
    this.#givingBack = undefined;
    if (this.#kept !== null) this.typist.put(this.#kept);
  }

  #onClipboard(text: string): void {
    if (!this.#driving || text === '') return;
    clearTimeout(this.#givingBack);
    this.#givingBack = undefined;
    this.#kept = text;
    this.#sides.copiedOnDesktop();
    this.offered = text;
    if (Date.now() - this.#copyAskedAt < copyIntent) void this.takeOffered().catch(() => undefined);
  }

  async #order(work: () => Promise<unknown>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    try {
      await work();
    } catch (error) {
      this.problem = wordsOf(error);
    } finally {
      this.busy = false;
    }
  }

  async #connect(): Promise<void> {
    const turn = ++this.#turn;
    const current = () => turn === this.#turn && this.#wanted;
    try {
      const client_id = await clientId();
      const [{ Viewer }, { url }] = await Promise.all([import('../desktop/viewer.ts'), this.endpoints.desktopTicket(this.conversationId, { mode: 'control', client_id })]);
      if (!current() || !this.#host) return;
      this.#viewer = new Viewer(this.#host, new URL(url, location.href.replace(/^http/, 'ws')).href, {
        onOpen: () => {
          if (!current() || !this.#viewer) return;
          this.#viewer.driving = this.#driving;
          this.#backOff.reset();
          this.problem = null;
          this.phase = 'live';
        },
        onClose: () => {
          const viewer = this.#viewer;
          if (!current() || !viewer) return;
          if (this.#still) viewer.copyTo(this.#still);
          this.#viewer = null;
          this.#again(null);
        },
        onClipboard: (text) => current() && this.#onClipboard(text),
      });
    } catch (error) {
      if (current()) this.#again(error);
    }
  }

  /** Next try later, each time a little more. What will not be there next time either is said, and left. */
  #again(error: unknown): void {
    if (error instanceof ApiError && (error.code === 'NOT_FOUND' || error.code === 'FORBIDDEN')) {
      this.rest();
      this.problem = error.message;
      return;
    }
    const { delay, lost } = this.#backOff.next();
    if (error !== null) this.problem = wordsOf(error);
    this.phase = lost ? 'lost' : 'reconnecting';
    this.#timer = setTimeout(() => this.#wanted && void this.#connect(), delay);
  }
}
