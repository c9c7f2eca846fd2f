import type { Cursor, DurableEvent, LiveEvent, OpenBlock, Snapshot } from '@deskhand/contracts';
import { blocksClosedBy, deltaOf, wholeLength, type WholeBlock } from './closing-text.ts';
import type { ClosedBlocks } from './closed-blocks.ts';

export type SnapshotEvent = { type: 'snapshot' } & Snapshot;
export type FeedEvent = SnapshotEvent | DurableEvent | LiveEvent;

/**
 * taken: the reader has it now · known: it had it before, or it came too late · missing: something before it is not here
 * and must be fetched first.
 */
export type Outcome = 'taken' | 'known' | 'missing';

/** What the reader has of one attempt at a block. */
interface Position {
  block: string;
  attempt: number;
  offset: number;
  /** First half of a surrogate pair, kept back until the other half comes. */
  held: string;
  /** The end of what the reader has; empty when only a cursor told of it. */
  tail: string;
  /** Null while only a cursor told of it. */
  runId: string | null;
  /** The attempt was given up; what was saved of it comes with a later event. */
  abandoned: boolean;
}

const tailLength = 64;

/** A cursor names at most this many blocks; more are never open at once. */
const cursorBlocks = 64;

/**
 * What one reader of one conversation has, and the only place that decides what it gets next: durable events strictly
 * by `seq`, the text of each block exactly once and in order. Pure: whatever order things arrive in, `give` is called
 * with a sequence without gap or repeat, and `cursor()` inside that call is the place right after the event given.
 */
export class Merger {
  private seq: number;
  /** By block and attempt: one that was given up waits for its last event while the next one grows. */
  private readonly open = new Map<string, Position>();

  constructor(
    cursor: Cursor,
    private readonly closed: ClosedBlocks,
    private readonly give: (event: FeedEvent) => void,
  ) {
    this.seq = cursor.seq;
    for (const { block, attempt, offset } of cursor.open) this.put({ block, attempt, offset, held: '', tail: '', runId: null, abandoned: false });
  }

  get lastSeq(): number {
    return this.seq;
  }

  cursor(): Cursor {
    return { seq: this.seq, open: [...this.open.values()].slice(-cursorBlocks).map(({ block, attempt, offset }) => ({ block, attempt, offset })) };
  }

  /** Learns from an event that the reader has already, which blocks are over. */
  remember(event: DurableEvent): void {
    for (const { block, attempt } of blocksClosedBy(event)) this.closed.add(block, attempt);
    if (event.type === 'block-abandoned') this.closed.abandon(event.block, event.attempt);
  }

  /** The reader starts over from here. */
  snapshot(snapshot: Snapshot): void {
    this.seq = snapshot.seq;
    this.open.clear();
    const open_blocks = snapshot.open_blocks.filter(({ block, attempt }) => !this.closed.has(block, attempt)).map((block) => {
      const length = wholeLength(block.text);
      this.put({ block: block.block, attempt: block.attempt, offset: length, held: block.text.slice(length), tail: endOf(block.text, length), runId: block.run_id, abandoned: false });
      return { ...block, text: block.text.slice(0, length) };
    });
    this.give({ type: 'snapshot', ...snapshot, open_blocks });
  }

  durable(event: DurableEvent): Outcome {
    if (event.seq <= this.seq) {
      this.remember(event);
      return 'known';
    }
    if (event.seq > this.seq + 1) return 'missing';
    const closing = blocksClosedBy(event);
    for (const block of closing) this.complete(block);
    for (const { block, attempt } of closing) {
      this.open.delete(keyOf(block, attempt));
      this.closed.add(block, attempt);
    }
    if (event.type === 'block-abandoned') this.abandon(event);
    if (event.type === 'run-ended') this.forgetBlocksOf(event.run_id);
    this.seq = event.seq;
    this.give(event);
    return 'taken';
  }

  delta(delta: LiveEvent): Outcome {
    if (this.closed.has(delta.block, delta.attempt)) return 'known';
    const newest = this.newestOf(delta.block);
    if (newest !== undefined && newest.attempt > delta.attempt) return 'known';
    // Its predecessor must be seen to end first.
    if (newest !== undefined && newest.attempt < delta.attempt && !newest.abandoned) return 'missing';
    const position = newest?.attempt === delta.attempt ? newest : undefined;
    if (position?.abandoned) return 'known';
    const have = position === undefined ? 0 : position.offset + position.held.length;
    if (delta.offset > have) return 'missing';
    if (delta.text.length <= have - delta.offset) return 'known';
    this.append(delta, position, delta.text.slice(have - delta.offset));
    return 'taken';
  }

  /** Takes blocks with their whole text so far, as a worker or the database has them. */
  blocks(blocks: readonly OpenBlock[]): void {
    for (const block of blocks) {
      if (this.closed.has(block.block, block.attempt)) continue;
      const known = this.newestOf(block.block);
      if (known !== undefined && (known.attempt > block.attempt || (known.attempt === block.attempt && known.abandoned))) continue;
      const position = known?.attempt === block.attempt ? known : undefined;
      if (position !== undefined) Object.assign(position, { runId: block.run_id, tail: endOf(block.text, position.offset) || position.tail });
      const have = position === undefined ? 0 : position.offset + position.held.length;
      if (block.text.length > have) this.append(deltaOf(block, have), position, block.text.slice(have));
    }
  }

  private append(delta: LiveEvent, position: Position | undefined, fresh: string): void {
    const offset = position?.offset ?? 0;
    const text = (position?.held ?? '') + fresh;
    const length = wholeLength(text);
    // Set anew, so that the blocks that grow are the last of the map.
    this.open.delete(keyOf(delta.block, delta.attempt));
    const tail = endOf((position?.tail ?? '') + text.slice(0, length), Infinity);
    this.put({ block: delta.block, attempt: delta.attempt, offset: offset + length, held: text.slice(length), tail, runId: delta.run_id, abandoned: false });
    if (length > 0) this.give({ ...delta, offset, text: text.slice(0, length) });
  }

  /** Gives what the reader lacks of a block that is finished. */
  private complete(block: WholeBlock): void {
    const { offset, tail } = this.open.get(keyOf(block.block, block.attempt)) ?? { offset: 0, tail: '' };
    if (block.text.length <= offset) return;
    // A call whose outcome was lost ends with words of its own instead of its output: they continue nothing.
    if (block.kind === 'tool-output' && this.closed.wasAbandoned(block.block, block.attempt)) return;
    if (!block.text.slice(0, offset).endsWith(tail)) return;
    this.put({ block: block.block, attempt: block.attempt, offset: block.text.length, held: '', tail: '', runId: block.run_id, abandoned: false });
    this.give(deltaOf(block, offset));
  }

  private abandon(event: Extract<DurableEvent, { type: 'block-abandoned' }>): void {
    this.closed.abandon(event.block, event.attempt);
    // Kept until the run ends: the event that follows with the saved text must not repeat what the reader has.
    const position = this.open.get(keyOf(event.block, event.attempt));
    if (position !== undefined) Object.assign(position, { abandoned: true, runId: event.run_id });
  }

  private forgetBlocksOf(runId: string): void {
    for (const [key, position] of this.open) if (position.runId === runId) this.open.delete(key);
  }

  private put(position: Position): void {
    this.open.set(keyOf(position.block, position.attempt), position);
  }

  private newestOf(block: string): Position | undefined {
    let newest: Position | undefined;
    for (const position of this.open.values()) if (position.block === block && position.attempt > (newest?.attempt ?? -1)) newest = position;
    return newest;
  }
}

function keyOf(block: string, attempt: number): string {
  return `${attempt} ${block}`;
}

/** The last units of `text` before `end`. */
function endOf(text: string, end: number): string {
  return text.slice(0, Math.min(end, text.length)).slice(-tailLength);
}
