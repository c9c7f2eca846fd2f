import { z } from 'zod';
import { defineEvent, defineRequest } from './contract.ts';
import { publicKeySet } from './grants.ts';

export const userView = z.object({ id: z.string(), username: z.string(), email: z.string(), is_admin: z.boolean(), disabled: z.boolean(), created_at: z.string() });
export type UserView = z.infer<typeof userView>;

/** Claims of an access token: Ed25519 JWT (`EdDSA`, `typ: at+jwt`), 15 minutes, verified offline with `auth.keys`. */
export const accessClaims = z.object({
  iss: z.literal('deskhand'), aud: z.literal('deskhand'), sub: z.string(), username: z.string(), is_admin: z.boolean(),
  /** The session (refresh token family) it came from. */
  sid: z.string(), iat: z.number(), exp: z.number(),
});
export type AccessClaims = z.infer<typeof accessClaims>;

export const session = z.object({ access_token: z.string(), refresh_token: z.string(), expires_in: z.number().int(), user: userView });
export type Session = z.infer<typeof session>;

export const username = z.string().trim().min(3, 'Username must be 3-50 characters').max(50, 'Username must be 3-50 characters').regex(/^[\p{L}\p{N}._-]+$/u, 'Username may hold letters, digits, dot, dash and underscore');
export const password = z.string().min(8, 'Password must be at least 8 characters').max(1_000);
export const email = z.email('Email address is not valid').max(320);
export const tokenScope = z.enum(['api', 'metrics']);

/** Where a request came from, for rate limits: never trusted for rights. */
const origin = { address: z.string() };
const byGateway = { owner: 'auth', callers: ['gateway'] } as const;
const byOperator = { owner: 'auth', callers: ['operator'] } as const;
/** `token_id` is what `accessRevoked` names as its session when the token is revoked. */
const identity = z.object({ user_id: z.string(), username: z.string(), is_admin: z.boolean(), scopes: z.array(tokenScope), token_id: z.string(), expires_at: z.string().nullable() });

export const auth = {
  /** What the sign-in page needs to know. */
  status: defineRequest('auth.registration.get', { ...byGateway, idempotent: true, input: z.object({}), output: z.object({ registration: z.enum(['open', 'invite', 'closed']), first_account: z.boolean() }) }),
  /** The first account is the administrator. Taken names are `CONFLICT`, closed registration is `FORBIDDEN`. */
  register: defineRequest('auth.user.register', { ...byGateway, timeoutMs: 15_000, input: z.object({ username, email, password, invitation: z.string().max(200).optional(), ...origin }), output: session, errors: ['BAD_INPUT', 'CONFLICT', 'FORBIDDEN', 'RATE_LIMITED'] }),
  login: defineRequest('auth.session.open', { ...byGateway, timeoutMs: 15_000, input: z.object({ username: z.string().max(320), password: z.string().max(1_000), ...origin }), output: session, errors: ['UNAUTHENTICATED', 'RATE_LIMITED'] }),
  /** Rotates. Racers within the grace get the same successor; a spent token after it revokes the whole family. */
  refresh: defineRequest('auth.session.refresh', { ...byGateway, idempotent: true, input: z.object({ refresh_token: z.string().max(500) }), output: session, errors: ['UNAUTHENTICATED'] }),
  logout: defineRequest('auth.session.close', { ...byGateway, idempotent: true, input: z.object({ refresh_token: z.string().max(500) }), output: z.object({}) }),
  /** Sessions that ended within the life of an access token: what a gateway that starts now still has to refuse. */
  revocations: defineRequest('auth.session.list-revoked', { ...byGateway, idempotent: true, input: z.object({}), output: z.array(z.object({ user_id: z.string(), session_id: z.string() })) }),
  me: defineRequest('auth.user.get', { ...byGateway, idempotent: true, input: z.object({ user_id: z.string() }), output: userView, errors: ['NOT_FOUND'] }),
  keys: defineRequest('auth.keys.list', { ...byGateway, idempotent: true, input: z.object({}), output: publicKeySet }),
  /** Who a personal API token (`dh_…`) stands for. */
  verifyToken: defineRequest('auth.token.verify', { ...byGateway, idempotent: true, input: z.object({ token: z.string().max(500) }), output: identity, errors: ['UNAUTHENTICATED'] }),
  /** The secret is in this answer and nowhere else, ever. `expires_at` null: until revoked. */
  createToken: defineRequest('auth.token.create', {
    owner: 'auth', callers: ['gateway', 'operator'], input: z.object({ user_id: z.string(), name: z.string().trim().min(1).max(100), scopes: z.array(tokenScope).min(1).default(['api']), expires_at: z.iso.datetime().nullable().default(null) }),
    output: z.object({ id: z.string(), token: z.string() }), errors: ['NOT_FOUND', 'BAD_INPUT'],
  }),
  listTokens: defineRequest('auth.token.list', {
    ...byGateway, idempotent: true, input: z.object({ user_id: z.string() }),
    output: z.array(z.object({ id: z.string(), name: z.string(), scopes: z.array(tokenScope), created_at: z.string(), expires_at: z.string().nullable(), last_used_at: z.string().nullable() })),
  }),
  revokeToken: defineRequest('auth.token.revoke', { ...byGateway, idempotent: true, input: z.object({ user_id: z.string(), token_id: z.string() }), output: z.object({}), errors: ['NOT_FOUND'] }),
  listUsers: defineRequest('auth.user.list', { owner: 'auth', callers: ['gateway', 'operator'], idempotent: true, input: z.object({}), output: z.array(userView) }),
  createUser: defineRequest('auth.user.create', { ...byOperator, timeoutMs: 15_000, input: z.object({ username, email, password, is_admin: z.boolean().default(false) }), output: userView, errors: ['BAD_INPUT', 'CONFLICT'] }),
  disableUser: defineRequest('auth.user.disable', { owner: 'auth', callers: ['gateway', 'operator'], idempotent: true, input: z.object({ username: z.string(), disabled: z.boolean().default(true) }), output: userView, errors: ['NOT_FOUND', 'CONFLICT'] }),
  resetPassword: defineRequest('auth.user.reset-password', { ...byOperator, timeoutMs: 15_000, input: z.object({ username: z.string(), password: password.optional() }), output: z.object({ password: z.string() }), errors: ['NOT_FOUND'] }),
} as const;

/** A session, token or account ended: streams opened with it are closed. `session_id` (an API token's id too) null means all of the user's. */
export const accessRevoked = defineEvent('user.{user_id}.revoked', { owner: 'auth', consumers: ['gateway'], data: z.object({ user_id: z.string(), session_id: z.string().nullable() }) });
