/**
 * Two clipboards that one hand uses as if they were one: the desktop's and this machine's. The newer text counts. What is
 * newer here cannot be seen before it is pasted, so what was pasted last is remembered: it is old once the desktop copied.
 */
export class ClipboardSides {
  #pasted: string | null = null;
  #desktopIsNewer = false;

  copiedOnDesktop(): void {
    this.#desktopIsNewer = true;
  }

  /** This machine's clipboard got the desktop's text: both are the same. */
  copiedHere(text: string): void {
    this.#pasted = text;
  }

  /** A paste key was pressed and this machine's clipboard has `text`. True when the desktop's must get it first. */
  mustGive(text: string): boolean {
    if (text === '' || (this.#desktopIsNewer && text === this.#pasted)) return false;
    this.#pasted = text;
    this.#desktopIsNewer = false;
    return true;
  }
}
