import { defineEntity, p, type InferEntity } from '@deskhand/platform/database';

/** Times are Unix milliseconds. */
const time = () => p.bigint('number');

export const userEntity = defineEntity({
  name: 'User',
  tableName: 'users',
  properties: {
    id: p.string().primary(),
    username: p.string(),
    /** What names are compared by; unique. */
    usernameKey: p.string(),
    email: p.string(),
    emailKey: p.string(),
    passwordHash: p.string(),
    isAdmin: p.boolean(),
    disabled: p.boolean(),
    createdAt: time(),
  },
});
export type User = InferEntity<typeof userEntity>;

/** A sign-in on one device: the family of refresh tokens that follow one another. */
export const sessionEntity = defineEntity({
  name: 'Session',
  tableName: 'sessions',
  properties: {
    id: p.string().primary(),
    userId: p.string(),
    /** The newest refresh token's. */
    generation: p.integer(),
    createdAt: time(),
    lastUsedAt: time(),
    expiresAt: time(),
    revokedAt: time().nullable(),
  },
});
export type Session = InferEntity<typeof sessionEntity>;

/** The newest token of a session, and those whose grace still ran at the last rotation. */
export const refreshTokenEntity = defineEntity({
  name: 'RefreshToken',
  tableName: 'refresh_tokens',
  properties: {
    sessionId: p.string().primary(),
    generation: p.integer().primary(),
    tokenHash: p.string(),
    /** When it was exchanged for its successor. */
    usedAt: time().nullable(),
  },
});

export const apiTokenEntity = defineEntity({
  name: 'ApiToken',
  tableName: 'api_tokens',
  properties: {
    id: p.string().primary(),
    userId: p.string(),
    name: p.string(),
    tokenHash: p.string(),
    scopes: p.json<('api' | 'metrics')[]>(),
    createdAt: time(),
    expiresAt: time().nullable(),
    lastUsedAt: time().nullable(),
  },
});
export type ApiToken = InferEntity<typeof apiTokenEntity>;

export const signingKeyEntity = defineEntity({
  name: 'SigningKey',
  tableName: 'signing_keys',
  properties: {
    /** The key's thumbprint (RFC 7638), its `kid` in tokens. */
    id: p.string().primary(),
    publicKey: p.json<{ kty: string; crv: string; x: string }>(),
    /** PKCS 8, encrypted with the master key. */
    encryptedPrivateKey: p.text(),
    createdAt: time(),
  },
});

/** Attempts to sign in or register, counted by a hash of whom they are counted for. */
export const attemptCounterEntity = defineEntity({
  name: 'AttemptCounter',
  tableName: 'attempt_counters',
  properties: { id: p.string().primary(), emptyAt: time() },
});

export const entities = [userEntity, sessionEntity, refreshTokenEntity, apiTokenEntity, signingKeyEntity, attemptCounterEntity];
