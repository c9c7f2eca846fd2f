import { createPrivateKey, createPublicKey, generateKeyPairSync, hkdfSync, type KeyObject } from 'node:crypto';
import { decryptSecret, deriveKey, encryptSecret, Log } from '@deskhand/platform';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { calculateJwkThumbprint } from 'jose';
import { authConfig } from '../auth-config.ts';
import { Clock } from '../clock.ts';
import { signingKeyEntity } from '../database/entities.ts';
import { Transactions } from '../database/transactions.ts';

type PublicJwk = { kty: string; crv: string; x: string };

export interface SigningKey {
  id: string;
  privateKey: KeyObject;
}

const purpose = 'signing key';
const pkcs8OfEd25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The Ed25519 key that signs access tokens: derived from JWT_SECRET, or made once and kept encrypted in the database. */
@Injectable()
export class SigningKeys implements OnApplicationBootstrap {
  private loaded: Promise<{ key: SigningKey; published: PublicJwk & { kid: string } }> | null = null;

  constructor(
    private readonly transactions: Transactions,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** A key that cannot be read stops the start instead of the first sign-in. */
  async onApplicationBootstrap(): Promise<void> {
    await this.load();
  }

  async current(): Promise<SigningKey> {
    return (await this.load()).key;
  }

  /** The public half, as a JWK set. */
  async publicKeys(): Promise<{ keys: (PublicJwk & { kid: string; alg: string; use: string })[] }> {
    return { keys: [{ ...(await this.load()).published, alg: 'EdDSA', use: 'sig' }] };
  }

  private load() {
    // A failure is not kept: the next call tries again.
    this.loaded ??= this.find().catch((error: unknown) => {
      this.loaded = null;
      throw error;
    });
    return this.loaded;
  }

  private async find() {
    const { JWT_SECRET } = authConfig.value;
    const privateKey = JWT_SECRET === undefined ? await this.stored() : derivedKey(JWT_SECRET);
    const published = publicJwk(privateKey);
    const id = await calculateJwkThumbprint(published);
    return { key: { id, privateKey }, published: { ...published, kid: id } };
  }

  private async stored(): Promise<KeyObject> {
    const masterKey = deriveKey(authConfig.value.MASTER_KEY, purpose);
    const made = generateKeyPairSync('ed25519').privateKey;
    const id = await calculateJwkThumbprint(publicJwk(made));
    const row = await this.transactions.alone(async (em) => {
      const [existing] = await em.find(signingKeyEntity, {}, { orderBy: { createdAt: 'asc', id: 'asc' }, limit: 1 });
      if (existing !== undefined) return { id: existing.id, encryptedPrivateKey: existing.encryptedPrivateKey };
      const encryptedPrivateKey = encryptSecret(masterKey, made.export({ format: 'der', type: 'pkcs8' }).toString('base64'), `${purpose} ${id}`);
      await em.insert(signingKeyEntity, { id, publicKey: publicJwk(made), encryptedPrivateKey, createdAt: this.clock.now() });
      return { id, encryptedPrivateKey };
    });
    if (row.id === id) this.log.info('Made the key that signs access tokens', { key: id });
    return createPrivateKey({ key: Buffer.from(this.decrypt(masterKey, row), 'base64'), format: 'der', type: 'pkcs8' });
  }

  private decrypt(masterKey: Buffer, row: { id: string; encryptedPrivateKey: string }): string {
    try {
      return decryptSecret(masterKey, row.encryptedPrivateKey, `${purpose} ${row.id}`);
    } catch (error) {
      throw new Error('MASTER_KEY does not open what is stored in this database. Set the master key it was made with', { cause: error });
    }
  }
}

function derivedKey(secret: string): KeyObject {
  const seed = Buffer.from(hkdfSync('sha256', secret, '', 'deskhand access token signing key', 32));
  return createPrivateKey({ key: Buffer.concat([pkcs8OfEd25519, seed]), format: 'der', type: 'pkcs8' });
}

function publicJwk(privateKey: KeyObject): PublicJwk {
  const { kty, crv, x } = createPublicKey(privateKey).export({ format: 'jwk' });
  return { kty: kty!, crv: crv!, x: x! };
}
