import { Injectable, type OnModuleInit } from '@nestjs/common';
import { exportJWK, generateKeyPair, importJWK, SignJWT, type CryptoKey, type JWK } from 'jose';
import { DeclaredError, grantLifetimeSeconds, newId, type GrantRight, type grants as contracts, type InputOf } from '@deskhand/contracts';
import { Database, decryptSecret, deriveKey, encryptSecret } from '@deskhand/platform';
import { owned } from '../conversations/conversations.service.ts';
import { branchEntity, settingEntity } from '../database/entities.ts';
import { conversationsConfig } from '../configuration.ts';

interface Key {
  kid: string;
  privateKey: CryptoKey;
  publicJwk: JWK;
}

const setting = 'grant-key';

/** Signs rights on computers. One Ed25519 key for all instances, kept encrypted in the database. */
@Injectable()
export class Grants implements OnModuleInit {
  private key: Key | null = null;

  constructor(private readonly database: Database) {}

  /** Before anything is served: signing must not need the database, it happens inside transactions. */
  async onModuleInit(): Promise<void> {
    this.key = await this.load();
  }

  async sign(userId: string, conversationId: string, computerId: string, rights: readonly GrantRight[], ticket: { jti?: string; client_id?: string; session_id?: string } = {}): Promise<string> {
    const key = this.signingKey();
    return new SignJWT({ conversation_id: conversationId, computer_id: computerId, rights: [...rights], ...ticket })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'grant+jwt', kid: key.kid }).setIssuer('conversations').setSubject(userId).setIssuedAt().setExpirationTime(`${grantLifetimeSeconds}s`).sign(key.privateKey);
  }

  async issue({ user_id: userId, conversation_id: conversationId, rights, ticket, client_id, session_id }: InputOf<typeof contracts.issue>): Promise<{ grant: string; computer_id: string }> {
    const branch = await this.database.read(async (em) => {
      const conversation = await owned(em, userId, conversationId);
      return em.findOneOrFail(branchEntity, conversation.branchId);
    });
    const once = ticket ? { jti: newId(), ...(client_id !== undefined && { client_id }), ...(session_id !== undefined && { session_id }) } : {};
    return { grant: await this.sign(userId, conversationId, branch.computerId, rights, once), computer_id: branch.computerId };
  }

  async publicKeys(): Promise<{ keys: (JWK & { kty: string; kid: string })[] }> {
    const { publicJwk, kid } = this.signingKey();
    return { keys: [{ ...publicJwk, kty: publicJwk.kty!, kid, alg: 'EdDSA', use: 'sig' }] };
  }

  private signingKey(): Key {
    if (this.key === null) throw new Error('The grant key is not loaded yet');
    return this.key;
  }

  private async load(): Promise<Key> {
    const encryption = deriveKey(conversationsConfig.value.MASTER_KEY, 'conversations grants');
    const fresh = await generateKeyPair('EdDSA', { extractable: true });
    const freshJwk = JSON.stringify({ ...(await exportJWK(fresh.privateKey)), kid: newId() });
    const stored = await this.database.transaction(async (em) => {
      const row = await em.findOne(settingEntity, setting);
      if (row !== null) return row.value;
      return em.create(settingEntity, { name: setting, value: encryptSecret(encryption, freshJwk, setting) }).value;
    });
    const { kid, d, ...publicJwk } = JSON.parse(decryptSecret(encryption, stored, setting)) as JWK & { kid: string };
    const privateKey = await importJWK({ ...publicJwk, d }, 'EdDSA');
    if (privateKey instanceof Uint8Array) throw new DeclaredError('INTERNAL', 'The grant key is not a private key');
    return { kid, privateKey, publicJwk };
  }
}
