// Callers without an HTTP library: what they cost on their core is little beside what the measured program does on its own.
import { connect, type Socket } from 'node:net';
import type { LoadOrder, LoadOutcome } from '../support/load.ts';

const endOfStream = Buffer.from('\r\n0\r\n\r\n');

type Over = (caller: Caller, firstByteMs: number, wholeMs: number, ok: boolean) => void;

/** One connection that asks one thing after another. */
class Caller {
  private readonly socket: Socket;
  private started = 0;
  private firstByteMs = 0;
  private received = 0;
  private head: Buffer = Buffer.alloc(0);
  private inBody = false;
  /** Bytes of the body still to come; null: its end is the last chunk. */
  private missing: number | null = null;
  private tail: Buffer = Buffer.alloc(0);
  private ok = false;
  private readonly order: LoadOrder;
  private readonly request: Buffer;
  private readonly over: Over;

  constructor(order: LoadOrder, request: Buffer, over: Over) {
    this.order = order;
    this.request = request;
    this.over = over;
    this.socket = connect({ port: order.port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (bytes) => this.read(bytes));
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('close', () => { if (this.started > 0) this.end(false); });
  }

  ask(): void {
    this.inBody = false;
    this.received = 0;
    this.firstByteMs = 0;
    this.tail = Buffer.alloc(0);
    this.started = performance.now();
    this.socket.write(this.request);
  }

  close(): void {
    this.started = 0;
    this.socket.destroy();
  }

  private read(bytes: Buffer): void {
    let body = bytes;
    if (!this.inBody) {
      this.head = this.head.length === 0 ? bytes : Buffer.concat([this.head, bytes]);
      const end = this.head.indexOf('\r\n\r\n');
      if (end === -1) return;
      const text = this.head.toString('latin1', 0, end);
      this.ok = text.startsWith('HTTP/1.1 200');
      const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
      this.missing = length === undefined ? null : Number(length);
      body = this.head.subarray(end + 4);
      this.head = Buffer.alloc(0);
      this.inBody = true;
    }
    if (body.length === 0) return;
    if (this.received === 0) this.firstByteMs = performance.now() - this.started;
    this.received += body.length;
    if (this.missing !== null ? this.received >= this.missing : this.sawEnd(body)) this.end(this.ok && this.received >= this.order.leastBytes);
  }

  private sawEnd(body: Buffer): boolean {
    const last = body.length >= endOfStream.length ? body.subarray(-endOfStream.length) : Buffer.concat([this.tail, body]).subarray(-endOfStream.length);
    this.tail = last;
    return last.equals(endOfStream);
  }

  private end(ok: boolean): void {
    const wholeMs = performance.now() - this.started;
    this.started = 0;
    this.over(this, this.firstByteMs, wholeMs, ok);
  }
}

async function run(order: LoadOrder): Promise<LoadOutcome> {
  const body = Buffer.from(order.body);
  const headers = Object.entries(order.headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const request = Buffer.concat([Buffer.from(`POST ${order.path} HTTP/1.1\r\nhost: 127.0.0.1:${order.port}\r\n${headers}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`), body]);
  const outcome: LoadOutcome = { calls: 0, failed: 0, seconds: 0, firstByteMs: [], wholeMs: [] };
  const started = performance.now();
  const until = order.seconds === undefined ? Infinity : started + order.seconds * 1_000;
  let toAsk = order.calls ?? Infinity;
  await new Promise<void>((resolve) => {
    let working = 0;
    const callers: Caller[] = [];
    const next = (caller: Caller): void => {
      if (toAsk > 0 && performance.now() < until) {
        toAsk--;
        return caller.ask();
      }
      caller.close();
      if (--working === 0) resolve();
    };
    const over: Over = (caller, firstByteMs, wholeMs, ok) => {
      outcome.calls++;
      outcome.firstByteMs.push(firstByteMs);
      outcome.wholeMs.push(wholeMs);
      if (ok) return next(caller);
      outcome.failed++;
      caller.close();
      const other = new Caller(order, request, over);
      callers.push(other);
      // One that nobody answers must not become a storm of connections.
      setTimeout(() => next(other), 20);
    };
    for (let index = 0; index < order.width; index++) callers.push(new Caller(order, request, over));
    working = order.width;
    for (const caller of callers.slice()) next(caller);
  });
  outcome.seconds = (performance.now() - started) / 1_000;
  return outcome;
}

process.on('message', (order: LoadOrder) => void run(order).then((outcome) => process.send?.(outcome)));
process.on('disconnect', () => process.exit());
