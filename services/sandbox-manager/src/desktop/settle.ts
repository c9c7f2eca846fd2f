import type { Rectangle } from './rfb/framebuffer.ts';

export type SettleOutcome = 'settled' | 'nochange' | 'cap';

/** Milliseconds, measured: less quiet misses the last step of interfaces that draw in steps, more only costs time. */
const settleTimes = { first: 400, quiet: 130, cap: 2_000 } as const;
/** What draws with long pauses, as everything does on a busy machine, is given longer: so many of its pauses. */
const pausesOfQuiet = 2.5;
const longestQuiet = 400;
/** Square pixels of a change that may be nothing but a caret. */
export const tinyArea = 600;

export interface SettleOptions {
  /** True after typing: what appears may be one letter. Otherwise a single tiny change is taken for a caret that blinks. */
  tinyCounts: boolean;
}

/** Decides when a screen has come to rest after something was done to it, from the changes it shows. */
export class Settle {
  /** When the last of it was done. */
  #doneAt: number | null = null;
  #changedBefore = false;
  #firstAt: number | null = null;
  #lastAt = 0;
  #quiet: number = settleTimes.quiet;
  #tiny: Rectangle[] = [];

  constructor(private readonly options: SettleOptions) {}

  changed(rectangles: readonly Rectangle[], now: number): void {
    if (!rectangles.some((rectangle) => this.#counts(rectangle))) return;
    if (this.#doneAt === null) this.#changedBefore = true;
    else if (this.#firstAt === null) this.#firstAt = now;
    else this.#quiet = Math.min(longestQuiet, Math.max(this.#quiet, (now - this.#lastAt) * pausesOfQuiet));
    this.#lastAt = now;
  }

  done(now: number): void {
    this.#doneAt = now;
  }

  /** Null while it is too early to say. */
  outcome(now: number): SettleOutcome | null {
    if (this.#doneAt === null) return null;
    if (this.#firstAt === null && now - this.#doneAt < settleTimes.first) return null;
    if (this.#firstAt === null) return this.#changedBefore ? 'settled' : 'nochange';
    if (now - this.#lastAt >= this.#quiet) return 'settled';
    return now - this.#doneAt >= settleTimes.cap ? 'cap' : null;
  }

  /** When to ask again, if nothing changes before. */
  nextLook(): number {
    const doneAt = this.#doneAt ?? 0;
    return this.#firstAt === null ? doneAt + settleTimes.first : Math.min(this.#lastAt + this.#quiet, doneAt + settleTimes.cap);
  }

  /** A caret comes and goes in one place: a tiny change there tells nothing, a second place tells that it moved. */
  #counts(rectangle: Rectangle): boolean {
    if (rectangle.width * rectangle.height > tinyArea) return true;
    if (this.#tiny.some((known) => contains(known, rectangle))) return false;
    this.#tiny.push(rectangle);
    return this.options.tinyCounts || this.#tiny.length > 1;
  }
}

function contains(outer: Rectangle, inner: Rectangle): boolean {
  return inner.x >= outer.x && inner.y >= outer.y && inner.x + inner.width <= outer.x + outer.width && inner.y + inner.height <= outer.y + outer.height;
}
