import { afterEach, describe, expect, it, vi } from 'vitest';
import fc from 'fast-check';
import { decodeCursor, encodeCursor, type Cursor, type DurableEvent, type LiveEvent, type Message, type OpenBlock } from '@deskhand/contracts';
import { ClosedBlocks } from './closed-blocks.ts';
import { Feed, type FeedSink } from './feed.ts';
import type { FeedEvent } from './merger.ts';
import type { TimelineSource } from './timeline-source.ts';

/** A client that only joins deltas, and complains about whatever is not exactly what should come next. */
class JoiningClient implements FeedSink {
  seq: number | null = null;
  readonly texts = new Map<string, string>();
  readonly seen: number[] = [];
  cursor: string | null = null;
  full = false;
  private waiting: (() => void)[] = [];
  ended: string | null = null;
  /** Kept, because a feed takes an error while catching up for a failed read and tries again. */
  complaint: Error | null = null;

  begin(): void {}

  send(event: FeedEvent, cursor: Cursor): void {
    try {
      this.check(event, cursor);
    } catch (error) {
      this.complaint ??= error as Error;
    }
  }

  private check(event: FeedEvent, cursor: Cursor): void {
    this.cursor = encodeCursor(cursor);
    expect(decodeCursor(this.cursor)).toEqual(cursor);
    if (event.type === 'snapshot') {
      this.seq = event.seq;
      for (const block of event.open_blocks) this.texts.set(key(block), block.text);
      for (const message of event.messages) this.checkMessage(message, true);
    } else if ('seq' in event) {
      if (this.seq !== null) expect(event.seq).toBe(this.seq + 1);
      this.seq = event.seq;
      this.seen.push(event.seq);
      if (event.type === 'message-added') this.checkMessage(event.message, false);
      if (event.type === 'tool-call-ended' && event.block !== undefined && !event.interrupted) expect(this.texts.get(key({ block: event.block, attempt: event.attempt! })) ?? '').toBe(event.result.output);
    } else {
      const has = this.texts.get(key(event)) ?? '';
      expect(event.offset, `delta of ${key(event)} begins where the text ends`).toBe(has.length);
      expect(event.text).not.toBe('');
      expect(event.text.isWellFormed()).toBe(true);
      this.texts.set(key(event), has + event.text);
    }
  }

  private checkMessage(message: Message, fromSnapshot: boolean): void {
    for (const block of message.blocks) {
      if (block.type !== 'text' || block.block === undefined) continue;
      const id = key({ block: block.block, attempt: block.attempt! });
      const joined = this.texts.get(id);
      // Of a cut answer a client may have seen more than was saved; a snapshot's message was never joined.
      if (message.cut && joined !== undefined) expect(joined.startsWith(block.text)).toBe(true);
      else if (!fromSnapshot) expect(joined ?? '').toBe(block.text);
    }
  }

  isFull(): boolean {
    return this.full;
  }

  async drained(): Promise<void> {
    if (this.full) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  drain(): void {
    this.full = false;
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  end(reason: Error): void {
    this.ended = reason.message;
  }
}

const lostOutcome = 'The computer was restarted; what this command did until then is not known.';
const key = ({ block, attempt }: { block: string; attempt: number }): string => `${block}#${attempt}`;

interface Open extends OpenBlock {
  saved: number;
}

/** The conversation as it truly is: a journal, the blocks a worker holds, and what of them was saved. */
class World {
  readonly journal: DurableEvent[] = [];
  readonly open = new Map<string, Open>();
  /** All that was ever written of each attempt. */
  readonly written = new Map<string, string>();
  /** Closed in the database, still named by the worker for a moment. */
  lingering: Open[] = [];
  workerAnswers = true;
  private blocks = 0;
  private ticks: () => number = () => 1;
  readonly listeners = new Set<(event: DurableEvent | LiveEvent) => void>();

  useTicks(ticks: () => number): void {
    this.ticks = ticks;
  }

  private async pass(): Promise<void> {
    for (let left = this.ticks(); left > 0; left--) await Promise.resolve();
  }

  readonly source: TimelineSource = {
    snapshot: async () => {
      await this.pass();
      const seq = this.journal.length;
      const answer = {
        snapshot: {
          seq, conversation: {} as never, has_more: false, runs: [], approvals: [], tool_calls: [], computer: null,
          messages: this.journal.flatMap((event) => (event.type === 'message-added' ? [event.message] : [])), open_blocks: this.saved(),
        },
        workers: [{ worker_id: 'w', run_id: 'r' }],
      };
      await this.pass();
      return structuredClone(answer);
    },
    read: async (after) => {
      await this.pass();
      const events = structuredClone(this.journal.slice(after, after + 20));
      const answer = { events, more: after + 20 < this.journal.length, open_blocks: structuredClone(this.saved()), workers: [{ worker_id: 'w', run_id: 'r' }] };
      await this.pass();
      return answer;
    },
    blocks: async () => {
      await this.pass();
      if (!this.workerAnswers) return null;
      const answer = structuredClone([...this.open.values(), ...this.lingering]);
      await this.pass();
      return answer;
    },
  };

  private saved(): OpenBlock[] {
    return [...this.open.values()].filter(({ saved }) => saved > 0).map(({ saved, ...block }) => ({ ...block, text: block.text.slice(0, saved) }));
  }

  write(choice: number, text: string): void {
    let block = [...this.open.values()][choice % 4];
    if (block === undefined) {
      const kind = choice % 3 === 0 ? 'tool-output' : 'text';
      block = { block: `b${this.blocks++}`, kind, attempt: 1, text: '', run_id: 'r', saved: 0, ...(kind === 'tool-output' && { tool_call_id: `c${this.blocks}` }) };
      this.open.set(block.block, block);
    }
    const offset = block.text.length;
    block.text += text;
    this.written.set(key(block), block.text);
    this.say({ type: block.kind === 'text' ? 'text-delta' : 'tool-output-delta', run_id: 'r', block: block.block, attempt: block.attempt, offset, text, ...(block.tool_call_id && { tool_call_id: block.tool_call_id }) } as LiveEvent);
  }

  save(): void {
    for (const block of this.open.values()) block.saved = block.text.length;
  }

  finish(choice: number): void {
    const block = [...this.open.values()][choice % Math.max(1, this.open.size)];
    if (block === undefined) return this.commit({ type: 'usage-recorded', run_id: 'r', model: 'm', input_tokens: 1, output_tokens: 1, cost: null });
    this.open.delete(block.block);
    this.lingering = [block];
    if (block.kind === 'tool-output') this.commit({ type: 'tool-call-ended', run_id: 'r', tool_call_id: block.tool_call_id!, name: 'bash', is_error: false, result: { output: block.text }, block: block.block, attempt: block.attempt });
    else this.commit({ type: 'message-added', message: messageOf(block, block.text, false) });
  }

  /** The worker died: its open blocks end with what was saved of them, and a second attempt begins. */
  die(): void {
    for (const block of [...this.open.values()]) {
      const text = block.text.slice(0, block.saved);
      this.open.delete(block.block);
      this.commit({ type: 'block-abandoned', run_id: 'r', block: block.block, attempt: block.attempt, kind: block.kind, text });
      if (block.kind === 'text') {
        if (text !== '') this.commit({ type: 'message-added', message: messageOf(block, text, true) });
        this.open.set(block.block, { ...block, attempt: block.attempt + 1, text: '', saved: 0 });
      } else {
        this.commit({ type: 'tool-call-ended', run_id: 'r', tool_call_id: block.tool_call_id, name: 'bash', is_error: true, interrupted: true, result: { output: lostOutcome }, block: block.block, attempt: block.attempt });
      }
    }
    this.lingering = [];
  }

  private commit(event: { type: DurableEvent['type'] } & Record<string, unknown>): void {
    const full = { ...event, seq: this.journal.length + 1, created_at: '' } as unknown as DurableEvent;
    this.journal.push(full);
    this.say(full);
  }

  private say(event: DurableEvent | LiveEvent): void {
    for (const listener of this.listeners) listener(structuredClone(event));
  }
}

function messageOf(block: Open, text: string, cut: boolean): Message {
  return { id: `m-${block.block}-${block.attempt}`, branch_id: 'b', run_id: 'r', role: 'assistant', content: text, blocks: [{ type: 'text', text, block: block.block, attempt: block.attempt }], cut, model: null, created_at: '' };
}

type Step =
  | { do: 'write'; choice: number; text: string; fate: Fate }
  | { do: 'finish'; choice: number; fate: Fate }
  | { do: 'die' | 'save' | 'cut' | 'lose-worker' | 'find-worker' | 'stall' | 'drain' | 'reconnect' | 'settle' };
/** What the network makes of an event: nothing, twice, or later than what follows it. */
type Fate = 'deliver' | 'lose' | 'repeat' | 'delay';

const fate = fc.oneof({ weight: 8, arbitrary: fc.constant<Fate>('deliver') }, { weight: 4, arbitrary: fc.constantFrom<Fate>('lose', 'repeat', 'delay') });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('write' as const), choice: fc.nat(5), text: fc.string({ unit: fc.constantFrom('a', 'é', '\n', '😀', '👩‍💻'), minLength: 1, maxLength: 6 }), fate }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('finish' as const), choice: fc.nat(5), fate }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('die' as const, 'save', 'cut', 'cut', 'lose-worker', 'find-worker', 'stall', 'drain', 'reconnect', 'settle', 'settle') }) },
);

/** One client over any number of connections, each with a network of its own that loses, repeats and delays. */
async function play(steps: readonly Step[], ticks: readonly number[], withSnapshot: boolean): Promise<void> {
  const world = new World();
  let tick = 0;
  world.useTicks(() => ticks[tick++ % ticks.length] ?? 1);
  const client = new JoiningClient();
  let feed: Feed | null = null;
  let listener: ((event: DurableEvent | LiveEvent) => void) | null = null;
  let next: Fate = 'deliver';
  let delayed: (DurableEvent | LiveEvent)[] = [];
  const flush = (): void => {
    for (const event of delayed.splice(0)) feed?.receive(event);
  };
  const connect = async (): Promise<void> => {
    feed?.close();
    if (listener !== null) world.listeners.delete(listener);
    client.drain();
    delayed = [];
    const closed = new ClosedBlocks();
    const start = client.cursor === null ? (withSnapshot ? null : { seq: 0, open: [] }) : decodeCursor(client.cursor);
    if (client.cursor === null && !withSnapshot) client.seq = 0;
    const opened = (feed = new Feed(world.source, client, closed, start, { holeMs: 0, retryMs: [0, 1] }));
    listener = (event) => {
      const what = next;
      next = 'deliver';
      if (what === 'lose') return;
      if (what === 'delay') return void delayed.push(event);
      opened.receive(event);
      if (what === 'repeat') opened.receive(structuredClone(event));
    };
    world.listeners.add(listener);
    void opened.open();
  };
  await connect();
  for (const current of steps) {
    if ('fate' in current) next = current.fate;
    if (current.do === 'write') world.write(current.choice, current.text);
    else if (current.do === 'finish') world.finish(current.choice);
    else if (current.do === 'die') world.die();
    else if (current.do === 'save') world.save();
    else if (current.do === 'cut') await connect();
    else if (current.do === 'lose-worker') world.workerAnswers = false;
    else if (current.do === 'find-worker') world.workerAnswers = true;
    else if (current.do === 'stall') client.full = true;
    else if (current.do === 'drain') client.drain();
    else if (current.do === 'reconnect') feed!.resync();
    else await settle();
    next = 'deliver';
    if (delayed.length > 2) flush();
    for (let left = (ticks[tick++ % ticks.length] ?? 1) % 7; left > 0; left--) await Promise.resolve();
  }
  flush();
  client.drain();
  world.workerAnswers = true;
  world.lingering = [];
  await settle();
  feed!.resync();
  await settle();
  if (client.complaint !== null) throw client.complaint;
  // Everything durable has arrived, and each open block is here as far as it was written.
  expect(client.seq).toBe(world.journal.length);
  for (const block of world.open.values()) expect(client.texts.get(key(block)) ?? '').toBe(block.text);
  // Nothing was ever joined that was not written, but for the words about a lost outcome, which stand alone.
  for (const [id, text] of client.texts) expect((world.written.get(id) ?? '').startsWith(text) || text === lostOutcome, `${id}: ${text}`).toBe(true);
  for (let index = 1; index < client.seen.length; index++) expect(client.seen[index]).toBe(client.seen[index - 1]! + 1);
  expect(client.ended).toBeNull();
  feed!.close();
}

async function settle(): Promise<void> {
  for (let round = 0; round < 4; round++) await new Promise((resolve) => setTimeout(resolve, 0));
}

describe('a feed', () => {
  afterEach(() => vi.useRealTimers());

  it.each([true, false])('gives every event once and every text byte for byte, whatever is lost, repeated, delayed or cut (snapshot: %s)', async (withSnapshot) => {
    let failure: Error | null = null;
    const watch = (error: Error): void => { failure ??= error; };
    process.on('unhandledRejection', watch);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), fc.array(fc.nat(9), { minLength: 1, maxLength: 20 }), async (steps, ticks) => {
        failure = null;
        await play(steps, ticks, withSnapshot);
        if (failure !== null) throw failure as Error;
      }),
      { numRuns: 150 },
    ).finally(() => process.off('unhandledRejection', watch));
  }, 60_000);
});
