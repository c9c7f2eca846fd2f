import { Injectable } from '@nestjs/common';
import { timelinePublished, type DurableType } from '@deskhand/contracts';
import { Bus, type Closable } from '@deskhand/platform';

/** The events after which a list of conversations or approvals looks different. */
const causes: readonly DurableType[] = ['conversation-changed', 'message-added', 'run-started', 'run-ended', 'approval-requested', 'approval-resolved'];

export interface ListHint {
  type: 'list-changed';
  /** Null: any of them may have changed unseen. */
  conversation_id: string | null;
  cause: string;
}

interface Watch {
  readonly listeners: Set<(conversationId: string | null, cause: string) => void>;
  readonly subscribed: Promise<Closable[]>;
}

/** Tells a user's clients that something in their lists changed. A hint, never the change itself: they ask again. */
@Injectable()
export class ListHints {
  private readonly watches = new Map<string, Watch>();

  constructor(private readonly bus: Bus) {
    bus.onReconnect(() => {
      for (const { listeners } of this.watches.values()) for (const listener of listeners) listener(null, 'reconnected');
    });
  }

  /** Follows a user's conversations until the returned function is called; at most one batch of hints in `windowMs`. */
  follow(userId: string, give: (hint: ListHint) => void, windowMs = 250): () => void {
    const watch = this.watches.get(userId) ?? this.start(userId);
    const pending = new Map<string | null, string>();
    let timer: NodeJS.Timeout | null = null;
    let last = 0;
    const flush = (): void => {
      timer = null;
      last = Date.now();
      for (const [conversation_id, cause] of pending) give({ type: 'list-changed', conversation_id, cause });
      pending.clear();
    };
    const listener = (conversationId: string | null, cause: string): void => {
      pending.set(conversationId, cause);
      timer ??= setTimeout(flush, Math.max(0, last + windowMs - Date.now()));
    };
    watch.listeners.add(listener);
    return () => {
      if (timer !== null) clearTimeout(timer);
      if (watch.listeners.delete(listener) && watch.listeners.size === 0) this.stop(userId, watch);
    };
  }

  private start(user: string): Watch {
    const listeners: Watch['listeners'] = new Set();
    const subscribed = Promise.all(
      causes.map(async (type) =>
        this.bus.subscribe(timelinePublished, { user, type }, (_, { subject }) => {
          const conversationId = subject.split('.')[2] ?? null;
          for (const listener of listeners) listener(conversationId, type);
        }),
      ),
    );
    subscribed.catch(() => this.watches.delete(user));
    const watch = { listeners, subscribed };
    this.watches.set(user, watch);
    return watch;
  }

  private stop(userId: string, watch: Watch): void {
    if (this.watches.get(userId) === watch) this.watches.delete(userId);
    void watch.subscribed.then((subscriptions) => Promise.all(subscriptions.map(async (subscription) => subscription.close()))).catch(() => {});
  }
}
