import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { auth, DeclaredError } from '@deskhand/contracts';
import { Bus } from '@deskhand/platform';
import type { Caller } from './caller.ts';
import { Revocations } from './revocations.ts';

/** How long an answer of `auth` about a token is believed. */
const believedMs = 10_000;
const remembered = 1_000;

interface Known {
  until: number;
  caller: Promise<Caller>;
}

/** Personal API tokens, asked about once in ten seconds each. Only their hashes are kept here. */
@Injectable()
export class ApiTokens {
  private readonly known = new Map<string, Known>();

  constructor(private readonly bus: Bus, revocations: Revocations) {
    revocations.onRevoked(() => this.known.clear());
  }

  async identify(token: string): Promise<Caller> {
    if (token.length > 500) throw new DeclaredError('UNAUTHENTICATED', 'invalid or expired token');
    const key = createHash('sha256').update(token).digest('base64');
    const now = Date.now();
    const known = this.known.get(key);
    if (known !== undefined && known.until > now) return known.caller;
    const caller = this.ask(token);
    this.known.delete(key);
    this.known.set(key, { until: now + believedMs, caller });
    if (this.known.size > remembered) this.known.delete(this.known.keys().next().value!);
    // A refusal is not kept: the next try may be after an outage of `auth`.
    caller.catch(() => this.known.delete(key));
    return caller;
  }

  private async ask(token: string): Promise<Caller> {
    const { user_id, username, is_admin, scopes, token_id, expires_at } = await this.bus.request(auth.verifyToken, { token });
    const api = scopes.includes('api');
    return {
      userId: user_id, username, isAdmin: is_admin && api, api, metrics: scopes.includes('metrics') || (is_admin && api),
      sessionId: token_id, expiresAt: expires_at === null ? null : Date.parse(expires_at), kind: 'api-token',
    };
  }
}
