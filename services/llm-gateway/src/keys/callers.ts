import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { WireError } from '../wire/wire-format.ts';
import { readRunToken, type RunClaims } from './run-token.ts';

/** Who calls: a run of a user, or whoever holds the gateway's master key. */
export type Caller = { kind: 'run'; claims: RunClaims } | { kind: 'master' };

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** How many run tokens are remembered as verified: reading a signature costs more than all the rest of a short call. */
const rememberedAtMost = 4_096;

/** Knows callers by the credential they send. */
export class Callers {
  private readonly masterDigests: readonly Buffer[];
  private readonly verified = new Map<string, RunClaims>();

  /** `masterKeys`: of the environment and of the configuration file; both open the gateway. */
  constructor(private readonly runTokenKey: Buffer, ...masterKeys: (string | null | undefined)[]) {
    this.masterDigests = masterKeys.flatMap((key) => (key == null ? [] : [digest(key)]));
  }

  /** `Authorization: Bearer …`, or `x-api-key` where there is no such header. Throws `WireError`. */
  identify(headers: IncomingHttpHeaders): Caller {
    const { authorization } = headers;
    const apiKey = headers['x-api-key'];
    const credential = authorization === undefined ? apiKey : /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
    if (typeof credential !== 'string' || credential === '') throw new WireError('unauthenticated', 'A key is needed: send it as "Authorization: Bearer …" or "x-api-key: …".', null, 'missing_api_key');
    const known = this.verified.get(credential);
    if (known && known.expires * 1_000 > Date.now()) return { kind: 'run', claims: known };
    const given = this.masterDigests.length > 0 ? digest(credential) : null;
    if (given !== null && this.masterDigests.some((master) => timingSafeEqual(given, master))) return { kind: 'master' };
    const claims = readRunToken(this.runTokenKey, credential);
    if (claims) {
      if (this.verified.size >= rememberedAtMost) this.verified.clear();
      this.verified.set(credential, claims);
      return { kind: 'run', claims };
    }
    throw new WireError('unauthenticated', 'This key is not known here, or it has expired.', null, 'invalid_api_key');
  }
}
