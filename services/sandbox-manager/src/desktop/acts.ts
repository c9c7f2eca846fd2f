import { randomUUID } from 'node:crypto';
import { DeclaredError, type DesktopAction, type DesktopView, type Image } from '@deskhand/contracts';
import type { Log } from '@deskhand/platform';
import type { CallLog } from '../computers/call-log.ts';
import { checkAction, onlyLooks, perform } from './actions.ts';
import type { Happenings } from './happenings.ts';
import type { Picture } from './pictures.ts';
import type { Screen } from './screen.ts';

export interface ActsParts {
  screen: Screen;
  happenings: Happenings;
  /** Acts that reached a screen, whichever manager did them. */
  begun: CallLog;
  /** Whether a person drives now. */
  driven(): boolean;
  log: Log;
}

interface Act {
  call_id: string;
  action: DesktopAction;
  /** Keeps a picture of the act. */
  keep(picture: Picture): Promise<Image>;
}

const rememberedActs = 500;
/** What an agent pressed and did not let go of for so long, it forgot. */
const heldAtMostMs = 60_000;
const driven: DesktopView = { state: 'driven' };
const unknown: DesktopView = { state: 'unknown' };
/** A person took over, or whoever asked does not want it any more. */
class BrokenOff extends Error {
  override readonly name = 'BrokenOff';
}

/**
 * Everything that an agent does to one desktop, one thing after the other and each once: the same call again answers what
 * the first came to. Nothing reaches the screen while a person drives.
 */
export class Acts {
  /** What was begun under another name, nobody here can tell about. */
  readonly #name = randomUUID();
  #queue: Promise<unknown> = Promise.resolve();
  #known = new Map<string, Promise<DesktopView>>();
  #running: { call: string; controller: AbortController } | null = null;
  /** Calls that wait or run. */
  #open = new Set<string>();
  #cancelled = new Set<string>();
  #letGo: NodeJS.Timeout | undefined;

  constructor(private readonly parts: ActsParts) {}

  async act(act: Act): Promise<DesktopView> {
    const known = this.#known.get(act.call_id);
    if (known) return known;
    checkAction(act.action);
    this.#open.add(act.call_id);
    const doing = this.#queue.then(() => this.#do(act)).finally(() => {
      this.#open.delete(act.call_id);
      this.#cancelled.delete(act.call_id);
    });
    this.#queue = doing.catch(() => undefined);
    this.#remember(act.call_id, doing);
    return doing;
  }

  /** Breaks off a call that runs or waits, and lets go of what it or one before it holds. False for one that is not known here. */
  cancel(callId: string): boolean {
    if (!this.#known.has(callId)) return false;
    if (this.#open.has(callId)) this.#cancelled.add(callId);
    if (this.#running?.call === callId) this.#running.controller.abort(new BrokenOff('The call was cancelled'));
    if (this.#running === null || this.#running.call === callId) this.parts.screen.releaseHeld();
    return true;
  }

  /** A person drives from now on: what is being done is broken off, and what is held is let go, before they touch anything. */
  takeOver(): void {
    this.#running?.controller.abort(new BrokenOff('A person took over'));
    this.parts.screen.releaseHeld();
  }

  async #do(act: Act): Promise<DesktopView> {
    const { screen, begun } = this.parts;
    if (this.#cancelled.has(act.call_id)) return unknown;
    if (this.parts.driven()) return driven;
    const begin = performance.now();
    await screen.ready().catch((error: unknown) => {
      this.parts.log.warn('The screen of a computer does not answer', { error });
      throw error instanceof DeclaredError ? error : new DeclaredError('UNAVAILABLE', 'The screen of the computer does not answer; try again', undefined, { cause: error });
    });
    if (this.parts.driven()) return driven;
    const looks = onlyLooks(act.action);
    if (!looks && !begun.admit(act.call_id, this.#name)) return unknown;
    const controller = new AbortController();
    this.#running = { call: act.call_id, controller };
    clearTimeout(this.#letGo);
    try {
      const { settle, picture, cursor, problem } = await perform(screen, act.action, controller.signal);
      const notices = [...this.parts.happenings.take(), ...(problem === undefined ? [] : [problem])];
      const image = picture && (await this.#keep(act, picture, notices));
      return { state: 'done', ...(settle && { settle }), ...(image && { image }), cursor, duration_ms: Math.round(performance.now() - begin), ...(notices.length > 0 && { notices }) };
    } catch (error) {
      if (error instanceof DeclaredError) throw error;
      if (!(controller.signal.reason instanceof BrokenOff)) this.parts.log.warn('Something could not be done to a desktop', { call: act.call_id, action: act.action.action, error });
      if (!looks) return unknown;
      if (this.parts.driven()) return driven;
      throw new DeclaredError('UNAVAILABLE', 'The screen of the computer was lost; try again');
    } finally {
      this.#running = null;
      if (screen.holds) this.#letGo = setTimeout(() => screen.releaseHeld(), heldAtMostMs).unref();
    }
  }

  async #keep(act: Act, picture: Picture, notices: string[]): Promise<Image | undefined> {
    try {
      return await act.keep(picture);
    } catch (error) {
      this.parts.log.warn('A picture of a desktop could not be kept', { error });
      notices.push('It was done, but its picture could not be kept. Take a screenshot.');
      return undefined;
    }
  }

  /** What certainly did nothing may be asked for again. */
  #remember(callId: string, doing: Promise<DesktopView>): void {
    this.#known.set(callId, doing);
    if (this.#known.size > rememberedActs) this.#known.delete(this.#known.keys().next().value!);
    const forget = (): void => {
      if (this.#known.get(callId) === doing) this.#known.delete(callId);
    };
    doing.then((view) => view.state === 'driven' && forget(), (error: unknown) => {
      if (error instanceof DeclaredError && error.code === 'UNAVAILABLE') forget();
    });
  }
}
