import { Injectable } from '@nestjs/common';
import { DeclaredError } from '@deskhand/contracts';
import { Lifecycle } from '@deskhand/platform';
import type { Caller } from '../identity/caller.ts';
import { Revocations } from '../identity/revocations.ts';

/** Why the server ends a stream: its right ended, or the server does. */
export type StreamEnd = 'revoked' | 'restarting';

export interface OpenStream {
  readonly caller: Caller;
  /** Shows the client, and this server, that the other side is alive. */
  beat(): void;
  close(reason: StreamEnd): void;
}

const beatMs = 15_000;
/** Streams that one account may hold open here. */
const streamsPerUser = 256;

/** All streams that clients hold open here: kept alive, and closed with the right that opened them. */
@Injectable()
export class OpenStreams {
  private readonly streams = new Set<OpenStream>();
  private readonly perUser = new Map<string, number>();

  constructor(revocations: Revocations, lifecycle: Lifecycle) {
    revocations.onRevoked(({ userId, sessionId }) => {
      for (const stream of this.streams) if (stream.caller.userId === userId && (sessionId === null || stream.caller.sessionId === sessionId)) stream.close('revoked');
    });
    const timer = setInterval(() => this.beat(), beatMs);
    lifecycle.onDrain(30, async () => {
      clearInterval(timer);
      for (const stream of [...this.streams]) stream.close('restarting');
    });
  }

  get size(): number {
    return this.streams.size;
  }

  /** Counts a stream in; `RATE_LIMITED` when its user has too many. The returned function counts it out, once. */
  add(stream: OpenStream): () => void {
    const { userId } = stream.caller;
    const count = this.perUser.get(userId) ?? 0;
    if (count >= streamsPerUser) throw new DeclaredError('RATE_LIMITED', `More than ${streamsPerUser} open streams; close some first`);
    this.perUser.set(userId, count + 1);
    this.streams.add(stream);
    return () => {
      if (!this.streams.delete(stream)) return;
      const left = (this.perUser.get(userId) ?? 1) - 1;
      if (left > 0) this.perUser.set(userId, left);
      else this.perUser.delete(userId);
    };
  }

  private beat(): void {
    const now = Date.now();
    for (const stream of this.streams) {
      // A session's stream lives as long as the session, which tells when it ends; an API token says it beforehand.
      const { kind, expiresAt } = stream.caller;
      if (kind === 'api-token' && expiresAt !== null && expiresAt <= now) stream.close('revoked');
      else stream.beat();
    }
  }
}
