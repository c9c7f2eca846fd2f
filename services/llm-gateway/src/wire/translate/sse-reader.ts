import { LineTooLong } from '../stream-sniffer.ts';

const lineFeed = 10;

/**
 * Reads an event stream that comes in chunks cut anywhere, inside a character too. Each event's data is handed on when its
 * blank line has come; event names and ids are not needed by any format here.
 */
export class SseReader {
  private readonly decoder = new TextDecoder('utf-8');
  private rest = '';
  private data: string | null = null;
  private endedWithReturn = false;

  constructor(private readonly onData: (data: string) => void, private readonly onComment: () => void, private readonly limit = 16 * 1024 * 1024) {}

  /** Throws `LineTooLong`. */
  push(bytes: Uint8Array): void {
    this.read(this.decoder.decode(bytes, { stream: true }));
  }

  /** Hands on an event whose blank line never came. */
  end(): void {
    this.read(`${this.decoder.decode()}\n\n`);
  }

  private read(piece: string): void {
    const fresh = this.withLineFeeds(piece);
    // Only what is new is searched: a line of many small pieces would be searched again with each of them.
    const first = fresh.indexOf('\n');
    const before = this.rest.length;
    const text = this.rest + fresh;
    let start = 0;
    for (let end = first === -1 ? -1 : before + first; end !== -1; end = text.indexOf('\n', start)) {
      this.line(text, start, end);
      start = end + 1;
    }
    this.rest = start === 0 ? text : text.slice(start);
    if (this.rest.length + (this.data?.length ?? 0) > this.limit) throw new LineTooLong(`The provider sent an event of more than ${this.limit} characters`);
  }

  private line(text: string, start: number, end: number): void {
    if (start === end) return this.dispatch();
    if (text.charCodeAt(start) === 58) return this.onComment();
    if (!text.startsWith('data', start)) return;
    if (end - start > 4 && text.charCodeAt(start + 4) !== 58) return;
    const from = start + (text.charCodeAt(start + 5) === 32 ? 6 : 5);
    const value = from < end ? text.slice(from, end) : '';
    this.data = this.data === null ? value : `${this.data}\n${value}`;
  }

  private dispatch(): void {
    const { data } = this;
    this.data = null;
    if (data !== null && data !== '') this.onData(data);
  }

  /** `\r\n` and `\r` end lines too; a `\n` that begins a chunk may belong to the `\r` before it. */
  private withLineFeeds(piece: string): string {
    const continued = this.endedWithReturn && piece.charCodeAt(0) === lineFeed ? piece.slice(1) : piece;
    if (piece !== '') this.endedWithReturn = piece.endsWith('\r');
    return continued.includes('\r') ? continued.replace(/\r\n?/g, '\n') : continued;
  }
}
