import { accessClaims, DeclaredError, grantClaims, grantLifetimeSeconds, publicKeySet, type AccessClaims, type GrantClaims } from '@deskhand/contracts';
import { createLocalJWKSet, jwtVerify, type JWTVerifyGetKey, type JWTVerifyOptions } from 'jose';
import type { z } from 'zod';

/** Public Ed25519 keys as JWKs, each with its `kid`. */
export type PublicKeySet = z.output<typeof publicKeySet>;

/** Clocks of two machines may differ by this much. */
const clockToleranceSeconds = 5;

const access: JWTVerifyOptions = {
  algorithms: ['EdDSA'], typ: 'at+jwt', issuer: 'deskhand', audience: 'deskhand', clockTolerance: clockToleranceSeconds, requiredClaims: ['sub', 'sid', 'iat', 'exp'],
};
const grant: JWTVerifyOptions = {
  algorithms: ['EdDSA'], typ: 'grant+jwt', issuer: 'conversations', clockTolerance: clockToleranceSeconds, maxTokenAge: grantLifetimeSeconds, requiredClaims: ['sub', 'iat', 'exp'],
};

/** The claims of an access token signed by one of `keys`. Anything else is `UNAUTHENTICATED`, without saying what was wrong. */
export async function verifyAccessToken(keys: PublicKeySet, token: string): Promise<AccessClaims> {
  const claims = await verify(keys, token, access, accessClaims);
  if (claims === null) throw new DeclaredError('UNAUTHENTICATED', 'invalid or expired token');
  return claims;
}

/**
 * The claims of a grant signed by one of `keys` and not older than a minute; anything else is `FORBIDDEN`.
 * Which right on which computer it gives is for the caller to compare.
 */
export async function verifyGrant(keys: PublicKeySet, token: string): Promise<GrantClaims> {
  const claims = await verify(keys, token, grant, grantClaims);
  if (claims === null) throw new DeclaredError('FORBIDDEN', 'This grant is not valid');
  return claims;
}

async function verify<Claims extends z.ZodType>(keys: PublicKeySet, token: string, options: JWTVerifyOptions, claims: Claims): Promise<z.output<Claims> | null> {
  const known = good.get(keys)?.get(token);
  if (known !== undefined && known.options === options && Date.now() < known.until) return known.claims as z.output<Claims>;
  try {
    const { payload } = await jwtVerify(token, resolverOf(keys), options);
    const parsed = claims.parse(payload);
    const until = Math.min(payload.exp!, payload.iat! + Number(options.maxTokenAge ?? Infinity));
    remember(keys, token, { options, claims: parsed, until: until * 1_000 });
    return parsed;
  } catch {
    return null;
  }
}

interface Verified {
  /** A token that is good as one thing is not yet good as another. */
  options: JWTVerifyOptions;
  claims: unknown;
  /** Unix time in milliseconds: from here on it is looked at in full. */
  until: number;
}

const maximumKnown = 2_000;

// A verification waits for another thread, and people come with the same token again and again. Other keys: nothing is known.
const good = new WeakMap<PublicKeySet, Map<string, Verified>>();

function remember(keys: PublicKeySet, token: string, verified: Verified): void {
  const tokens = good.get(keys) ?? new Map<string, Verified>();
  good.set(keys, tokens);
  if (tokens.size >= maximumKnown) tokens.delete(tokens.keys().next().value!);
  tokens.set(token, verified);
}

// Importing a key costs more than a verification, so each set is imported once.
const resolvers = new WeakMap<PublicKeySet, JWTVerifyGetKey>();

function resolverOf(keys: PublicKeySet): JWTVerifyGetKey {
  const known = resolvers.get(keys);
  if (known !== undefined) return known;
  const local = createLocalJWKSet(keys);
  // A token names its key, and only as text: none is tried by guess, none is fetched, none is taken from the token.
  const resolver: JWTVerifyGetKey = async (header, jws) => {
    if (typeof header.kid !== 'string') throw new TypeError('The token names no key');
    return local(header, jws);
  };
  resolvers.set(keys, resolver);
  return resolver;
}
