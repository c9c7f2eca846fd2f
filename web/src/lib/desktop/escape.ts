/** How long an Esc waits for a second one before it goes to the desktop. */
const secondWithin = 350;

/**
 * Esc twice leaves the desktop; Esc once is the desktop's. The first therefore waits a moment: what follows it decides.
 */
export class DoubleEscape {
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly send: () => void,
    private readonly leave: () => void,
  ) {}

  /** An Esc was pressed. */
  press(): void {
    if (this.#timer === null) {
      this.#timer = setTimeout(() => this.flush(), secondWithin);
      return;
    }
    this.cancel();
    this.leave();
  }

  /** Something else happens: an Esc that waits goes first. */
  flush(): void {
    if (this.#timer === null) return;
    this.cancel();
    this.send();
  }

  cancel(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
