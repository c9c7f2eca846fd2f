import { Injectable } from '@nestjs/common';
import { auth, DeclaredError } from '@deskhand/contracts';
import { Bus, KeyRing, verifyAccessToken } from '@deskhand/platform';
import type { IncomingHttpHeaders } from 'node:http';
import { accessCookie, readCookie } from '../http/cookies.ts';
import { ApiTokens } from './api-tokens.ts';
import type { Caller } from './caller.ts';
import { Revocations } from './revocations.ts';

/** A credential and where it was: only one that came in a cookie can be misused by another site. */
export interface Credential {
  token: string;
  from: 'header' | 'cookie' | 'address';
}

const unauthenticated = (text: string): DeclaredError => new DeclaredError('UNAUTHENTICATED', text);

/** Finds out who asks. */
@Injectable()
export class Authenticator {
  private readonly keys: KeyRing;

  constructor(bus: Bus, private readonly tokens: ApiTokens, private readonly revocations: Revocations) {
    this.keys = new KeyRing(async () => bus.request(auth.keys, {}));
  }

  /**
   * The credential of a request: the Authorization header when there is one (never the cookie beside it), else the cookie.
   * Throws `UNAUTHENTICATED` when there is none.
   */
  credentialOf(headers: IncomingHttpHeaders): Credential {
    const { authorization } = headers;
    if (authorization !== undefined) {
      const [, scheme, token] = /^(\S+) +(\S+)$/.exec(authorization.trim()) ?? [];
      if (token === undefined || scheme?.toLowerCase() !== 'bearer') throw unauthenticated('invalid authorization scheme');
      return { token, from: 'header' };
    }
    const token = readCookie(headers.cookie, accessCookie);
    if (token === null) throw unauthenticated('missing authorization header');
    return { token, from: 'cookie' };
  }

  /** Who the token stands for; anything but a good, unrevoked token is `UNAUTHENTICATED`. */
  async identify(token: string): Promise<Caller> {
    if (token.length > 4_096) throw unauthenticated('invalid or expired token');
    if (token.startsWith('dh_')) return this.tokens.identify(token);
    const claims = await verifyAccessToken(await this.keys.keysFor(token), token);
    if (this.revocations.isRevoked(claims.sid)) throw unauthenticated('invalid or expired token');
    return { userId: claims.sub, username: claims.username, isAdmin: claims.is_admin, api: true, metrics: claims.is_admin, sessionId: claims.sid, expiresAt: claims.exp * 1_000, kind: 'session' };
  }
}
