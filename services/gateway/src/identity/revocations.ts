import { Injectable } from '@nestjs/common';
import { accessRevoked, auth } from '@deskhand/contracts';
import { Bus, Lifecycle, Log } from '@deskhand/platform';

export interface Revocation {
  userId: string;
  /** Null: all of the user's. */
  sessionId: string | null;
}

/** Access tokens live this long at most; a revoked session needs no memory after that. */
const rememberedMs = 20 * 60_000;

/**
 * Sessions that ended while their access tokens have not: refused here although their signature is good. The list is
 * loaded at the start and after every lost connection, so that a missed event revokes late, never never.
 */
@Injectable()
export class Revocations {
  private readonly sessions = new Map<string, number>();
  private readonly listeners = new Set<(revocation: Revocation) => void>();

  constructor(private readonly bus: Bus, lifecycle: Lifecycle, private readonly log: Log) {
    const stopReconnect = bus.onReconnect(() => void this.load());
    const subscribed = bus.subscribe(accessRevoked, {}, async ({ user_id, session_id }) => this.revoke(user_id, session_id));
    subscribed.catch((error: unknown) => this.log.error('Revocations cannot be followed', { error }));
    void this.load();
    lifecycle.onDrain(70, async () => {
      stopReconnect();
      await (await subscribed).close();
    });
  }

  isRevoked(sessionId: string): boolean {
    return this.sessions.has(sessionId);
  }

  onRevoked(listener: (revocation: Revocation) => void): void {
    this.listeners.add(listener);
  }

  private async revoke(userId: string, sessionId: string | null): Promise<void> {
    if (sessionId !== null) this.remember(sessionId);
    this.tell({ userId, sessionId });
    // The event does not name them; the list does.
    if (sessionId === null) await this.load();
  }

  private async load(): Promise<void> {
    try {
      for (const { user_id, session_id } of await this.bus.request(auth.revocations, {})) {
        if (this.sessions.has(session_id)) continue;
        this.remember(session_id);
        this.tell({ userId: user_id, sessionId: session_id });
      }
    } catch (error) {
      this.log.warn(`The list of revoked sessions could not be read; trying again: ${error instanceof Error ? error.message : 'unknown'}`);
      setTimeout(() => void this.load(), 2_000).unref();
    }
  }

  private remember(sessionId: string): void {
    const now = Date.now();
    this.sessions.set(sessionId, now + rememberedMs);
    for (const [id, until] of this.sessions) {
      if (until > now) break;
      this.sessions.delete(id);
    }
  }

  private tell(revocation: Revocation): void {
    for (const listener of this.listeners) listener(revocation);
  }
}
