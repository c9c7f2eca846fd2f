import type { UserView } from '@deskhand/contracts';
import type { Endpoints } from '../api/endpoints.ts';
import { remember, remembered } from './storage.ts';

/** Who is signed in. `known` says that somebody was, at the last visit: the page may be drawn before the server confirms it. */
export class Session {
  user = $state.raw<UserView | null>(null);
  readonly known = remembered('signed-in') === 'yes';

  constructor(private readonly endpoints: Endpoints) {}

  async load(): Promise<void> {
    this.signedIn(await this.endpoints.me());
  }

  signedIn(user: UserView): void {
    this.user = user;
    remember('signed-in', 'yes');
  }

  async signOut(): Promise<void> {
    await this.endpoints.logout().catch(() => undefined);
    this.signedOut();
  }

  signedOut(): void {
    this.user = null;
    remember('signed-in', null);
  }
}
