/** Follows JSON text that comes in pieces and knows when its first value, an object or a list, is whole. */
export class JsonBalance {
  whole = false;
  private depth = 0;
  private inText = false;
  private escaped = false;

  push(piece: string): void {
    for (let at = 0; at < piece.length && !this.whole; at++) {
      const code = piece.charCodeAt(at);
      if (this.inText) {
        if (this.escaped) this.escaped = false;
        else if (code === 92) this.escaped = true;
        else if (code === 34) this.inText = false;
      } else if (code === 34) this.inText = true;
      else if (code === 123 || code === 91) this.depth++;
      else if ((code === 125 || code === 93) && --this.depth <= 0) this.whole = true;
    }
  }
}
