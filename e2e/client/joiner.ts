import type { Received } from './feed.ts';

interface Joined {
  attempt: number;
  text: string;
}

/**
 * Joins deltas as the simplest client would, by (block, attempt, offset), and counts whatever does not fit: a gap, a
 * repeat, an event out of order. It repairs nothing.
 */
export class Joiner {
  readonly blocks = new Map<string, Joined>();
  /** Text that a finished block must have, by block. */
  readonly finished = new Map<string, string>();
  seq = 0;
  cursor: string | undefined;
  gaps = 0;
  repeats = 0;
  mismatches = 0;
  deltas = 0;
  readonly ended = new Set<string>();

  take({ frame, cursor }: Received): void {
    this.cursor = cursor;
    if (frame.type === 'snapshot') return this.start(frame);
    if (frame.type === 'text-delta' || frame.type === 'reasoning-delta' || frame.type === 'tool-output-delta') {
      this.deltas += 1;
      const known = this.blocks.get(frame.block);
      const current = known?.attempt === frame.attempt ? known : { attempt: frame.attempt, text: '' };
      if (frame.offset > current.text.length) this.gaps += 1;
      if (frame.offset < current.text.length) this.repeats += 1;
      current.text += frame.text;
      this.blocks.set(frame.block, current);
      return;
    }
    if (frame.seq > this.seq + 1) this.gaps += 1;
    if (frame.seq <= this.seq) this.repeats += 1;
    this.seq = frame.seq;
    if (frame.type === 'message-added') for (const block of frame.message.blocks) if ((block.type === 'text' || block.type === 'reasoning') && block.block !== undefined) this.finish(block.block, block.text);
    if (frame.type === 'tool-call-ended' && frame.block !== undefined) this.finish(frame.block, frame.result.output);
    // Its successor may grow already: what workers say comes by another way than what is stored.
    if (frame.type === 'block-abandoned' && (this.blocks.get(frame.block)?.attempt ?? Infinity) <= frame.attempt) this.blocks.delete(frame.block);
    if (frame.type === 'run-ended') this.ended.add(frame.run_id);
  }

  /** A new tab starts over: what it shows is the snapshot, then what comes. */
  private start(snapshot: Extract<Received['frame'], { type: 'snapshot' }>): void {
    this.seq = snapshot.seq;
    this.blocks.clear();
    for (const block of snapshot.open_blocks) this.blocks.set(block.block, { attempt: block.attempt, text: block.text });
    for (const run of snapshot.runs) if (run.state === 'ended') this.ended.add(run.id);
    for (const message of snapshot.messages) {
      for (const block of message.blocks) if ((block.type === 'text' || block.type === 'reasoning') && block.block !== undefined) this.finished.set(block.block, block.text);
    }
  }

  private finish(block: string, text: string): void {
    const joined = this.blocks.get(block)?.text ?? '';
    if (joined !== text) this.mismatches += 1;
    this.finished.set(block, text);
    this.blocks.delete(block);
  }
}
