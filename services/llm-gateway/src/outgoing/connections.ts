import type { Socket } from 'node:net';
import { errors, type buildConnector } from 'undici';
import { AnswerParser } from './answer-parser.ts';
import { Exchange, type Carrier, type ExchangeHandler, type OutgoingCall } from './exchange.ts';

const most = 1_024;
/** How long an idle connection is kept. Many servers close theirs after five seconds and do not say so. */
const keptMs = 4_000;
const longestKeptMs = 600_000;
/** Before the other side closes it, so that no call meets a closing door. */
const marginMs = 1_000;
const lookMs = 50;
/** Shorter bodies travel in one piece with their head. */
const copiedBytes = 64 * 1024;

/**
 * The connections to one origin, one call at a time on each; a call takes the one that was used last. For the calls that
 * every millisecond counts for: what undici does for each is more than they need (docs/decisions).
 */
export class Connections {
  private readonly idle: Connection[] = [];
  private readonly waiting: Exchange[] = [];
  // Calls are found by their connections. A set that every call goes into and out of grows a chain of dead tables, which
  // the garbage collector copies with all that was in them.
  private readonly all = new Set<Connection>();
  private connecting = 0;
  private watch: NodeJS.Timeout | null = null;
  private closed = false;
  private readonly target: buildConnector.Options;
  private readonly firstLines: string;
  /** The last head but for its last line: most are the same. */
  private last: { path: string; headers: OutgoingCall['headers']; text: string } | null = null;

  constructor(origin: string, private readonly connector: buildConnector.connector) {
    const { host, hostname, port, protocol } = new URL(origin);
    this.target = { hostname: hostname.replace(/^\[|\]$/g, ''), host, port, protocol };
    this.firstLines = ` HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n`;
  }

  get busy(): boolean {
    return this.waiting.length > 0 || [...this.all].some(({ exchange }) => exchange !== null);
  }

  /** Every error goes to the handler. */
  send(call: OutgoingCall, handler: ExchangeHandler): void {
    const head = this.headOf(call);
    const exchange = new Exchange(call, handler, head ?? '');
    if (exchange.over) return;
    if (head === null) return exchange.fail(new errors.InvalidArgumentError('A path or a header holds something that HTTP does not carry'));
    if (this.closed) return exchange.fail(new errors.ClientClosedError());
    this.watch ??= setInterval(() => this.look(), lookMs).unref();
    const free = this.idle.pop();
    if (free !== undefined) return free.carry(exchange);
    this.waiting.push(exchange);
    if (this.connecting < this.waiting.length && this.all.size + this.connecting < most) this.connect();
  }

  /** Cuts what is still at work. */
  close(): void {
    this.closed = true;
    if (this.watch !== null) clearInterval(this.watch);
    const left = [...this.waiting, ...[...this.all].flatMap(({ exchange }) => exchange ?? [])];
    this.waiting.length = 0;
    for (const exchange of left) exchange.fail(new errors.ClientClosedError());
    for (const connection of [...this.all]) connection.destroy();
  }

  /** The connection has nothing to do. */
  freed(connection: Connection): void {
    const next = this.nextWaiting();
    if (next === undefined) this.idle.push(connection);
    else connection.carry(next);
  }

  gone(connection: Connection): void {
    if (!this.all.delete(connection)) return;
    const at = this.idle.indexOf(connection);
    if (at >= 0) this.idle.splice(at, 1);
    if (this.connecting < this.waiting.length && !this.closed) this.connect();
  }

  /** The head of a request; null where something is in it that HTTP does not carry. */
  private headOf(call: OutgoingCall): string | null {
    const { path, headers, body } = call;
    if (this.last === null || this.last.path !== path || !areSame(this.last.headers, headers)) {
      if (!isSendable(call)) return null;
      let text = `POST ${path}${this.firstLines}`;
      for (const name in headers) text += `${name}: ${headers[name]!}\r\n`;
      this.last = { path, headers, text };
    }
    return `${this.last.text}content-length: ${body.length}\r\n\r\n`;
  }

  private connect(): void {
    this.connecting++;
    this.connector(this.target, (error, socket) => {
      this.connecting--;
      if (socket === null || error !== null) return this.refused(error ?? new errors.SocketError('no connection'));
      if (this.closed) return void socket.destroy();
      const connection = new Connection(socket, this);
      this.all.add(connection);
      this.freed(connection);
    });
  }

  /** One that waits hears of it; whoever came after it tries again. */
  private refused(error: Error): void {
    this.nextWaiting()?.fail(error);
    if (this.connecting < this.waiting.length && !this.closed) this.connect();
  }

  private nextWaiting(): Exchange | undefined {
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      if (!next.over) return next;
    }
    return undefined;
  }

  private look(): void {
    const now = performance.now();
    for (const exchange of this.waiting) exchange.checkTime(now);
    for (const connection of [...this.all]) {
      if (connection.exchange !== null) connection.exchange.checkTime(now);
      else if (connection.keptUntil <= now) connection.destroy();
    }
    if (this.waiting.length > 0 || this.connecting > 0 || this.all.size > 0 || this.watch === null) return;
    clearInterval(this.watch);
    this.watch = null;
  }
}

class Connection implements Carrier {
  /** Until when it may wait for its next call, by `performance.now()`. */
  keptUntil = performance.now() + keptMs;
  exchange: Exchange | null = null;
  private parser: AnswerParser | null = null;
  /** Nothing may come while it is idle. */
  private readonly onData = (chunk: Buffer): void => {
    const { exchange, parser } = this;
    if (exchange === null || parser === null) return this.destroy();
    exchange.heard();
    try {
      parser.push(chunk);
    } catch (error) {
      return exchange.fail(error as Error);
    }
    if (parser.over && !exchange.over) this.finish(exchange, parser);
  };

  constructor(private readonly socket: Socket, private readonly owner: Connections) {
    socket.on('data', this.onData);
    socket.on('error', (error) => this.broken(error));
    socket.on('end', () => this.ended());
    socket.on('close', () => this.broken(new errors.SocketError('other side closed')));
  }

  carry(exchange: Exchange): void {
    const { socket } = this;
    this.exchange = exchange;
    this.parser = new AnswerParser(exchange);
    const { requestHead: head, call: { body } } = exchange;
    if (body.length > copiedBytes) {
      socket.cork();
      socket.write(head, 'latin1');
      socket.write(body);
      socket.uncork();
    } else {
      const bytes = Buffer.allocUnsafe(head.length + body.length);
      bytes.write(head, 'latin1');
      body.copy(bytes, head.length);
      socket.write(bytes);
    }
    exchange.carriedBy(this);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  destroy(): void {
    this.parser?.stop();
    this.exchange = null;
    this.socket.destroy();
    this.owner.gone(this);
  }

  private finish(exchange: Exchange, parser: AnswerParser): void {
    const { socket } = this;
    this.exchange = null;
    this.parser = null;
    // An answer may come before all of the request has gone; then the rest is in the way of the next one.
    if (!parser.reusable || socket.writableLength > 0 || socket.destroyed) this.destroy();
    else this.rest(parser.keepAliveSeconds);
    exchange.end();
  }

  private rest(statedSeconds: number | null): void {
    const stated = statedSeconds === null ? keptMs : Math.min(statedSeconds * 1_000 - marginMs, longestKeptMs);
    if (stated <= 0) return this.destroy();
    if (this.socket.isPaused()) this.socket.resume();
    this.keptUntil = performance.now() + stated;
    this.owner.freed(this);
  }

  private ended(): void {
    const { exchange, parser } = this;
    if (exchange === null || parser === null) return this.destroy();
    try {
      parser.end();
    } catch (error) {
      return exchange.fail(error as Error);
    }
    this.finish(exchange, parser);
  }

  private broken(error: Error): void {
    if (this.exchange === null) this.destroy();
    else this.exchange.fail(error);
  }
}

function areSame(one: OutgoingCall['headers'], other: OutgoingCall['headers']): boolean {
  if (Object.keys(one).length !== Object.keys(other).length) return false;
  for (const name in one) if (one[name] !== other[name]) return false;
  return true;
}

const tokens = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Names that were looked at before. Almost all are the gateway's own. */
const wellKnown = new Set<string>();
const mostKnown = 200;
// oxlint-disable-next-line no-control-regex
const unsendable = /[^\t\x20-\x7e\x80-\xff]/;

function isSendable({ path, headers }: OutgoingCall): boolean {
  if (!/^\/[\x21-\x7e]*$/.test(path)) return false;
  for (const name in headers) if (!isName(name) || unsendable.test(headers[name]!)) return false;
  return true;
}

function isName(name: string): boolean {
  if (wellKnown.has(name)) return true;
  if (!tokens.test(name)) return false;
  if (wellKnown.size < mostKnown) wellKnown.add(name);
  return true;
}
