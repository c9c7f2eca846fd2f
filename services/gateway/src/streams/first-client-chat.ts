import { conversations, DeclaredError, newId } from '@deskhand/contracts';
import type { FeedEvent } from '../feed/merger.ts';
import type { FirstClientFrame } from './client-frames.ts';
import type { SocketServices } from './client-socket.ts';
import { FirstClientEvents, type FirstClientEvent } from './first-client-events.ts';
import type { Outlet } from './outlet.ts';

interface Joined {
  readonly conversationId: string;
  readonly events: FirstClientEvents;
  close: () => void;
}

/** A run's usage may be accounted for a moment after its end; the last word waits this long for it. */
const usageWaitMs = 500;

/** The chat of the API's first clients: one conversation at a time, frames handled one after the other. */
export class FirstClientChat {
  private joined: Joined | null = null;
  private queue: Promise<void> = Promise.resolve();
  /** Events that arrived while a message was being saved: they come after `message_saved`. */
  private held: FeedEvent[] | null = null;

  constructor(private readonly userId: string, private readonly services: Pick<SocketServices, 'feeds' | 'bus' | 'log'>, private readonly outlet: Outlet) {}

  handle(frame: FirstClientFrame): Promise<void> {
    this.queue = this.queue.then(async () => this.answer(frame)).catch((error: unknown) => this.complain(error));
    return this.queue;
  }

  close(): void {
    this.joined?.close();
    this.joined = null;
  }

  private async answer(frame: FirstClientFrame): Promise<void> {
    if (frame.type === 'join_conversation') return this.join(frame.conversation_id);
    const { joined } = this;
    if (joined === null) return this.give({ type: 'error', code: 'no_conversation', message: 'Join a conversation first' });
    const one = { user_id: this.userId, conversation_id: joined.conversationId };
    if (frame.type === 'cancel') {
      const run_id = joined.events.currentRun;
      if (run_id !== null) await this.services.bus.request(conversations.interrupt, { ...one, run_id });
      return;
    }
    this.held = [];
    try {
      const { message_id } = await this.services.bus.request(conversations.say, { ...one, content: frame.content, idempotency_key: newId() });
      this.give({ type: 'message_saved', message_id }, joined);
    } finally {
      const held = this.held;
      this.held = null;
      for (const event of held) this.tell(joined, event);
    }
  }

  private async join(conversationId: string): Promise<void> {
    this.close();
    const events = new FirstClientEvents();
    const joined: Joined = { conversationId, events, close: () => {} };
    const feed = this.services.feeds.open(this.userId, conversationId, null, {
      begin: () => this.give({ type: 'conversation_joined' }, joined),
      send: (event) => {
        if (this.held === null) this.tell(joined, event);
        else this.held.push(event);
      },
      isFull: () => this.outlet.isFull(),
      drained: async () => this.outlet.drained(),
      end: (reason) => {
        feed.close();
        if (this.joined === joined) this.joined = null;
        this.complain(reason);
      },
    });
    joined.close = feed.close;
    this.joined = joined;
    try {
      await feed.opened;
    } catch (error) {
      if (this.joined === joined) this.joined = null;
      throw error;
    }
  }

  private tell(joined: Joined, event: FeedEvent): void {
    if (this.joined !== joined) return;
    for (const told of joined.events.take(event)) this.give(told, joined);
    if (event.type !== 'run-ended' || event.reason !== 'completed') return;
    const finish = (): void => {
      if (this.joined === joined) for (const told of joined.events.complete(event.run_id)) this.give(told, joined);
    };
    if (joined.events.knowsUsage(event.run_id)) finish();
    else setTimeout(finish, usageWaitMs);
  }

  private complain(error: unknown): void {
    if (!(error instanceof DeclaredError)) this.services.log.error('A chat frame could not be handled', { error });
    const code = error instanceof DeclaredError ? (error.code === 'NOT_FOUND' ? 'not_found' : error.code.toLowerCase()) : 'internal';
    this.give({ type: 'error', code, message: error instanceof DeclaredError ? error.message : 'Something went wrong inside; it is in the log' });
  }

  private give(event: FirstClientEvent, joined: Joined | null = this.joined): void {
    this.outlet.write(JSON.stringify({ ...event, ...(joined !== null && { conversation_id: joined.conversationId }) }));
  }
}
