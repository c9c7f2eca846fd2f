import { z } from 'zod';
import { defineEvent, defineRequest } from './contract.ts';
import { message } from './content.ts';
import { approvalDecision, approvalView, computerState, conversationView, durableEvent, liveEvents, openBlock, snapshot, runUsage } from './timeline.ts';

/** Who asks. Every request about a conversation names its user; anything of another user is `NOT_FOUND`. */
const user = { user_id: z.string() };
const one = { ...user, conversation_id: z.string() };
const settings = {
  title: z.string().trim().min(1).max(200).optional(),
  provider: z.string().max(100).nullable().optional(),
  model_name: z.string().max(200).nullable().optional(),
  system_prompt_override: z.string().max(32_000).nullable().optional(),
  approval_mode: z.enum(['auto', 'ask']).optional(),
  pinned: z.boolean().optional(),
  archived: z.boolean().optional(),
};
const byGateway = { owner: 'conversations', callers: ['gateway'] } as const;
const nothing = z.object({});

export const conversationSettings = z.object(settings);
/** UTF-16 units in a person's message. */
export const maximumMessageLength = 200_000;

export const conversations = {
  create: defineRequest('conversations.conversation.create', {
    ...byGateway, input: z.object({ ...user, ...settings }), output: conversationView, errors: ['BAD_INPUT'],
  }),
  list: defineRequest('conversations.conversation.list', {
    ...byGateway, idempotent: true,
    input: z.object({ ...user, limit: z.number().int().min(1).max(5_000).default(2_000), offset: z.number().int().min(0).default(0), archived: z.boolean().default(false) }),
    output: z.array(conversationView),
  }),
  get: defineRequest('conversations.conversation.get', { ...byGateway, idempotent: true, input: z.object(one), output: conversationView, errors: ['NOT_FOUND'] }),
  update: defineRequest('conversations.conversation.update', { ...byGateway, idempotent: true, input: z.object({ ...one, ...settings }), output: conversationView, errors: ['NOT_FOUND', 'BAD_INPUT'] }),
  /** Deletes the conversation with everything in it; its computer and workspace follow. */
  remove: defineRequest('conversations.conversation.remove', { ...byGateway, input: z.object(one), output: nothing, errors: ['NOT_FOUND'] }),
  /** A page of messages, oldest first: fewer than `limit` when they are long, then those next to where it begins. `total` counts all of the branch; `usage` is of their runs, by run. */
  messages: defineRequest('conversations.message.list', {
    ...byGateway, idempotent: true,
    input: z.object({ ...one, branch_id: z.string().optional(), limit: z.number().int().min(1).max(100).default(50), offset: z.number().int().min(0).default(0), before: z.string().optional() }),
    output: z.object({ messages: z.array(message), total: z.number().int(), usage: z.record(z.string(), runUsage).optional() }), errors: ['NOT_FOUND'],
  }),
  /** Accepts a person's message and queues its run. The same key with the same text answers the same ids. */
  say: defineRequest('conversations.message.add', {
    ...byGateway, idempotent: true,
    input: z.object({ ...one, content: z.string().min(1).max(maximumMessageLength), idempotency_key: z.string().min(1).max(200) }),
    output: z.object({ message_id: z.string(), run_id: z.string() }), errors: ['NOT_FOUND', 'CONFLICT', 'BAD_INPUT'],
  }),
  interrupt: defineRequest('conversations.run.interrupt', { ...byGateway, idempotent: true, input: z.object({ ...one, run_id: z.string() }), output: nothing, errors: ['NOT_FOUND'] }),
  /** Takes a message back that still waits for its turn: it is gone, and no model reads it. `CONFLICT` once its run has begun. */
  withdraw: defineRequest('conversations.run.withdraw', { ...byGateway, idempotent: true, input: z.object({ ...one, run_id: z.string() }), output: nothing, errors: ['NOT_FOUND', 'CONFLICT'] }),
  /** Says something to a run that is working; it reads it before its next step. `CONFLICT` when it has ended. */
  steer: defineRequest('conversations.run.steer', {
    ...byGateway, idempotent: true,
    input: z.object({ ...one, run_id: z.string(), content: z.string().min(1).max(maximumMessageLength), idempotency_key: z.string().min(1).max(200) }),
    output: z.object({ message_id: z.string() }), errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  approvals: defineRequest('conversations.approval.list', { ...byGateway, idempotent: true, input: z.object(user), output: z.array(approvalView) }),
  /** Decides once. A second decision is `CONFLICT`, whatever it says. */
  decide: defineRequest('conversations.approval.decide', {
    ...byGateway,
    input: z.object({ ...user, approval_id: z.string(), decision: approvalDecision, arguments: z.record(z.string(), z.unknown()).optional() }),
    output: nothing, errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  /** Where a new reader starts. `workers` hold open blocks that are fresher than the saved ones in `snapshot.open_blocks`. */
  snapshot: defineRequest('conversations.timeline.snapshot', {
    ...byGateway, idempotent: true, input: z.object(one), output: z.object({ snapshot, workers: z.array(z.object({ worker_id: z.string(), run_id: z.string() })) }), errors: ['NOT_FOUND'],
  }),
  /** Durable events after `after`, in order, at most about 512 KB of them; `open` as saved, complete only with the last page. */
  read: defineRequest('conversations.timeline.read', {
    ...byGateway, idempotent: true,
    input: z.object({ ...one, after: z.number().int().min(0) }),
    output: z.object({ events: z.array(durableEvent), more: z.boolean(), open_blocks: z.array(openBlock), workers: z.array(z.object({ worker_id: z.string(), run_id: z.string() })) }),
    errors: ['NOT_FOUND', 'BAD_INPUT'],
  }),
  computer: defineRequest('conversations.computer.get', {
    ...byGateway, idempotent: true, input: z.object(one), output: z.object({ computer_id: z.string(), state: computerState, step: z.string().optional(), error: z.string().optional() }), errors: ['NOT_FOUND'],
  }),
  /** Everything of a user goes: asked when an account is deleted. */
  activity: defineRequest('conversations.computer.activity', {
    owner: 'conversations', callers: ['sandbox-manager'], idempotent: true,
    input: z.object({ computer_ids: z.array(z.string()).max(1_000) }),
    /** `parked_since` is RFC 3339. A computer that is not listed belongs to nothing any more and may be removed. */
    output: z.array(z.object({ computer_id: z.string(), active: z.boolean(), parked_since: z.string().nullable() })),
  }),
} as const;

/** Durable events leave the database through these subjects; stream `TIMELINE` keeps them for subscribers. */
export const timelineStream = 'TIMELINE';
export const timelinePublished = defineEvent('timeline.{user}.{conversation}.{type}', {
  owner: 'conversations', consumers: ['gateway'], stream: timelineStream,
  data: z.looseObject({ type: z.string(), seq: z.number().int() }),
});
/** Deltas, straight from the worker that makes them. No stream lists `live.`. */
export const livePublished = defineEvent('live.{user}.{conversation}.{type}', {
  owner: 'agent', consumers: ['gateway'],
  data: z.discriminatedUnion('type', [
    liveEvents['text-delta'].extend({ type: z.literal('text-delta') }),
    liveEvents['reasoning-delta'].extend({ type: z.literal('reasoning-delta') }),
    liveEvents['tool-output-delta'].extend({ type: z.literal('tool-output-delta') }),
  ]),
});
export const seqHeader = 'Deskhand-Seq';

/** A conversation was deleted: its computer and workspace go too. */
export const conversationDeleted = defineEvent('conversation.{conversation_id}.deleted', {
  owner: 'conversations', consumers: ['sandbox-manager', 'gateway'], stream: 'CONVERSATIONS',
  data: z.object({ conversation_id: z.string(), user_id: z.string(), computer_ids: z.array(z.string()) }),
});
