import { DeclaredError, type Cursor, type DurableEvent, type LiveEvent } from '@deskhand/contracts';
import type { ClosedBlocks } from './closed-blocks.ts';
import { Merger, type FeedEvent, type Outcome } from './merger.ts';
import { openBlocks, type TimelineSource } from './timeline-source.ts';

/** Where a feed goes: a client's connection. */
export interface FeedSink {
  /** The conversation can be read; what follows is its feed. Called once, before anything is sent. */
  begin(): void;
  send(event: FeedEvent, cursor: Cursor): void;
  /** More is buffered for this client than it may hold up. */
  isFull(): boolean;
  /** Resolves when what was buffered has gone out; also when the connection is gone. */
  drained(): Promise<void>;
  /** The feed is over by itself: the conversation is gone, or a right ended. */
  end(reason: DeclaredError): void;
}

export interface FeedTiming {
  /** A hole in a block makes the feed ask again at most this often. */
  holeMs: number;
  /** First and longest wait before a failed read is repeated. */
  retryMs: readonly [number, number];
}

export const usualTiming: FeedTiming = { holeMs: 250, retryMs: [100, 2_000] };

/**
 * A worker may name a block as open for a moment after the event that closed it: the last events before a reader's place
 * tell which blocks those are.
 */
const recentEvents = 16;

/** What may arrive while the feed reads from the database; beyond it the feed reads once more instead. */
const backlogItems = 1_000;

/**
 * One client's feed of one conversation. It follows what arrives live and repairs itself by one procedure, `catchUp`:
 * read the durable events after the last one given, then the open blocks, then what arrived meanwhile. A new feed, a lost
 * event, a hole in a block, a lost bus and a client that was too slow are all the same to it.
 */
export class Feed {
  private readonly merger: Merger;
  private state: 'starting' | 'catching-up' | 'live' | 'stalled' | 'ended' = 'starting';
  private backlog: (DurableEvent | LiveEvent)[] = [];
  /** Something was lost or dropped since the last read began. */
  private again = false;
  private holeTimer: NodeJS.Timeout | null = null;
  private lastCatchUp = 0;

  constructor(
    private readonly source: TimelineSource,
    private readonly sink: FeedSink,
    closed: ClosedBlocks,
    private readonly start: Cursor | null,
    private readonly timing: FeedTiming = usualTiming,
  ) {
    this.merger = new Merger(start ?? { seq: 0, open: [] }, closed, (event) => sink.send(event, this.merger.cursor()));
  }

  /** Gives what the client lacks and follows from then on. Throws when the conversation or the cursor is none. */
  async open(): Promise<void> {
    if (this.start === null) return this.openWithSnapshot();
    const { seq } = this.start;
    const page = await this.source.read(Math.max(0, seq - recentEvents));
    const last = page.events.at(-1)?.seq ?? 0;
    if (last < seq && !page.more) throw new DeclaredError('BAD_INPUT', 'This cursor names a place that the conversation has not reached');
    if (this.isOver()) return;
    this.sink.begin();
    await this.catchUp(page);
  }

  private async openWithSnapshot(): Promise<void> {
    const { snapshot, workers } = await this.source.snapshot();
    const [open_blocks, recent] = await Promise.all([
      openBlocks(this.source, workers, snapshot.open_blocks),
      workers.length > 0 ? this.source.read(Math.max(0, snapshot.seq - recentEvents)) : null,
    ]);
    if (this.isOver()) return;
    for (const event of recent?.events ?? []) if (event.seq <= snapshot.seq) this.merger.remember(event);
    this.sink.begin();
    this.state = 'catching-up';
    this.merger.snapshot({ ...snapshot, open_blocks });
    if (this.takeBacklog()) this.settle();
    else await this.catchUp();
  }

  receive(event: DurableEvent | LiveEvent): void {
    if (this.state === 'live') this.take(event);
    else if (this.state === 'starting' || this.state === 'catching-up') this.keep(event);
  }

  /** Events may have been missed: reads them. */
  resync(): void {
    if (this.state === 'live') void this.catchUp();
    else this.again = true;
  }

  close(): void {
    this.state = 'ended';
    this.backlog = [];
    if (this.holeTimer !== null) clearTimeout(this.holeTimer);
  }

  private take(event: DurableEvent | LiveEvent): void {
    const outcome = this.merge(event);
    if (this.state === 'ended') return;
    if (outcome === 'missing') {
      if ('seq' in event) {
        this.keep(event);
        void this.catchUp();
      } else this.catchUpSoon();
    } else if (this.sink.isFull()) void this.stall();
  }

  private merge(event: DurableEvent | LiveEvent): Outcome {
    if (!('seq' in event)) return this.merger.delta(event);
    const outcome = this.merger.durable(event);
    if (outcome === 'taken' && event.type === 'conversation-changed' && event.deleted === true) this.end(new DeclaredError('NOT_FOUND', 'This conversation was deleted'));
    return outcome;
  }

  private keep(event: DurableEvent | LiveEvent): void {
    if (this.backlog.length < backlogItems) this.backlog.push(event);
    else this.again = true;
  }

  /** The client is too slow: it gets nothing until it has taken what is buffered, then all of the rest at once. */
  private async stall(): Promise<void> {
    this.state = 'stalled';
    this.backlog = [];
    await this.sink.drained();
    if (!this.isOver()) await this.catchUp();
  }

  private catchUpSoon(): void {
    const wait = this.state === 'live' ? this.lastCatchUp + this.timing.holeMs - Date.now() : this.timing.holeMs;
    if (wait <= 0) void this.catchUp();
    else this.holeTimer ??= setTimeout(() => { this.holeTimer = null; this.resync(); }, wait);
  }

  private async catchUp(first?: Awaited<ReturnType<TimelineSource['read']>>): Promise<void> {
    this.state = 'catching-up';
    let page = first;
    for (let failures = 0; ; ) {
      try {
        if (page === undefined) this.again = false;
        this.lastCatchUp = Date.now();
        if (!(await this.readOn(page))) return;
        if (this.takeBacklog()) return this.settle();
        failures = 0;
      } catch (error) {
        if (this.isOver()) return;
        if (error instanceof DeclaredError && (error.code === 'NOT_FOUND' || error.code === 'BAD_INPUT')) return this.end(error);
        const [shortest, longest] = this.timing.retryMs;
        await new Promise((resolve) => setTimeout(resolve, Math.min(longest, shortest * 2 ** failures++)));
        if (this.isOver()) return;
      }
      page = undefined;
    }
  }

  /** Everything durable, page by page as fast as the client takes it, then the open blocks. False when the feed is over. */
  private async readOn(first?: Awaited<ReturnType<TimelineSource['read']>>): Promise<boolean> {
    for (let page = first; ; page = undefined) {
      page ??= await this.source.read(this.merger.lastSeq);
      if (this.isOver()) return false;
      for (const event of page.events) {
        this.merge(event);
        if (this.isOver()) return false;
      }
      if (this.sink.isFull()) await this.sink.drained();
      if (this.isOver()) return false;
      if (page.more) continue;
      const open = await openBlocks(this.source, page.workers, page.open_blocks);
      if (this.isOver()) return false;
      this.merger.blocks(open);
      return true;
    }
  }

  /** Hands on what arrived while reading. False when something is missing still and must be read. */
  private takeBacklog(): boolean {
    const arrived = this.backlog;
    this.backlog = [];
    let holes = false;
    for (const event of arrived) {
      if (this.isOver()) return true;
      const outcome = this.merge(event);
      if (outcome !== 'missing') continue;
      if ('seq' in event) this.again = true;
      else holes = true;
    }
    if (holes && !this.again) this.catchUpSoon();
    return !this.again;
  }

  private settle(): void {
    if (this.isOver()) return;
    this.state = 'live';
    if (this.sink.isFull()) void this.stall();
  }

  private end(reason: DeclaredError): void {
    if (this.isOver()) return;
    this.close();
    this.sink.end(reason);
  }

  private isOver(): boolean {
    return this.state === 'ended';
  }
}
