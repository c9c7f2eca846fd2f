import { ApiError, wordsOf } from '../api/client.ts';
import type { Endpoints } from '../api/endpoints.ts';
import { randomKey } from '../text/random-key.ts';

export interface Pending {
  key: string;
  content: string;
  /** Set once the server has it; it then leaves when the timeline shows it. */
  messageId: string | null;
  /** The run that it steers, or null for a message of its own. */
  steers: string | null;
  problem: string | null;
  /** No answer came: it is sent by itself when the connection is back. */
  offline: boolean;
}

/**
 * What the person said and the timeline does not show yet. Sending again uses the same key, so it never counts twice.
 * What is unsent outlives a reload of its tab.
 */
export class Outbox {
  list = $state.raw<readonly Pending[]>([]);
  #arrived = new Set<string>();
  #sending = new Set<string>();
  #place: string;

  constructor(
    private readonly conversationId: string,
    private readonly endpoints: Endpoints,
  ) {
    this.#place = `unsent:${conversationId}`;
    this.list = this.#kept();
  }

  say(content: string, steers: string | null = null): Promise<void> {
    const pending: Pending = { key: randomKey(), content, messageId: null, steers, problem: null, offline: false };
    this.#set([...this.list, pending]);
    return this.#send(pending);
  }

  retry(key: string): Promise<void> {
    const pending = this.list.find((one) => one.key === key);
    return pending ? this.#send(pending) : Promise.resolve();
  }

  /** Sends what found no connection, in the order in which it was said. */
  async resend(): Promise<void> {
    for (const { key, offline } of this.list) if (offline) await this.retry(key);
  }

  discard(key: string): void {
    this.#set(this.list.filter((one) => one.key !== key));
  }

  arrived(messageIds: Set<string>): void {
    this.#arrived = messageIds;
    if (this.list.some(({ messageId }) => messageId !== null && messageIds.has(messageId))) {
      this.#set(this.list.filter(({ messageId }) => messageId === null || !messageIds.has(messageId)));
    }
  }

  async #send({ key, content, steers }: Pending): Promise<void> {
    if (this.#sending.has(key)) return;
    this.#sending.add(key);
    this.#change(key, { problem: null });
    let tooLate = false;
    try {
      const body = { content, idempotency_key: key };
      const { message_id } = steers === null ? await this.endpoints.say(this.conversationId, body) : await this.endpoints.steer(this.conversationId, steers, body);
      if (this.#arrived.has(message_id)) this.discard(key);
      else this.#change(key, { messageId: message_id, offline: false });
    } catch (error) {
      tooLate = steers !== null && error instanceof ApiError && error.code === 'CONFLICT';
      const offline = error instanceof ApiError && (error.code === 'OFFLINE' || error.status >= 502);
      this.#change(key, tooLate ? { steers: null } : offline ? { offline } : { offline, problem: wordsOf(error) });
    } finally {
      this.#sending.delete(key);
    }
    // The run that was to hear it ended meanwhile: then it is the next message.
    if (tooLate) await this.retry(key);
  }

  #change(key: string, change: Partial<Pending>): void {
    this.#set(this.list.map((one) => (one.key === key ? { ...one, ...change } : one)));
  }

  #set(list: readonly Pending[]): void {
    this.list = list;
    const unsent = list.filter(({ messageId }) => messageId === null);
    try {
      if (unsent.length === 0) sessionStorage.removeItem(this.#place);
      else sessionStorage.setItem(this.#place, JSON.stringify(unsent));
    } catch {
      // Blocked or full: then they last as long as the page.
    }
  }

  /** What was unsent when the page went. Whether the server had it already is not known; the key makes that harmless. */
  #kept(): Pending[] {
    try {
      const kept = JSON.parse(sessionStorage.getItem(this.#place) ?? '[]') as Pending[];
      return kept.map((pending) => (pending.problem === null ? { ...pending, offline: true } : pending));
    } catch {
      return [];
    }
  }
}
