import { z } from 'zod';
import { defineRequest } from './contract.ts';

export const grantRight = z.enum(['computer:run', 'computer:manage', 'desktop:view', 'desktop:control']);
export type GrantRight = z.infer<typeof grantRight>;

/** Claims of a grant: an Ed25519 JWS (`EdDSA`, `typ: grant+jwt`) made by `conversations`, good for a minute at most. */
export const grantClaims = z.object({
  iss: z.literal('conversations'),
  /** The user on whose behalf. */
  sub: z.string(),
  conversation_id: z.string(),
  computer_id: z.string(),
  rights: z.array(grantRight),
  /** Of a ticket: it is used once, and the tab that asked for it. */
  jti: z.string().optional(),
  client_id: z.string().optional(),
  /** The session of who asked: a viewer ends with it. */
  session_id: z.string().optional(),
  iat: z.number(),
  exp: z.number(),
});
export type GrantClaims = z.infer<typeof grantClaims>;
export const grantLifetimeSeconds = 60;

export const publicKeySet = z.object({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.string() })) });

export const grants = {
  /** Gives a right on a conversation's computer to its owner; anybody else gets `NOT_FOUND`. A `ticket` can be used once. */
  issue: defineRequest('conversations.grant.issue', {
    owner: 'conversations', callers: ['gateway'], idempotent: true,
    input: z.object({ user_id: z.string(), conversation_id: z.string(), rights: z.array(grantRight).min(1), ticket: z.boolean().optional(), client_id: z.string().max(100).optional(), session_id: z.string().optional() }),
    output: z.object({ grant: z.string(), computer_id: z.string() }), errors: ['NOT_FOUND'],
  }),
  keys: defineRequest('conversations.grant.keys', { owner: 'conversations', callers: ['sandbox-manager', 'gateway'], idempotent: true, input: z.object({}), output: publicKeySet }),
} as const;
