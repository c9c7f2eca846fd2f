import { Injectable } from '@nestjs/common';
import { agent, conversations, livePublished, timelinePublished, type Cursor, type DurableEvent, type LiveEvent, type OpenBlock } from '@deskhand/contracts';
import { Bus, type Closable } from '@deskhand/platform';
import { ClosedBlocks } from './closed-blocks.ts';
import { Feed, type FeedSink } from './feed.ts';
import type { TimelineSource } from './timeline-source.ts';
import { Turnstile } from './turnstile.ts';

/** What all feeds of one conversation of one user share. */
interface Hub {
  readonly feeds: Set<Feed>;
  readonly closed: ClosedBlocks;
  readonly subscribed: Promise<Closable[]>;
}

/** A worker that did not answer is not asked again for this long; readers take what was saved instead of waiting for it. */
const silentWorkerMs = 2_000;
/** Reads at once, so that a thousand feeds after a lost bus do not all ask in the same moment. */
const readsAtOnce = 32;

/** Opens feeds. All feeds of a conversation share one pair of bus subscriptions, which ends with the last of them. */
@Injectable()
export class ConversationFeeds {
  private readonly hubs = new Map<string, Hub>();
  private readonly silentWorkers = new Map<string, number>();
  private readonly turnstile = new Turnstile(readsAtOnce);

  constructor(private readonly bus: Bus) {
    bus.onReconnect(() => {
      for (const hub of this.hubs.values()) for (const feed of hub.feeds) feed.resync();
    });
  }

  /**
   * Starts a feed after `cursor`, or with a snapshot when it is null. Resolves when the client is up to date; throws what
   * the conversation's owner answers. `close` ends the feed, at any time, also twice; who was told `end` calls it too.
   */
  open(userId: string, conversationId: string, cursor: Cursor | null, sink: FeedSink): { opened: Promise<void>; close: () => void } {
    const key = `${userId} ${conversationId}`;
    const hub = this.hubs.get(key) ?? this.createHub(key, userId, conversationId);
    let over = false;
    const close = (): void => {
      if (over) return;
      over = true;
      feed.close();
      hub.feeds.delete(feed);
      if (hub.feeds.size > 0) return;
      if (this.hubs.get(key) === hub) this.hubs.delete(key);
      void hub.subscribed.then((subscriptions) => Promise.all(subscriptions.map(async (subscription) => subscription.close()))).catch(() => {});
    };
    const feed = new Feed(this.source(userId, conversationId), sink, hub.closed, cursor);
    hub.feeds.add(feed);
    const opened = hub.subscribed.then(async () => feed.open());
    opened.catch(close);
    return { opened, close };
  }

  private createHub(key: string, user: string, conversation: string): Hub {
    const feeds = new Set<Feed>();
    const hand = (event: unknown): void => {
      for (const feed of feeds) feed.receive(event as DurableEvent | LiveEvent);
    };
    const address = { user, conversation };
    const subscribed = Promise.all([this.bus.subscribe(livePublished, address, hand), this.bus.subscribe(timelinePublished, address, hand)]);
    const hub: Hub = { feeds, closed: new ClosedBlocks(), subscribed };
    this.hubs.set(key, hub);
    return hub;
  }

  private source(user_id: string, conversation_id: string): TimelineSource {
    return {
      snapshot: async () => this.turnstile.pass(() => this.bus.request(conversations.snapshot, { user_id, conversation_id })),
      read: async (after) => this.turnstile.pass(() => this.bus.request(conversations.read, { user_id, conversation_id, after })),
      blocks: async (workerId, runId) => this.blocks(workerId, runId),
    };
  }

  private async blocks(worker_id: string, run_id: string): Promise<readonly OpenBlock[] | null> {
    if ((this.silentWorkers.get(worker_id) ?? 0) > Date.now()) return null;
    this.silentWorkers.delete(worker_id);
    try {
      return (await this.bus.request(agent.blocks, { worker_id, run_id })).blocks;
    } catch (error) {
      // NOT_FOUND is the word of a worker that lives and does not have the run any more.
      if ((error as { code?: string }).code !== 'NOT_FOUND') this.silentWorkers.set(worker_id, Date.now() + silentWorkerMs);
      if (this.silentWorkers.size > 256) this.silentWorkers.clear();
      return null;
    }
  }
}
