/** The first wait leaves time to hear that the computer was stopped on purpose. */
const firstDelay = 500;
const longestDelay = 8_000;
/** After so many failed tries in a row the person is told that the connection is lost. Trying goes on. */
const triesUntilLost = 6;

/** How long to wait before each try, and when to say that it is lost. */
export class DesktopBackOff {
  #tries = 0;

  constructor(private readonly random: () => number = Math.random) {}

  next(): { delay: number; lost: boolean } {
    const delay = Math.min(longestDelay, firstDelay * 2 ** this.#tries) * (0.8 + 0.2 * this.random());
    this.#tries++;
    return { delay, lost: this.#tries > triesUntilLost };
  }

  reset(): void {
    this.#tries = 0;
  }
}
