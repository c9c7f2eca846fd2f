import type { IncomingHttpHeaders } from 'node:http';
import { WireError } from '../wire/wire-format.ts';
import type { KeyCache } from './key-cache.ts';
import { looksLikeRunToken, readRunToken, type RunClaims } from './run-token.ts';
import { hashOf, type VirtualKey } from './virtual-keys.ts';

/** Who calls: a run of a user, whoever holds the gateway's master key, or a virtual key. */
export type Caller = { kind: 'run'; claims: RunClaims } | { kind: 'master' } | { kind: 'key'; key: VirtualKey };

/** How many run tokens are remembered as verified: reading a signature costs more than all the rest of a short call. */
const rememberedAtMost = 4_096;

/** Knows callers by the credential they send. */
export class Callers {
  /** Everything is known by its hash: no key outlives the connection that it came over, and comparing hashes tells nothing about a key. */
  private readonly masterHashes: ReadonlySet<string>;
  /** What connections said last: most say the same with every call. */
  private readonly said = new WeakMap<object, { credential: string; hash: string }>();
  private readonly verified = new Map<string, RunClaims>();

  /** `masterKeys`: of the environment and of the configuration file; both open the gateway. `keyHeader`: where the operator wants keys to be looked for first. */
  constructor(private readonly runTokenKey: Buffer, private readonly keys: Pick<KeyCache, 'peek' | 'find'> | null, masterKeys: readonly (string | null | undefined)[], readonly keyHeader: string | null = null) {
    this.masterHashes = new Set(masterKeys.flatMap((key) => (key == null ? [] : [hashOf(key)])));
  }

  /**
   * The operator's header, else `x-litellm-api-key`, else `Authorization: Bearer …`, else `x-api-key`, else Azure's `api-key`. A promise only where the database must be asked.
   * Throws, or rejects with, `WireError`. `connection`: any object that lives as long as the connection does.
   */
  identify(headers: IncomingHttpHeaders, connection?: object): Caller | Promise<Caller> {
    const credential = credentialOf(headers, this.keyHeader);
    if (typeof credential !== 'string' || credential === '') throw new WireError('unauthenticated', 'A key is needed: send it as "Authorization: Bearer …" or "x-api-key: …".', null, 'missing_api_key');
    const hash = connection === undefined ? hashOf(credential) : this.hashSaidOn(connection, credential);
    const known = this.verified.get(hash);
    if (known && known.expires * 1_000 > Date.now()) return { kind: 'run', claims: known };
    if (this.masterHashes.has(hash)) return { kind: 'master' };
    const claims = readRunToken(this.runTokenKey, credential);
    if (claims) {
      if (this.verified.size >= rememberedAtMost) this.verified.clear();
      this.verified.set(hash, claims);
      return { kind: 'run', claims };
    }
    if (this.keys === null || !credential.startsWith('sk-')) throw unknownKey();
    const remembered = this.keys.peek(hash);
    if (remembered === undefined) return this.keys.find(hash).then(asCaller);
    return asCaller(remembered);
  }

  private hashSaidOn(connection: object, credential: string): string {
    const last = this.said.get(connection);
    if (last?.credential === credential) return last.hash;
    const hash = hashOf(credential);
    this.said.set(connection, { credential, hash });
    return hash;
  }

  /** Whether this is a credential of the gateway itself, which may go nowhere else. */
  async owns(text: string): Promise<boolean> {
    if (looksLikeRunToken(text)) return true;
    const hash = hashOf(text);
    if (this.masterHashes.has(hash)) return true;
    if (this.keys === null || !text.startsWith('sk-')) return false;
    const remembered = this.keys.peek(hash);
    return (remembered === undefined ? await this.keys.find(hash) : remembered) !== null;
  }
}

function asCaller(key: VirtualKey | null): Caller {
  if (key === null) throw unknownKey();
  if (key.blocked) throw new WireError('unauthenticated', 'This key is blocked.', null, 'key_blocked');
  if (key.expiresAt !== null && key.expiresAt <= Date.now()) throw new WireError('unauthenticated', 'This key has expired.', null, 'expired_key');
  return { kind: 'key', key };
}

const unknownKey = (): WireError => new WireError('unauthenticated', 'This key is not known here, or it has expired.', null, 'invalid_api_key');

const bearer = (text: string): string | undefined => /^Bearer +(\S+) *$/i.exec(text)?.[1];

/** A client whose own login must travel in `Authorization` sends our key beside it. */
function credentialOf(headers: IncomingHttpHeaders, keyHeader: string | null): string | string[] | undefined {
  const beside = (keyHeader === null ? undefined : headers[keyHeader]) ?? headers['x-litellm-api-key'];
  if (typeof beside === 'string') return bearer(beside) ?? beside;
  return bearer(headers.authorization ?? '') ?? headers['x-api-key'] ?? headers['api-key'];
}
