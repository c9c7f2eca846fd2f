import type { IncomingHttpHeaders } from 'node:http';
import { errors } from 'undici';
import { eachField, fieldLines } from '../http-fields.ts';

export interface AnswerParts {
  /** Of the final answer; what is only interim (1xx) is passed over. Names are in lower case, as Node writes them. */
  head(status: number, headers: IncomingHttpHeaders): void;
  /** A piece of the body; a view of the chunk that it came in, and good as long as that. */
  data(piece: Buffer): void;
}

/**
 * What comes next: so many bytes (`length`, `chunk`), everything until the connection ends (`rest`), the line before, the
 * break after and the lines behind chunks (`size`, `break`, `trailers`).
 */
type State = 'head' | 'length' | 'rest' | 'size' | 'chunk' | 'break' | 'trailers' | 'over';

const largestHead = 64 * 1024;
const longestSizeLine = 1_024;
const headEnd = Buffer.from('\r\n\r\n');
const nothing = Buffer.alloc(0);
const lineFeed = 10;
const carriageReturn = 13;

/**
 * Reads one HTTP/1.1 answer to a POST, however its bytes are cut, by RFC 9112. Whatever two readers could understand in two
 * ways (folded lines, two lengths, a length beside chunks, encodings other than chunks, lone line breaks) is refused.
 */
export class AnswerParser {
  private state: State = 'head';
  /** Bytes of a head, a size line or a trailer whose end has not come. */
  private kept = nothing;
  /** Bytes that are to come of the body, or of the chunk. */
  private left = 0;
  /** Bytes of trailers so far. */
  private trailers = 0;
  private keepAlive = false;
  private hint: number | null = null;

  constructor(private readonly parts: AnswerParts) {}

  /** The answer is whole. */
  get over(): boolean {
    return this.state === 'over';
  }

  /** Whether the connection may carry another call. */
  get reusable(): boolean {
    return this.over && this.keepAlive && this.kept.length === 0;
  }

  /** Seconds that the other side keeps an idle connection; null when it did not say. */
  get keepAliveSeconds(): number | null {
    return this.hint;
  }

  /** No more parts are given, whatever comes. */
  stop(): void {
    this.state = 'over';
    this.keepAlive = false;
  }

  /** Throws an error of undici's that says what is wrong. */
  push(chunk: Buffer): void {
    let at = 0;
    if (this.kept.length > 0) {
      chunk = Buffer.concat([this.kept, chunk]);
      this.kept = nothing;
    }
    while (at >= 0 && at < chunk.length && this.state !== 'over') at = this.read(chunk, at);
    // What follows the answer was not asked for.
    if (at >= 0 && at < chunk.length) this.keepAlive = false;
  }

  /** The connection has ended. Throws when the answer is not whole. */
  end(): void {
    if (this.state === 'rest') this.state = 'over';
    else if (this.state === 'length') throw new errors.ResponseContentLengthMismatchError();
    else if (this.state !== 'over') throw new errors.SocketError('other side closed');
  }

  /** Each reader returns where it stopped, or -1 when it needs more than there is. */
  private read(chunk: Buffer, at: number): number {
    switch (this.state) {
      case 'head': return this.readHead(chunk, at);
      case 'length': return this.readData(chunk, at, 'over');
      case 'rest': return this.readData(chunk, at, 'rest');
      case 'size': return this.readSize(chunk, at);
      case 'chunk': return this.readData(chunk, at, 'break');
      case 'break': return this.readChunkEnd(chunk, at);
      case 'trailers': return this.readTrailer(chunk, at);
      case 'over': return at;
    }
  }

  private readHead(chunk: Buffer, at: number): number {
    const end = chunk.indexOf(headEnd, at);
    if ((end < 0 ? chunk.length : end) - at > largestHead) throw new errors.HeadersOverflowError();
    if (end < 0) {
      // What cannot become an answer is not waited for.
      if (!'HTTP/1.'.startsWith(chunk.toString('latin1', at, Math.min(at + 7, chunk.length)))) throw notHttp('The status line');
      return this.keep(chunk, at);
    }
    const text = chunk.toString('latin1', at, end);
    if (!wellFormed.test(text)) throw notHttp('The head');
    const status = Number(text.slice(9, 12));
    // Nobody asked for another protocol.
    if (status < 100 || status === 101) throw notHttp('The status line');
    if (status >= 200) this.begin(status, readHeaders(text), text[7] === '1');
    return end + headEnd.length;
  }

  private begin(status: number, headers: IncomingHttpHeaders, isKept: boolean): void {
    const { connection, 'content-length': length, 'keep-alive': keepAlive, 'transfer-encoding': encoding } = headers;
    this.keepAlive = connection === undefined ? isKept : isKept ? !/\bclose\b/i.test(connection) : /\bkeep-alive\b/i.test(connection);
    this.hint = keepAlive === undefined ? null : Number(/\btimeout=(\d{1,6})\b/i.exec(String(keepAlive))?.[1] ?? Number.NaN);
    if (Number.isNaN(this.hint)) this.hint = null;
    if (encoding !== undefined) {
      if (length !== undefined || !/^chunked$/i.test(encoding) || !isKept) throw notHttp('Transfer-Encoding');
      this.state = 'size';
    } else if (length !== undefined) {
      if (!/^\d{1,15}$/.test(length)) throw notHttp('Content-Length');
      this.left = Number(length);
      this.state = 'length';
    } else {
      this.keepAlive = false;
      this.left = Infinity;
      this.state = 'rest';
    }
    if (status === 204 || status === 304) this.state = 'over';
    const { state } = this;
    this.parts.head(status, headers);
    if (state === 'length' && this.left === 0) this.state = 'over';
  }

  /** `next`: what comes when nothing of it is left. */
  private readData(chunk: Buffer, at: number, next: State): number {
    const end = Math.min(chunk.length, at + this.left);
    this.left -= end - at;
    this.parts.data(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
    // Whoever got it may have stopped the reading.
    if (this.left === 0 && this.state !== 'over') this.state = next;
    return end;
  }

  private readSize(chunk: Buffer, at: number): number {
    const end = this.lineEnd(chunk, at, longestSizeLine);
    if (end < 0) return this.keep(chunk, at);
    let size = 0;
    let next = at;
    for (let digit = hexadecimal(chunk[next]!); digit >= 0; digit = hexadecimal(chunk[++next]!)) size = size * 16 + digit;
    // Extensions say nothing to us.
    const isWell = next > at && next - at <= 12 && (next === end || chunk[next] === 0x3b || chunk[next] === 0x20 || chunk[next] === 0x09);
    if (!isWell) throw notHttp('The size of a chunk');
    this.left = size;
    this.state = size === 0 ? 'trailers' : 'chunk';
    return end + 2;
  }

  private readChunkEnd(chunk: Buffer, at: number): number {
    if (chunk[at] !== carriageReturn || (at + 1 < chunk.length && chunk[at + 1] !== lineFeed)) throw notHttp('The end of a chunk');
    if (at + 1 === chunk.length) return this.keep(chunk, at);
    this.state = 'size';
    return at + 2;
  }

  private readTrailer(chunk: Buffer, at: number): number {
    const end = this.lineEnd(chunk, at, largestHead - this.trailers);
    if (end < 0) return this.keep(chunk, at);
    this.trailers += end + 2 - at;
    if (end === at) this.state = 'over';
    return end + 2;
  }

  /** Where the line's break begins; -1 when it has not come. */
  private lineEnd(chunk: Buffer, at: number, longest: number): number {
    const end = chunk.indexOf(lineFeed, at);
    if ((end < 0 ? chunk.length : end) - at > longest) throw new errors.HeadersOverflowError();
    if (end < 0) return -1;
    if (end === at || chunk[end - 1] !== carriageReturn) throw notHttp('A line break');
    return end - 1;
  }

  private keep(chunk: Buffer, at: number): number {
    // A copy: the memory that it is a view of is used again.
    this.kept = Buffer.from(chunk.subarray(at));
    return -1;
  }
}

const notHttp = (what: string): Error => Object.assign(new errors.HTTPParserError(`${what} is not HTTP/1.1`), { code: 'HPE_INVALID' });
/** A status line and headers, without the empty line after them. */
const wellFormed = new RegExp(`^HTTP/1\\.[01] \\d{3}(?: [\\t\\x20-\\x7e\\x80-\\xff]*)?${fieldLines}$`);
/** What decides where an answer ends may not be said twice in two ways. */
const decisive = new Set(['content-length', 'transfer-encoding']);
/** Of these the first counts, as in Node. */
const single = new Set(['content-type', 'keep-alive', 'location', 'retry-after']);

/** Of a well-formed head. */
function readHeaders(head: string): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {};
  eachField(head, (name, value) => add(headers, name, value));
  return headers;
}

function add(headers: IncomingHttpHeaders, name: string, value: string): void {
  // It cannot be told from the object's own.
  if (name === '__proto__') return;
  const known = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (known === undefined) headers[name] = name === 'set-cookie' ? [value] : value;
  else if (Array.isArray(known)) known.push(value);
  else if (decisive.has(name)) {
    if (known !== value) throw notHttp(name);
  } else if (name === 'connection') headers[name] = `${known}, ${value}`;
  else if (!single.has(name)) headers[name] = [known, value];
}

function hexadecimal(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
