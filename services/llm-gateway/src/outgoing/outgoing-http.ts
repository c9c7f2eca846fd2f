import { guardedConnector, type AddressPolicy, type Resolve } from '@deskhand/platform/outgoing';
import type { IncomingHttpHeaders } from 'node:http';
import { Pool, type Dispatcher } from 'undici';
import { Connections } from './connections.ts';
import type { ExchangeHandler, OutgoingCall } from './exchange.ts';
import { sharedBuffer } from './shared-buffer.ts';

export interface OutgoingTimeouts {
  /** Milliseconds to an open connection, to the first byte of an answer, and between two pieces of it. */
  connectMs: number;
  firstByteMs: number;
  idleMs: number;
}

interface Entry<Kind> {
  to: Kind;
  usedAt: number;
}

const unusedMs = 300_000;

/**
 * Every call that leaves this service goes through here: pools of connections per origin, each connection opened by the
 * guarded connector, no redirect ever followed, no pipelining. Pools that nobody used for five minutes are closed.
 */
export class OutgoingHttp {
  private readonly pools = new Map<string, Entry<Pool>>();
  private readonly connections = new Map<string, Entry<Connections>>();
  private readonly sweeper: NodeJS.Timeout;

  constructor(private readonly policy: AddressPolicy, readonly timeouts: OutgoingTimeouts, private readonly resolve?: Resolve) {
    this.sweeper = setInterval(() => this.sweep(), 60_000).unref();
  }

  /** A model call: its body is all there. */
  send(origin: string, call: OutgoingCall, handler: ExchangeHandler): void {
    reached(this.connections, origin, () => new Connections(origin, this.connector(sharedBuffer))).send(call, handler);
  }

  /** Any request; its body may still be coming. */
  dispatch(origin: string, options: Omit<Dispatcher.DispatchOptions, 'origin'>, handler: Dispatcher.DispatchHandler): void {
    this.pool(origin).dispatch({ headersTimeout: this.timeouts.firstByteMs, bodyTimeout: this.timeouts.idleMs, ...options }, handler);
  }

  /** Sends a small body and reads at most `limit` bytes of the answer. Rejects when there is none. */
  async post(origin: string, path: string, headers: Record<string, string>, body: string, limit: number, timeoutMs: number): Promise<{ status: number; text: string }> {
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await this.pool(origin).request({ path, method: 'POST', headers, body, signal });
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= limit) break;
    }
    return { status: answer.statusCode, text: Buffer.concat(chunks).subarray(0, limit).toString('utf8') };
  }

  /** Sends a body and reads the whole answer, at most `limit` bytes. Rejects when there is none, when it is larger, and when `signal` ends it. */
  async exchange(origin: string, options: { path: string; headers: Record<string, string>; body: Buffer; headersTimeout: number }, limit: number, signal: AbortSignal): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
    const answer = await this.pool(origin).request({ ...options, method: 'POST', bodyTimeout: this.timeouts.idleMs, signal });
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > limit) throw new Error('The answer is too large');
    }
    return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks, size) };
  }

  async close(): Promise<void> {
    clearInterval(this.sweeper);
    for (const { to } of this.connections.values()) to.close();
    this.connections.clear();
    const pools = [...this.pools.values()];
    this.pools.clear();
    await Promise.all(pools.map(async ({ to }) => to.destroy()));
  }

  private pool(origin: string): Pool {
    return reached(this.pools, origin, () => new Pool(origin, { connections: 1_024, pipelining: 1, connect: this.connector(), maxHeaderSize: 64 * 1024 }));
  }

  private connector(more: Parameters<typeof guardedConnector>[3] = {}): ReturnType<typeof guardedConnector> {
    return guardedConnector(this.policy, this.timeouts.connectMs, this.resolve, more);
  }

  private sweep(): void {
    const before = Date.now() - unusedMs;
    for (const [origin, { to, usedAt }] of this.pools) {
      if (usedAt > before || to.stats.running > 0 || to.stats.pending > 0) continue;
      this.pools.delete(origin);
      void to.close();
    }
    for (const [origin, { to, usedAt }] of this.connections) {
      if (usedAt > before || to.busy) continue;
      this.connections.delete(origin);
      to.close();
    }
  }
}

function reached<Kind>(entries: Map<string, Entry<Kind>>, origin: string, make: () => Kind): Kind {
  let entry = entries.get(origin);
  if (entry === undefined) entries.set(origin, entry = { to: make(), usedAt: 0 });
  entry.usedAt = Date.now();
  return entry.to;
}
