import { maximumMessageLength } from '@deskhand/contracts';
import { z } from 'zod';

const conversation_id = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/);

/** What a client may send over the WebSocket: Deskhand's own frames, and the three of the API's first clients. */
export const clientFrame = z.discriminatedUnion('type', [
  z.object({ type: z.literal('subscribe'), conversation_id, after: z.string().max(20_000).nullish() }),
  z.object({ type: z.literal('unsubscribe'), conversation_id }),
  z.object({ type: z.literal('subscribe-list') }),
  z.object({ type: z.literal('ping') }),
  z.object({ type: z.literal('join_conversation'), conversation_id: z.string().max(128) }),
  z.object({ type: z.literal('user_message'), content: z.string().min(1).max(maximumMessageLength) }),
  z.object({ type: z.literal('cancel') }),
]);
export type ClientFrame = z.output<typeof clientFrame>;
export type FirstClientFrame = Extract<ClientFrame, { type: 'join_conversation' | 'user_message' | 'cancel' }>;
