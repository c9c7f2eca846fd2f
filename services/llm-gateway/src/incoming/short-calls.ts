import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { readShortHead, ShortRequest, type ShortHead } from './short-request.ts';
import { ShortResponse } from './short-response.ts';

export interface ShortCallsParts {
  /** Whether a path is one that short requests are answered on. */
  isServed(path: string): boolean;
  /** Its errors are its own. */
  serve(path: string, request: ShortRequest, response: ShortResponse): void;
  /** Milliseconds that a connection is kept on which no call is at work. */
  keptMs: number;
}

/** A client that asks ahead waits where it has sent this much. */
const mostAhead = 64 * 1024;
const lookMs = 1_000;
/** A connection is kept a little longer than was said, so that no request meets a closing door. */
const marginMs = 1_000;

/**
 * A server's connections as long as their requests are short calls: these are read and answered here, because what Node does for each is a
 * large part of what the whole call costs (docs/decisions). At the first request of another kind the connection goes to Node for good.
 */
export class ShortCalls {
  private readonly connections = new Set<ShortConnection>();
  private readonly watch: NodeJS.Timeout;
  private fields = { second: 0, text: '' };
  isClosing = false;
  /** Gives a connection to Node, which reads what is in it from then on. */
  readonly passOn: (socket: Socket) => void;

  /** `server`: with nothing but Node's own listener for connections. */
  constructor(server: Server, readonly parts: ShortCallsParts) {
    const [read] = server.listeners('connection');
    this.passOn = (socket) => void read!.call(server, socket);
    server.removeAllListeners('connection').on('connection', (socket) => void this.connections.add(new ShortConnection(socket, this)));
    this.watch = setInterval(() => this.look(), lookMs).unref();
  }

  /** No connection outlives its call any more; those without one end now. */
  close(): void {
    this.isClosing = true;
    for (const connection of this.connections) connection.endIdle();
  }

  /** Cuts what is still at work. */
  closeAll(): void {
    clearInterval(this.watch);
    for (const connection of this.connections) connection.destroy();
  }

  left(connection: ShortConnection): void {
    this.connections.delete(connection);
  }

  /** The fields that end each head, and its empty line. */
  readonly ends = (): string => {
    const now = Date.now();
    if (this.isClosing) return `date: ${new Date(now).toUTCString()}\r\nconnection: close\r\n\r\n`;
    const second = Math.floor(now / 1_000);
    if (second !== this.fields.second) this.fields = { second, text: `date: ${new Date(now).toUTCString()}\r\nconnection: keep-alive\r\nkeep-alive: timeout=${Math.floor(this.parts.keptMs / 1_000)}\r\n\r\n` };
    return this.fields.text;
  };

  private look(): void {
    const before = performance.now() - this.parts.keptMs - marginMs;
    for (const connection of this.connections) connection.endUnused(before);
  }
}

class ShortConnection {
  /** The call at work; null between two. */
  private response: ShortResponse | null = null;
  /** What came of the next request, and its head once that is whole. */
  private kept: Buffer | null = null;
  private head: ShortHead | null = null;
  /** Since when nothing is at work, or a request's body is waited for, by `performance.now()`. */
  private restsSince = performance.now();

  constructor(private readonly socket: Socket, private readonly owner: ShortCalls) {
    socket.on('data', this.onData).on('drain', this.onDrain).on('end', this.onEnd).on('close', this.onClose).on('error', ignore);
  }

  endIdle(): void {
    if (this.response === null && this.kept === null) this.socket.destroy();
  }

  endUnused(before: number): void {
    const since = this.response === null ? this.restsSince : this.response.endedAt;
    if (since !== null && since < before) this.socket.destroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private readonly onData = (chunk: Buffer): void => {
    const bytes = this.kept === null ? chunk : Buffer.concat([this.kept, chunk]);
    this.kept = null;
    if (this.response === null) return this.read(bytes);
    this.kept = bytes;
    if (bytes.length > mostAhead) this.socket.pause();
  };

  private readonly onDrain = (): void => void this.response?.emit('drain');

  /** The client will not ask for more; one that leaves before its answer is there does not want it. */
  private readonly onEnd = (): void => {
    if (this.response !== null && this.response.endedAt === null) this.socket.destroy();
    else this.socket.end();
  };

  private readonly onClose = (): void => {
    this.owner.left(this);
    this.response?.lost();
  };

  private read(bytes: Buffer): void {
    const head = this.head ?? readShortHead(bytes);
    if (head === null) return this.passOn(bytes);
    const path = pathOf(head.url);
    if (!this.owner.parts.isServed(path)) return this.passOn(bytes);
    const { headBytes, bodyBytes } = head;
    const size = headBytes + bodyBytes;
    if (bytes.length < size) {
      if (this.head === null) this.restsSince = performance.now();
      this.head = head;
      this.kept = bytes;
      return;
    }
    this.head = null;
    if (bytes.length > size) this.kept = bytes.subarray(size);
    const response = (this.response = new ShortResponse(this.socket, this.owner.ends, this.onOver));
    this.owner.parts.serve(path, new ShortRequest(head.url, head.headers, bytes.subarray(headBytes, size), this.socket), response);
  }

  private readonly onOver = (): void => {
    this.response = null;
    this.restsSince = performance.now();
    if (this.socket.destroyed) return;
    if (this.owner.isClosing) return void this.socket.end();
    if (this.socket.isPaused()) this.socket.resume();
    // Not from within the answer before: a row of requests must not grow the stack.
    if (this.kept !== null) setImmediate(this.goOn);
  };

  private readonly goOn = (): void => {
    const { kept } = this;
    if (kept === null || this.response !== null || this.socket.destroyed) return;
    this.kept = null;
    this.read(kept);
  };

  private passOn(bytes: Buffer): void {
    const { socket } = this;
    this.owner.left(this);
    socket.off('data', this.onData).off('drain', this.onDrain).off('end', this.onEnd).off('close', this.onClose);
    // What was read goes back in front of what follows; nothing may flow until Node listens.
    socket.pause();
    socket.unshift(bytes);
    this.owner.passOn(socket);
    socket.off('error', ignore);
    socket.resume();
  }
}

const ignore = (): void => {};

const pathOf = (url: string): string => {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
};
