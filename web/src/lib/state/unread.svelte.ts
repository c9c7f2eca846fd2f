import type { ConversationView } from '@deskhand/contracts';
import { remember, remembered } from './storage.ts';

interface Seen {
  /** Whatever changed last before this was never unread here. */
  since: string;
  at: Record<string, string>;
}

const mostKept = 500;

/** Which conversations changed since this browser last showed them. */
export class Unread {
  #key: string;
  #seen = $state.raw<Seen>({ since: '', at: {} });

  constructor(userId: string) {
    this.#key = `seen:${userId}`;
    this.#seen = parse(remembered(this.#key)) ?? { since: new Date().toISOString().slice(0, 19).replace('T', ' '), at: {} };
    remember(this.#key, JSON.stringify(this.#seen));
  }

  has({ id, updated_at, activity }: ConversationView): boolean {
    return activity === 'idle' && updated_at > (this.#seen.at[id] ?? this.#seen.since);
  }

  see({ id, updated_at }: ConversationView): void {
    if ((this.#seen.at[id] ?? this.#seen.since) >= updated_at) return;
    const entries = Object.entries({ ...this.#seen.at, [id]: updated_at }).sort(([, one], [, other]) => other.localeCompare(one));
    this.#seen = { ...this.#seen, at: Object.fromEntries(entries.slice(0, mostKept)) };
    remember(this.#key, JSON.stringify(this.#seen));
  }
}

function parse(text: string | null): Seen | null {
  try {
    return text === null ? null : (JSON.parse(text) as Seen);
  } catch {
    return null;
  }
}
