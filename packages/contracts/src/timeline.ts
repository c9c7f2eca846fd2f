import { z } from 'zod';
import { message, toolResult } from './content.ts';
import { desktopLease, leaseEnd } from './desktop.ts';

export const blockKind = z.enum(['text', 'reasoning', 'tool-output']);
export type BlockKind = z.infer<typeof blockKind>;

export const runState = z.enum(['queued', 'active', 'parked', 'ended']);
export const endReason = z.enum(['completed', 'interrupted', 'failed', 'budget', 'step-limit', 'stuck']);
/** What model calls used, summed up. `cost` in US dollars, of the calls whose price is known; the others are counted in `unpriced_calls`. */
export const runUsage = z.object({
  calls: z.number().int(), input_tokens: z.number().int(), cached_tokens: z.number().int(), output_tokens: z.number().int(), reasoning_tokens: z.number().int(), cost: z.number(), unpriced_calls: z.number().int(),
});
export type RunUsage = z.infer<typeof runUsage>;
export const runView = z.object({ id: z.string(), state: runState, reason: endReason.optional(), error: z.string().optional(), message_id: z.string().optional(), usage: runUsage.optional() });
export type RunState = z.infer<typeof runState>;
export type EndReason = z.infer<typeof endReason>;
export type RunView = z.infer<typeof runView>;

/** A block that is still growing, with all of its text so far. */
export const openBlock = z.object({
  block: z.string(),
  kind: blockKind,
  attempt: z.number().int(),
  text: z.string(),
  run_id: z.string(),
  tool_call_id: z.string().optional(),
});
export type OpenBlock = z.infer<typeof openBlock>;

export const approvalView = z.object({
  approval_id: z.string(),
  conversation_id: z.string(),
  run_id: z.string(),
  tool_call_id: z.string(),
  name: z.string(),
  arguments: z.record(z.string(), z.unknown()),
  /** Why it asks, in words. */
  reason: z.string(),
  created_at: z.string(),
});
export type ApprovalView = z.infer<typeof approvalView>;

export const approvalDecision = z.enum(['allow', 'always', 'deny']);
/** How an approval ended; `interrupted` when its run was stopped before anybody decided. */
export const approvalOutcome = z.enum(['allow', 'always', 'deny', 'interrupted']);
export const computerState = z.enum(['none', 'starting', 'ready', 'paused', 'stopping', 'stopped', 'failed']);
export type ComputerState = z.infer<typeof computerState>;

const delta = { run_id: z.string(), block: z.string(), attempt: z.number().int(), offset: z.number().int().nonnegative(), text: z.string() };

/** Durable events: each has its place (`seq`) in the conversation and is stored before anybody sees it. */
export const durableEvents = {
  'message-added': z.object({ message }),
  /** A person took their message back before its run began. `run-ended` follows. */
  'message-withdrawn': z.object({ run_id: z.string(), message_id: z.string() }),
  'run-started': z.object({ run_id: z.string(), epoch: z.number().int() }),
  'run-ended': z.object({ run_id: z.string(), reason: endReason, error: z.string().optional() }),
  'tool-call-started': z.object({ run_id: z.string(), tool_call_id: z.string(), name: z.string(), arguments: z.record(z.string(), z.unknown()), block: z.string(), attempt: z.number().int() }),
  'tool-call-ended': z.object({
    run_id: z.string(), tool_call_id: z.string(), name: z.string(), is_error: z.boolean(), interrupted: z.boolean().optional(), result: toolResult,
    /** The output block that this closes; its whole text is `result.output`. Absent when the call never started. */
    block: z.string().optional(), attempt: z.number().int().optional(),
  }),
  'approval-requested': approvalView,
  'approval-resolved': z.object({ approval_id: z.string(), run_id: z.string(), tool_call_id: z.string(), decision: approvalOutcome, by: z.string(), arguments: z.record(z.string(), z.unknown()).optional() }),
  /** The attempt ended without finishing the block. What was saved of it follows as a message marked `cut`. */
  'block-abandoned': z.object({ run_id: z.string(), block: z.string(), attempt: z.number().int(), kind: blockKind, text: z.string() }),
  'computer-changed': z.object({ computer_id: z.string(), state: computerState, step: z.string().optional(), error: z.string().optional() }),
  /** `holder` is a user's id, null when nobody drives now. `asked_by` is a tab that wants to drive next. */
  'desktop-lease-changed': z.object({ holder: z.string().nullable(), client_id: z.string().nullable(), epoch: z.number().int(), until: z.string().nullable(), reason: leaseEnd.optional(), asked_by: z.string().optional() }),
  'usage-recorded': z.object({ run_id: z.string(), model: z.string(), input_tokens: z.number().int(), output_tokens: z.number().int(), cached_tokens: z.number().int().optional(), reasoning_tokens: z.number().int().optional(), cost: z.number().nullable() }),
  'conversation-changed': z.object({ title: z.string().optional(), approval_mode: z.enum(['auto', 'ask']).optional(), model_name: z.string().nullable().optional(), deleted: z.boolean().optional() }),
} as const;

/** Deltas: never stored as events; a reader that missed one gets it from the open block or from the event that closes it. */
export const liveEvents = {
  'text-delta': z.object(delta),
  'reasoning-delta': z.object(delta),
  'tool-output-delta': z.object({ ...delta, tool_call_id: z.string() }),
} as const;

export type DurableType = keyof typeof durableEvents;
export type LiveType = keyof typeof liveEvents;
export type DurableData<Type extends DurableType> = z.infer<(typeof durableEvents)[Type]>;
export type LiveData<Type extends LiveType> = z.infer<(typeof liveEvents)[Type]>;

/** A durable event as it travels and as clients see it: its type and seq beside its fields. */
export type DurableEvent = { [Type in DurableType]: { type: Type; seq: number; created_at: string } & DurableData<Type> }[DurableType];
export type LiveEvent = { [Type in LiveType]: { type: Type } & LiveData<Type> }[LiveType];
export type TimelineEvent = DurableEvent | LiveEvent;

export const deltaTypeOf: Record<BlockKind, LiveType> = { text: 'text-delta', reasoning: 'reasoning-delta', 'tool-output': 'tool-output-delta' };

const stamp = { seq: z.number().int().positive(), created_at: z.string() };
/** Parses a durable event of any type. */
export const durableEvent = z.discriminatedUnion(
  'type',
  Object.entries(durableEvents).map(([type, data]) => data.extend({ type: z.literal(type), ...stamp })) as unknown as [z.ZodObject<{ type: z.ZodLiteral<string> }>],
) as unknown as z.ZodType<DurableEvent>;
export const liveEvent = z.discriminatedUnion(
  'type',
  Object.entries(liveEvents).map(([type, data]) => data.extend({ type: z.literal(type) })) as unknown as [z.ZodObject<{ type: z.ZodLiteral<string> }>],
) as unknown as z.ZodType<LiveEvent>;

/** What a reader starts from. `seq` is the last durable event it contains. */
export const snapshot = z.object({
  seq: z.number().int().nonnegative(),
  conversation: z.lazy(() => conversationView),
  messages: z.array(message),
  has_more: z.boolean(),
  runs: z.array(runView),
  open_blocks: z.array(openBlock),
  approvals: z.array(approvalView),
  /** Tool calls that have started and not ended, or wait for approval. */
  tool_calls: z.array(z.object({ run_id: z.string(), tool_call_id: z.string(), name: z.string(), arguments: z.record(z.string(), z.unknown()), state: z.enum(['proposed', 'waiting', 'started']) })),
  computer: z.object({ computer_id: z.string(), state: computerState, step: z.string().optional(), error: z.string().optional() }).nullable(),
  desktop_lease: desktopLease.nullable().optional(),
  /** Of the whole conversation; absent before its first call. `context_tokens` is what its last call read and wrote. */
  usage: runUsage.extend({ context_tokens: z.number().int() }).optional(),
});
export type Snapshot = z.infer<typeof snapshot>;

export const conversationView = z.object({
  id: z.string(),
  title: z.string(),
  provider: z.string().nullable(),
  model_name: z.string().nullable(),
  system_prompt_override: z.string().nullable(),
  approval_mode: z.enum(['auto', 'ask']),
  branch_id: z.string(),
  pinned: z.boolean(),
  archived: z.boolean(),
  /** What the list shows: a run that works, one that waits for a person, or nothing. */
  activity: z.enum(['idle', 'running', 'waiting']),
  /** `YYYY-MM-DD HH:MM:SS`, UTC, as the first clients of this API expect. */
  created_at: z.string(),
  updated_at: z.string(),
});
export type ConversationView = z.infer<typeof conversationView>;
