import { mergedUsage, type TokenUsage } from './token-usage.ts';
import type { Wire } from './wire-format.ts';

const newline = 10;
/** Without its first quotation mark, of which everything is full: this way a search looks at few places. */
const marker = 'usage"';
const dataField = Buffer.from('data:');
const nothing = Buffer.alloc(0);
/** `"content":""`, and a little. */
const fieldBytes = 16;

/** A provider sent one line that no stream event of any format has. */
export class LineTooLong extends Error {
  override readonly name = 'LineTooLong';
  readonly code = 'LINE_TOO_LONG';
}

/**
 * Watches an event stream for its usage while the bytes pass. Every chunk is passed on at once and unchanged. Only with
 * `strip` (the client did not ask for the usage that the gateway asked for) is an unfinished line kept back until its end,
 * which no client can read before either.
 */
export class StreamSniffer {
  /** What the stream stated so far; null when it stated nothing. */
  usage: TokenUsage | null = null;
  /** That statement was the last one. */
  final = false;
  private bytes = 0;
  private events = 0;
  private shortestEvent = Infinity;
  /** The lines that came last. */
  last: Buffer = nothing;
  private readonly partial: Buffer[] = [];
  private partialSize = 0;

  constructor(private readonly wire: Pick<Wire, 'usageEvent'>, private readonly strip: boolean, private readonly lineLimit = 16 * 1024 * 1024) {}

  /** Whether a client holds the beginning of a line whose end never came. */
  get insideLine(): boolean {
    return this.partialSize > 0 && !this.strip;
  }

  /** Whether all was said and only the end of the stream is missing, for which clients do not wait. */
  get complete(): boolean {
    return this.final || this.last.subarray(-32).includes('data: [DONE]');
  }

  /** The bytes to pass on now. Throws `LineTooLong`. */
  push(chunk: Buffer): Buffer {
    const end = chunk.lastIndexOf(newline) + 1;
    if (end === 0) {
      this.keep(chunk);
      return this.strip ? nothing : chunk;
    }
    const whole = chunk.subarray(0, end);
    const lines = this.partialSize === 0 ? whole : Buffer.concat([...this.partial, whole]);
    this.partial.length = 0;
    this.partialSize = 0;
    if (end < chunk.length) this.keep(chunk.subarray(end));
    this.last = lines;
    this.measure(lines);
    const passed = this.inspect(lines);
    return this.strip ? passed : chunk;
  }

  /** What was kept back when the stream ended properly. */
  end(): Buffer {
    const rest = this.partialSize === 0 ? nothing : Buffer.concat(this.partial);
    this.inspect(rest);
    return this.strip ? rest : nothing;
  }

  /**
   * Output tokens for a stream that never stated them: about one an event, or, where events are long, what they hold beyond
   * the shortest one and a field's name, at four bytes a token.
   */
  estimatedOutput(): number {
    if (!Number.isFinite(this.shortestEvent)) return 0;
    const held = this.bytes - this.events * (this.shortestEvent + fieldBytes);
    return Math.max(this.events - 2, Math.round(held / 4), 1);
  }

  private keep(piece: Buffer): void {
    this.partial.push(piece);
    this.partialSize += piece.length;
    if (this.partialSize > this.lineLimit) throw new LineTooLong(`The provider sent a line of more than ${this.lineLimit} bytes`);
  }

  private measure(lines: Buffer): void {
    for (let at = lines.indexOf(dataField); at !== -1; ) {
      const end = lines.indexOf(newline, at);
      if (at === 0 || lines[at - 1] === newline) {
        this.events++;
        this.bytes += end - at;
        if (end - at < this.shortestEvent && end - at > 24) this.shortestEvent = end - at;
      }
      // Mostly the next event follows a blank line at once, and need not be looked for.
      at = lines[end + 1] === newline && isDataAt(lines, end + 2) ? end + 2 : lines.indexOf(dataField, end);
    }
  }

  private inspect(lines: Buffer): Buffer {
    const kept: Buffer[] = [];
    let passedTo = 0;
    // A character a byte: many searches of text cost a third of those in bytes.
    const text = lines.toString('latin1');
    for (let at = text.indexOf(marker); at !== -1; ) {
      if (text[at - 1] !== '"' || !opensObject(text, at + marker.length)) {
        at = text.indexOf(marker, at + marker.length);
        continue;
      }
      const start = lines.lastIndexOf(newline, at) + 1;
      const newlineAt = lines.indexOf(newline, at);
      const end = newlineAt === -1 ? lines.length : newlineAt + 1;
      if (this.read(lines.subarray(start, end)) && this.strip) {
        kept.push(lines.subarray(passedTo, start));
        passedTo = end;
      }
      at = text.indexOf(marker, end);
    }
    return passedTo === 0 ? lines : Buffer.concat([...kept, lines.subarray(passedTo)]);
  }

  /** Takes the usage of one line; true when the line holds nothing else. */
  private read(line: Buffer): boolean {
    if (!line.subarray(0, 5).equals(dataField)) return false;
    try {
      const { usage, final, onlyUsage } = this.wire.usageEvent(JSON.parse(line.toString('utf8', 5)));
      if (usage) this.usage = mergedUsage(this.usage, usage);
      this.final ||= final;
      return onlyUsage;
    } catch {
      return false;
    }
  }
}

/** `data:` */
function isDataAt(lines: Buffer, at: number): boolean {
  return lines[at] === 100 && lines[at + 1] === 97 && lines[at + 2] === 116 && lines[at + 3] === 97 && lines[at + 4] === 58;
}

/** Providers write `"usage":null` into every other event; only an object is worth parsing. */
function opensObject(text: string, from: number): boolean {
  let at = from;
  while (text[at] === ' ') at++;
  if (text[at] !== ':') return false;
  do at++;
  while (text[at] === ' ');
  return text[at] === '{';
}
