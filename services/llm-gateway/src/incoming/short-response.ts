import { EventEmitter } from 'node:events';
import { STATUS_CODES, type OutgoingHttpHeader, type OutgoingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { CallResponse } from '../http/call-exchange.ts';

/** Larger pieces are not copied to travel together with what frames them. */
const copiedBytes = 4 * 1024;
const noChunkFollows = '0\r\n\r\n';
const nothing = Buffer.alloc(0);

type Field = OutgoingHttpHeader | undefined;

/** The answer to a short request: what Node's does for calls, in fewer steps. */
export class ShortResponse extends EventEmitter implements CallResponse {
  statusCode = 200;
  headersSent = false;
  destroyed = false;
  closed = false;
  /** When it was written as far as it goes, by `performance.now()`; the client may not have all of it yet. Null: it goes on. */
  endedAt: number | null = null;
  /** A head that goes out together with what follows it. */
  private head = '';
  private chunked = false;
  private fields: Map<string, OutgoingHttpHeader> | null = null;
  private late: (() => void) | null = null;

  /** `ends`: the fields that end each head. `over` is called once the system has all of the answer, or once nobody hears it any more. */
  constructor(private readonly socket: Socket, private readonly ends: () => string, private readonly over: () => void) {
    super();
  }

  setHeader(name: string, value: string): this {
    (this.fields ??= new Map()).set(name, value);
    return this;
  }

  /** Those of `writeHead` only where `setHeader` was called before, as in Node. */
  getHeader(name: string): OutgoingHttpHeader | undefined {
    return this.fields?.get(name);
  }

  hasHeader(name: string): boolean {
    return this.fields?.has(name) === true;
  }

  writeHead(status: number, headers: OutgoingHttpHeaders | OutgoingHttpHeader[]): this {
    if (this.headersSent) throw new Error('The head of this answer was written already');
    this.statusCode = status;
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
    let hasLength = false;
    const add = (name: string, value: Field): void => {
      if (value === undefined) return;
      if (name === 'content-length') hasLength = true;
      if (!Array.isArray(value)) head += fieldLine(name, value);
      else for (const one of value) head += fieldLine(name, one);
    };
    if (this.fields !== null) this.addTo(this.fields, headers, add);
    else eachOf(headers, add);
    this.chunked = !hasLength;
    this.head = head + (hasLength ? '' : 'transfer-encoding: chunked\r\n') + this.ends();
    this.headersSent = true;
    return this;
  }

  flushHeaders(): void {
    if (this.head === '' || this.destroyed) return;
    this.socket.write(this.head, 'latin1');
    this.head = '';
  }

  write(chunk: string | Uint8Array): boolean {
    if (this.endedAt !== null || this.destroyed) return false;
    const bytes = bytesOf(chunk);
    // An empty chunk would say that it was the last one.
    return bytes.length === 0 ? true : this.send(bytes, false);
  }

  end(chunk: string | Uint8Array = nothing, encoding: BufferEncoding = 'utf8'): this {
    if (this.endedAt !== null || this.destroyed) return this;
    if (!this.headersSent) this.writeHead(this.statusCode, ['content-length', bytesOf(chunk, encoding).length]);
    this.endedAt = performance.now();
    // A character a byte, like the head.
    if (typeof chunk === 'string' && encoding === 'latin1' && !this.chunked) this.socket.write(this.head + chunk, 'latin1');
    else this.send(bytesOf(chunk, encoding), true);
    this.head = '';
    if (this.socket.writableLength === 0) this.finish();
    else this.socket.write('', (error) => { if (error == null) this.finish(); });
    return this;
  }

  destroy(): this {
    this.socket.destroy();
    return this;
  }

  /** `late` is called when nothing moves on the connection for so long. */
  setTimeout(milliseconds: number, late: () => void): this {
    this.late = late;
    this.socket.setTimeout(milliseconds, late);
    return this;
  }

  /** The connection is gone. */
  lost(): void {
    if (!this.closed) this.close();
  }

  private finish(): void {
    if (this.closed) return;
    this.emit('finish');
    this.close();
  }

  private close(): void {
    this.closed = this.destroyed = true;
    if (this.late !== null) this.socket.setTimeout(0).off('timeout', this.late);
    this.emit('close');
    this.over();
  }

  private addTo(fields: Map<string, OutgoingHttpHeader>, headers: OutgoingHttpHeaders | OutgoingHttpHeader[], add: (name: string, value: Field) => void): void {
    eachOf(headers, (name, value) => { if (value !== undefined) fields.set(name, value); });
    for (const [name, value] of fields) add(name, value);
  }

  /** Writes a piece of the body with what frames it; false where the client is behind. */
  private send(bytes: Uint8Array, isLast: boolean): boolean {
    const { socket, chunked } = this;
    const before = chunked && bytes.length > 0 ? `${this.head}${bytes.length.toString(16)}\r\n` : this.head;
    const after = (chunked && bytes.length > 0 ? '\r\n' : '') + (chunked && isLast ? noChunkFollows : '');
    this.head = '';
    if (before === '' && after === '') return socket.write(bytes);
    if (bytes.length > copiedBytes) {
      socket.cork();
      socket.write(before, 'latin1');
      socket.write(bytes);
      const hasRoom = socket.write(after, 'latin1');
      socket.uncork();
      return hasRoom;
    }
    const whole = Buffer.allocUnsafe(before.length + bytes.length + after.length);
    whole.write(before, 0, 'latin1');
    whole.set(bytes, before.length);
    whole.write(after, before.length + bytes.length, 'latin1');
    return socket.write(whole);
  }
}

const bytesOf = (chunk: string | Uint8Array, encoding: BufferEncoding = 'utf8'): Uint8Array => (typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);

function eachOf(headers: OutgoingHttpHeaders | OutgoingHttpHeader[], take: (name: string, value: Field) => void): void {
  if (Array.isArray(headers)) for (let at = 0; at < headers.length; at += 2) take(headers[at] as string, headers[at + 1]);
  else for (const name of Object.keys(headers)) take(name, headers[name]);
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** The last line of each name: most are the same in every answer. */
const lines = new Map<string, { value: string | number; line: string }>();
const mostKnown = 200;
const longestKnown = 200;
// oxlint-disable-next-line no-control-regex
const unsendable = /[^\t\x20-\x7e\x80-\xff]/;

function fieldLine(name: string, value: string | number): string {
  const known = lines.get(name);
  if (known?.value === value) return known.line;
  if (known === undefined && !token.test(name)) throw new TypeError(`This is no name of a header: ${JSON.stringify(name)}`);
  if (typeof value === 'string' && unsendable.test(value)) throw new TypeError(`The header ${name} holds what HTTP does not carry`);
  const line = `${name}: ${value}\r\n`;
  if (line.length > longestKnown) return line;
  if (known !== undefined) Object.assign(known, { value, line });
  else if (lines.size < mostKnown) lines.set(name, { value, line });
  return line;
}
