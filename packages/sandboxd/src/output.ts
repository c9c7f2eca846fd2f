const markerRoom = 80;

/**
 * What is kept of a command's output, at most `limit` UTF-16 units however much comes: its head while it streams, its
 * tail once it has ended, and one line between them that says how much was left out. Never splits a surrogate pair.
 * NUL, which databases refuse, is shown as U+2400.
 */
export class Output {
  #head = '';
  #headRoom: number;
  #tailRoom: number;
  #undecoded: Buffer = Buffer.alloc(0);
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #droppedBytes = 0;
  #whole: string | null = null;

  constructor(limit: number) {
    this.#headRoom = Math.floor(limit / 2);
    this.#tailRoom = limit - this.#headRoom - markerRoom;
  }

  /** An output that had ended with this text. */
  static ended(text: string): Output {
    const output = new Output(1_000);
    output.#whole = text;
    return output;
  }

  /** What can be shown now: grows only at its end, until `finish` completes it. */
  get text(): string {
    return this.#whole ?? this.#head;
  }

  /** Takes bytes; returns what they added to `text`. */
  append(bytes: Buffer): string {
    const all = this.#undecoded.length > 0 ? Buffer.concat([this.#undecoded, bytes]) : bytes;
    if (this.#headRoom === 0) {
      // The head may have been filled to the last unit while half a character was waiting.
      this.#undecoded = Buffer.alloc(0);
      this.#keepTail(all);
      return '';
    }
    const complete = completeLength(all);
    this.#undecoded = Buffer.from(all.subarray(complete));
    return this.#addText(decode(all.subarray(0, complete)));
  }

  /** Continues a head that was shown before, as after a restart of the daemon. */
  restore(head: string): void {
    this.#addText(head);
  }

  /** No more comes: completes `text`. */
  finish(): string {
    if (this.#whole !== null) return this.#whole;
    const rest = this.#undecoded;
    this.#undecoded = Buffer.alloc(0);
    if (rest.length > 0) this.#addText(decode(rest));
    const bytes = Buffer.concat(this.#tail);
    let start = 0;
    if (this.#droppedBytes > 0) while (start < 3 && (bytes[start] ?? 0) >> 6 === 2) start++;
    const kept = decode(bytes.subarray(start));
    const tail = kept.slice(avoidPair(kept, Math.max(0, kept.length - this.#tailRoom)));
    const left = this.#droppedBytes + start + Buffer.byteLength(kept) - Buffer.byteLength(tail);
    const marker = left > 0 ? `\n[${left.toLocaleString('en')} bytes of output left out here]\n` : '';
    this.#whole = this.#head + marker + tail;
    this.#head = '';
    this.#tail = [];
    return this.#whole;
  }

  /** Decoded text; what does not fit the head starts the tail, with the bytes that wait behind it. */
  #addText(text: string): string {
    const cut = text.length <= this.#headRoom ? text.length : avoidPair(text, this.#headRoom, -1);
    const shown = text.slice(0, cut);
    this.#head += shown;
    this.#headRoom = cut < text.length ? 0 : this.#headRoom - cut;
    if (this.#headRoom > 0) return shown;
    this.#keepTail(Buffer.concat([Buffer.from(text.slice(cut)), this.#undecoded]));
    this.#undecoded = Buffer.alloc(0);
    return shown;
  }

  #keepTail(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#tail.push(bytes);
    this.#tailBytes += bytes.length;
    // A UTF-16 unit takes at most three bytes of UTF-8.
    const enough = this.#tailRoom * 3;
    while (this.#tailBytes - this.#tail[0]!.length >= enough) {
      const dropped = this.#tail.shift()!;
      this.#tailBytes -= dropped.length;
      this.#droppedBytes += dropped.length;
    }
    if (this.#tail.length > 256) this.#tail = [Buffer.concat(this.#tail)];
  }
}

/** Bytes up to the last whole character. */
function completeLength(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte >> 6 === 2) continue;
    const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return wanted > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

const decode = (bytes: Buffer): string => bytes.toString('utf8').replaceAll('\0', '\u2400');

/** A place to cut that is not between the two halves of a pair: one unit later, or earlier for `-1`. */
function avoidPair(text: string, at: number, step: 1 | -1 = 1): number {
  const unit = text.charCodeAt(at);
  const before = text.charCodeAt(at - 1);
  return unit >= 0xdc00 && unit <= 0xdfff && before >= 0xd800 && before <= 0xdbff ? at + step : at;
}
