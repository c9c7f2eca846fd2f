const kept = 10;

/** What happened to a desktop by itself, in words for a model that works there; each is told once. */
export class Happenings {
  #untold: string[] = [];

  add(text: string): void {
    if (this.#untold.at(-1) !== text) this.#untold = [...this.#untold, text].slice(-kept);
  }

  take(): string[] {
    const told = this.#untold;
    this.#untold = [];
    return told;
  }
}
