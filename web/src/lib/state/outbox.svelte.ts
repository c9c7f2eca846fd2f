import { wordsOf } from '../api/client.ts';
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
}

/** What the person said and the timeline does not show yet. Sending again uses the same key, so it never counts twice. */
export class Outbox {
  list = $state.raw<readonly Pending[]>([]);
  #arrived = new Set<string>();

  constructor(
    private readonly conversationId: string,
    private readonly endpoints: Endpoints,
  ) {}

  say(content: string, steers: string | null = null): Promise<void> {
    const pending: Pending = { key: randomKey(), content, messageId: null, steers, problem: null };
    this.list = [...this.list, pending];
    return this.#send(pending);
  }

  retry(key: string): Promise<void> {
    const pending = this.list.find((one) => one.key === key);
    return pending ? this.#send(pending) : Promise.resolve();
  }

  discard(key: string): void {
    this.list = this.list.filter((one) => one.key !== key);
  }

  arrived(messageIds: Set<string>): void {
    this.#arrived = messageIds;
    if (this.list.some(({ messageId }) => messageId !== null && messageIds.has(messageId))) {
      this.list = this.list.filter(({ messageId }) => messageId === null || !messageIds.has(messageId));
    }
  }

  async #send({ key, content, steers }: Pending): Promise<void> {
    this.#change(key, { problem: null });
    try {
      const body = { content, idempotency_key: key };
      const { message_id } = steers === null ? await this.endpoints.say(this.conversationId, body) : await this.endpoints.steer(this.conversationId, steers, body);
      if (this.#arrived.has(message_id)) this.discard(key);
      else this.#change(key, { messageId: message_id });
    } catch (error) {
      this.#change(key, { problem: wordsOf(error) });
    }
  }

  #change(key: string, change: Partial<Pending>): void {
    this.list = this.list.map((one) => (one.key === key ? { ...one, ...change } : one));
  }
}
