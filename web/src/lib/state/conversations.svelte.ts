import type { ConversationView } from '@deskhand/contracts';
import { wordsOf } from '../api/client.ts';
import type { Endpoints } from '../api/endpoints.ts';
import { soon } from './soon.ts';

type Settings = Parameters<Endpoints['updateConversation']>[1];

const firstPage = 60;
const everything = 5_000;

/** The person's conversations, last changed first. The first page comes alone, so that it can be shown at once. */
export class Conversations {
  list = $state.raw<readonly ConversationView[]>([]);
  loaded = $state(false);
  problem = $state<string | null>(null);
  /** Reads what changed last; many hints in a row cost one request. */
  readonly refreshSoon = soon(() => this.#fetch(firstPage, true));

  constructor(private readonly endpoints: Endpoints) {}

  async load(): Promise<void> {
    await this.#fetch(firstPage, false);
    if (this.list.length >= firstPage) await this.#fetch(everything, false);
  }

  find(id: string): ConversationView | undefined {
    return this.list.find((conversation) => conversation.id === id);
  }

  async create(settings: Settings): Promise<ConversationView> {
    const conversation = await this.endpoints.createConversation(settings);
    this.put(conversation);
    return conversation;
  }

  async update(id: string, settings: Settings): Promise<ConversationView> {
    const conversation = await this.endpoints.updateConversation(id, settings);
    this.put(conversation);
    return conversation;
  }

  async remove(id: string): Promise<void> {
    await this.endpoints.removeConversation(id);
    this.list = this.list.filter((conversation) => conversation.id !== id);
  }

  /** Shows a conversation as it is now, in its place by time; one that is archived is not in the list. */
  put(conversation: ConversationView): void {
    const others = this.list.filter(({ id }) => id !== conversation.id);
    this.list = conversation.archived ? others : [conversation, ...others].sort(byChange);
  }

  async #fetch(limit: number, merge: boolean): Promise<void> {
    try {
      const page = (await this.endpoints.conversations(limit)).sort(byChange);
      this.list = merge && page.length >= limit ? [...page, ...this.#after(page)] : page;
      this.problem = null;
    } catch (error) {
      this.problem = wordsOf(error);
    } finally {
      this.loaded = true;
    }
  }

  /** What is known beyond a page of the last changed ones. */
  #after(page: readonly ConversationView[]): readonly ConversationView[] {
    const last = page.at(-1);
    const ids = new Set(page.map(({ id }) => id));
    return last ? this.list.filter((conversation) => !ids.has(conversation.id) && byChange(conversation, last) > 0) : [];
  }
}

function byChange(one: ConversationView, other: ConversationView): number {
  if (one.updated_at !== other.updated_at) return one.updated_at < other.updated_at ? 1 : -1;
  return one.id < other.id ? 1 : -1;
}
