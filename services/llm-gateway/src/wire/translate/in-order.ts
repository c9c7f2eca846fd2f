import { JsonBalance } from './json-balance.ts';
import type { Proof } from './model-request.ts';
import type { OpenBlock, TurnSink } from './turn-sink.ts';

const unnamed = { id: '', model: '', usage: null };

interface Entry {
  key: number;
  block: OpenBlock;
  /** What came while another block was being written. */
  held: string;
  proof: Proof | null;
  closed: boolean;
  /** Only for calls whose end nobody announces. */
  balance: JsonBalance | null;
}

/**
 * Puts blocks that an upstream interleaves one after the other, each opened once and closed once, because formats with
 * blocks have only one open at a time. The block being written streams on at once. A call whose arguments are whole JSON makes
 * way for the next one; what is really interleaved waits for the block before it. A turn that an upstream never began is
 * begun, and none is begun twice.
 */
export class InOrder implements TurnSink {
  private readonly queue: Entry[] = [];
  private last: Entry | null = null;
  private begun = false;

  constructor(private readonly sink: TurnSink) {}

  start(heading: Parameters<TurnSink['start']>[0]): void {
    if (this.begun) return;
    this.begun = true;
    this.sink.start(heading);
  }

  open(key: number, block: OpenBlock): void {
    this.start(unnamed);
    const entry: Entry = { key, block, held: '', proof: null, closed: false, balance: block.type === 'tool-call' && block.kind === 'function' ? new JsonBalance() : null };
    this.queue.push(entry);
    this.last = entry;
    if (this.queue.length === 1) this.sink.open(key, block);
    else this.advance();
  }

  delta(key: number, text: string): void {
    const entry = this.find(key);
    if (!entry || text === '') return;
    entry.balance?.push(text);
    if (entry !== this.queue[0]) entry.held += text;
    else {
      this.sink.delta(key, text);
      if (this.queue.length > 1) this.advance();
    }
  }

  prove(key: number, proof: Proof): void {
    const entry = this.find(key);
    if (!entry) return;
    if (entry === this.queue[0]) this.sink.prove(key, proof);
    else entry.proof = proof;
  }

  close(key: number): void {
    const entry = this.find(key);
    if (!entry) return;
    entry.closed = true;
    this.advance();
  }

  ping(): void {
    this.sink.ping();
  }

  finish(end: Parameters<TurnSink['finish']>[0]): void {
    for (const entry of this.queue) entry.closed = true;
    this.advance();
    this.start(unnamed);
    this.sink.finish(end);
  }

  fail(error: Parameters<TurnSink['fail']>[0]): void {
    this.sink.fail(error);
  }

  private find(key: number): Entry | undefined {
    return this.last?.key === key && !this.isGone(this.last) ? this.last : this.queue.find((entry) => entry.key === key);
  }

  private isGone(entry: Entry): boolean {
    return entry.closed && !this.queue.includes(entry);
  }

  private advance(): void {
    for (let head = this.queue[0]; head && (head.closed || (this.queue.length > 1 && head.balance?.whole === true)); head = this.queue[0]) {
      head.closed = true;
      this.sink.close(head.key);
      this.queue.shift();
      const next = this.queue[0];
      if (!next) return;
      this.sink.open(next.key, next.block);
      if (next.held !== '') this.sink.delta(next.key, next.held);
      next.held = '';
      if (next.proof !== null) this.sink.prove(next.key, next.proof);
    }
  }
}
