import type { EndReason } from '@deskhand/contracts';
import { ApiError, type Client } from '../../e2e/client/client.ts';
import type { Received } from '../../e2e/client/feed.ts';
import { followThroughCuts } from '../../e2e/client/resuming.ts';

/** Follows one conversation through everything that happens to the product, and keeps what people were shown. */
export class Watcher {
  readonly client: Client;
  readonly conversation: string;
  /** How each run ended. */
  readonly reasons: EndReason[] = [];
  /** Effects of which a tool result says that they were done. */
  readonly reported: string[] = [];
  oldWordsLost = 0;
  private readonly accepted: string[] = [];
  /** Text of growing answers as shown: length by time. */
  private readonly shown = new Map<string, { at: number; length: number }[]>();
  /** Units of each growing answer that the last kill must not lose. */
  private readonly owed = new Map<string, number>();
  private lastProgress = 0;
  private waiting: (() => void)[] = [];

  private constructor(client: Client, conversation: string) {
    this.client = client;
    this.conversation = conversation;
  }

  static async start(client: Client): Promise<Watcher> {
    return new Watcher(client, (await client.conversation()).id);
  }

  /** Says something and follows its run to the end. */
  async turn(content: string): Promise<void> {
    const { message_id, run_id } = await this.client.say(this.conversation, content);
    this.accepted.push(message_id);
    await followThroughCuts(this.client, this.conversation, run_id, { way: 'sse', cuts: [], onFrame: (received) => this.see(received) }, 180_000);
  }

  /**
   * A kill happens now: what was on screen `savedAfterMs` ago is owed. One that ends the worker cuts all answers, so
   * what it may lose counts by this kill and not by later ones.
   */
  killedAt(at: number, savedAfterMs: number, cuts: boolean): void {
    for (const [key, history] of this.shown) {
      // One that stood still already was cut by an earlier kill, and is owed what was shown before that one.
      if (history.at(-1)!.at < at - savedAfterMs) continue;
      const old = history.findLast((entry) => entry.at <= at - savedAfterMs);
      if (old !== undefined) this.owed.set(key, Math.max(old.length, this.owed.get(key) ?? 0));
    }
    if (cuts) this.shown.clear();
  }

  /** Seconds from `at` to the next thing that happens in the conversation; what was on its way at `at` does not count. */
  async progressAfter(at: number): Promise<number> {
    while (this.lastProgress <= at + 100) await new Promise<void>((resolve) => this.waiting.push(resolve));
    return (this.lastProgress - at) / 1_000;
  }

  /** Accepted messages that are not there any more. */
  async lost(): Promise<number> {
    for (let attempt = 0; ; attempt++) {
      try {
        const there = new Set((await this.client.messages(this.conversation)).map((message) => message.id));
        return this.accepted.filter((id) => !there.has(id)).length;
      } catch (error) {
        if (attempt > 100 || (error instanceof ApiError && error.status < 500)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }

  private see({ frame, at }: Received): void {
    if (frame.type === 'snapshot') return;
    if (frame.type === 'text-delta') {
      const key = `${frame.block}~${frame.attempt}`;
      const history = this.shown.get(key) ?? [];
      history.push({ at, length: frame.offset + frame.text.length });
      this.shown.set(key, history);
    }
    if (frame.type === 'block-abandoned') {
      const key = `${frame.block}~${frame.attempt}`;
      if (frame.text.length < (this.owed.get(key) ?? 0)) this.oldWordsLost += 1;
      this.forget(key);
    }
    if (frame.type === 'message-added') for (const block of frame.message.blocks) if (block.type === 'text' && block.block !== undefined) this.forget(`${block.block}~${block.attempt}`);
    if (frame.type === 'tool-call-ended' && !frame.is_error) {
      const done = /done (effects-\S+)/.exec(frame.result.output)?.[1];
      if (done !== undefined) this.reported.push(done);
    }
    if (frame.type === 'run-ended') this.reasons.push(frame.reason);
    this.lastProgress = at;
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private forget(key: string): void {
    this.shown.delete(key);
    this.owed.delete(key);
  }
}
