import { createContext } from 'svelte';
import { Api } from '../api/client.ts';
import { type Endpoints, endpoints } from '../api/endpoints.ts';
import { Connection } from '../live/connection.svelte.ts';
import { Alerts } from './alerts.svelte.ts';
import { Conversations } from './conversations.svelte.ts';
import { DesktopLayout } from './desktop-layout.svelte.ts';
import { Models } from './models.svelte.ts';
import { Notices } from './notices.svelte.ts';
import { Session } from './session.svelte.ts';
import { ThemeChoice } from './theme.svelte.ts';
import { Unread } from './unread.svelte.ts';
import { Waiting } from './waiting.svelte.ts';

/** Everything the pages share, made once by the root layout and given by context. */
export class App {
  readonly api = new Api();
  readonly endpoints: Endpoints = endpoints(this.api);
  readonly session = new Session(this.endpoints);
  readonly notices = new Notices();
  readonly theme = new ThemeChoice();
  readonly models = new Models(this.endpoints);
  readonly conversations = new Conversations(this.endpoints);
  readonly waiting = new Waiting(this.endpoints);
  readonly alerts = new Alerts();
  readonly layout = new DesktopLayout();
  readonly connection = new Connection(() => this.#mayConnect());
  unread = $state.raw<Unread | null>(null);
  /** The first message of a conversation that was just made; its page sends it. */
  opening: { conversationId: string; content: string } | null = null;

  /** Loads what every signed-in page shows, all of it at once. Throws when nobody is signed in. */
  async open(): Promise<void> {
    // A stranger is asked to sign in first; whoever was here before gets everything at once.
    if (!this.session.known && !this.session.user) await this.session.load();
    void this.conversations.load();
    void this.waiting.load();
    void this.models.load().catch(() => undefined);
    if (!this.session.user) await this.session.load();
    this.unread ??= new Unread(this.session.user!.id);
    this.connection.start();
    this.connection.followList({
      onListChanged: (cause) => {
        this.conversations.refreshSoon();
        if (cause.startsWith('approval-') || cause === 'run-ended' || cause === 'reconnected') this.waiting.refreshSoon();
      },
    });
  }

  close(): void {
    this.connection.stop();
    this.unread = null;
  }

  /** Says what failed where no better place for it is in sight. */
  async attempt(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.notices.say(error instanceof Error ? error.message : String(error), true);
      return false;
    }
  }

  /** A socket that is refused says nothing of why; a small call does, and renews the session on its way. */
  async #mayConnect(): Promise<boolean> {
    try {
      await this.endpoints.me();
      return true;
    } catch {
      return false;
    }
  }
}

export const [useApp, provideApp] = createContext<App>();
