import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { WireError } from '../wire/wire-format.ts';
import { readRunToken, type RunClaims } from './run-token.ts';

/** Who calls: a run of a user, or whoever holds the gateway's master key. */
export type Caller = { kind: 'run'; claims: RunClaims } | { kind: 'master' };

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Knows callers by the credential they send. */
export class Callers {
  private readonly masterDigest: Buffer | null;

  constructor(private readonly runTokenKey: Buffer, masterKey: string | undefined) {
    this.masterDigest = masterKey === undefined ? null : digest(masterKey);
  }

  /** `Authorization: Bearer …`, or `x-api-key` where there is no such header. Throws `WireError`. */
  identify(headers: IncomingHttpHeaders): Caller {
    const { authorization } = headers;
    const apiKey = headers['x-api-key'];
    const credential = authorization === undefined ? apiKey : /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
    if (typeof credential !== 'string' || credential === '') throw new WireError('unauthenticated', 'A key is needed: send it as "Authorization: Bearer …" or "x-api-key: …".', null, 'missing_api_key');
    if (this.masterDigest && timingSafeEqual(digest(credential), this.masterDigest)) return { kind: 'master' };
    const claims = readRunToken(this.runTokenKey, credential);
    if (claims) return { kind: 'run', claims };
    throw new WireError('unauthenticated', 'This key is not known here, or it has expired.', null, 'invalid_api_key');
  }
}
