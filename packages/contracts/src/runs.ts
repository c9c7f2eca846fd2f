import { z } from 'zod';
import { contentBlock, message, noticeBlock, toolResult } from './content.ts';
import { defineEvent, defineRequest } from './contract.ts';
import { mcpServer, mcpServerTest, testComputer } from './mcp.ts';
import { blockKind, computerState, endReason, openBlock } from './timeline.ts';

/**
 * The protocol between run workers and the truth. A run is a row; claiming it gives the worker an epoch and a
 * lease; every write names that epoch and is refused with `STALE_EPOCH` once another worker has claimed it.
 */
const byAgent = { owner: 'conversations', callers: ['agent'], idempotent: true } as const;
const held = { run_id: z.string(), epoch: z.number().int() };

/**
 * proposed: the model asked for it · waiting: a person must decide · allowed / denied: a person did ·
 * started: it may have run, a result is owed · ended: its result is recorded.
 */
export const toolCallState = z.enum(['proposed', 'waiting', 'allowed', 'denied', 'started', 'ended']);
export type ToolCallState = z.infer<typeof toolCallState>;

export const journalToolCall = z.object({
  tool_call_id: z.string(),
  name: z.string(),
  /** As they will run: a person may have edited them while approving. */
  arguments: z.record(z.string(), z.unknown()),
  invalid_arguments: z.string().optional(),
  state: toolCallState,
});
export type JournalToolCall = z.infer<typeof journalToolCall>;

export const claimedRun = z.object({
  ...held,
  /** Milliseconds that the lease lasts from the answer on, unless a heartbeat renews it. */
  lease_ms: z.number().int(),
  user_id: z.string(),
  conversation_id: z.string(),
  branch_id: z.string(),
  computer_id: z.string(),
  provider: z.string().nullable(),
  model_name: z.string().nullable(),
  system_prompt_override: z.string().nullable(),
  approval_mode: z.enum(['auto', 'ask']),
  /** Tools a person allowed for the rest of this conversation. */
  always_allowed: z.array(z.string()),
  /** Steps recorded so far: the next step has this number. */
  step: z.number().int(),
  /** Calls of the last recorded step, in the model's order; empty before the first step. */
  tool_calls: z.array(journalToolCall),
  /** True when a person asked to stop while nobody worked on it: end it without another step. */
  interrupt: z.boolean(),
  /** A person drives the desktop: new tool calls wait, as a parked run, until it is given back. */
  driven: z.boolean().optional(),
  /** The branch's messages, oldest first; `history_complete` is false when `runs.history` has earlier ones. */
  history: z.array(message),
  history_complete: z.boolean(),
  /** MCP servers that the conversation has chosen and that are enabled. */
  mcp_servers: z.array(mcpServer).optional(),
  /** Signed right to use the run's computer; `heartbeat` renews it. */
  grant: z.string(),
});
export type ClaimedRun = z.infer<typeof claimedRun>;

export const runEntry = z.discriminatedUnion('type', [
  /** One model call is over: its blocks become a message, its tool calls become `proposed`. */
  z.object({ type: z.literal('step-ended'), step: z.number().int(), message_id: z.string(), blocks: z.array(contentBlock), model: z.string(), cut: z.boolean() }),
  /** Written before the tool starts; from here on a lost result means `interrupted`. */
  z.object({ type: z.literal('tool-call-started'), tool_call_id: z.string(), block: z.string(), attempt: z.number().int() }),
  z.object({ type: z.literal('tool-call-ended'), tool_call_id: z.string(), is_error: z.boolean(), interrupted: z.boolean().optional(), result: toolResult, block: z.string().optional(), attempt: z.number().int().optional() }),
  z.object({ type: z.literal('approval-requested'), tool_call_id: z.string(), reason: z.string() }),
  /** Nothing more can be done until a person decides, or gives the desktop back: the lease ends, the run waits as a row. */
  z.object({ type: z.literal('run-parked') }),
  z.object({ type: z.literal('run-ended'), reason: endReason, error: z.string().optional() }),
  /** Something that the person, and the model, must know: a message with a notice. */
  z.object({ type: z.literal('notice-added'), kind: noticeBlock.shape.kind, text: z.string().max(4_000), facts: z.record(z.string(), z.unknown()).optional() }),
  z.object({ type: z.literal('block-abandoned'), block: z.string(), attempt: z.number().int() }),
]);
export type RunEntry = z.infer<typeof runEntry>;

export const runs = {
  /**
   * A worker process begins. `instance` names its place (one process at a time): what the process before it held there
   * is free at once, instead of when its leases end.
   */
  begin: defineRequest('conversations.worker.begin', { ...byAgent, input: z.object({ worker_id: z.string(), instance: z.string().min(1).max(200) }), output: z.object({}) }),
  /** Takes up to `slots` runs that may go on: fair by user, one at a time on a branch. `more`: others could go on as well. */
  claim: defineRequest('conversations.run.claim', {
    ...byAgent, idempotent: false, input: z.object({ worker_id: z.string(), slots: z.number().int().min(1).max(64) }), output: z.object({ runs: z.array(claimedRun), more: z.boolean() }),
  }),
  /** Messages of the branch before one, newest last, at most about 512 KB. */
  history: defineRequest('conversations.run.history', {
    ...byAgent, input: z.object({ ...held, before: z.string() }), output: z.object({ messages: z.array(message), complete: z.boolean() }), errors: ['STALE_EPOCH', 'NOT_FOUND'],
  }),
  /** One for all runs of a worker. A run that is not `held` any more must stop writing at once. */
  heartbeat: defineRequest('conversations.run.heartbeat', {
    ...byAgent, timeoutMs: 3_000,
    input: z.object({ worker_id: z.string(), runs: z.array(z.object(held)).max(256) }),
    output: z.object({ runs: z.array(z.object({ run_id: z.string(), held: z.boolean(), interrupt: z.boolean(), lease_ms: z.number().int(), grant: z.string() })) }),
  }),
  /**
   * Appends to the saved text of open blocks. A part whose `offset` is beyond the saved length is answered with that length in `behind`.
   * Parts that come late, for a `step` or a call that is over, are passed over.
   */
  checkpoint: defineRequest('conversations.run.checkpoint', {
    ...byAgent, attemptMs: 700,
    input: z.object({
      worker_id: z.string(),
      blocks: z.array(z.object({ ...held, block: z.string(), attempt: z.number().int(), kind: blockKind, tool_call_id: z.string().optional(), step: z.number().int().optional(), offset: z.number().int(), text: z.string() })).max(256),
    }),
    output: z.object({ behind: z.array(z.object({ block: z.string(), length: z.number().int() })) }),
  }),
  /**
   * Commits entries in one transaction, in order. `key` makes a repeat answer what the first one did.
   * `steering` is what the person said meanwhile and the model has not seen: each message is handed out once a step.
   */
  record: defineRequest('conversations.run.record', {
    ...byAgent, timeoutMs: 20_000, attemptMs: 2_000,
    input: z.object({ ...held, key: z.string().max(200), entries: z.array(runEntry).min(1).max(64) }),
    output: z.object({ steering: z.array(message), interrupt: z.boolean(), driven: z.boolean().optional() }),
    errors: ['STALE_EPOCH', 'NOT_FOUND', 'BAD_INPUT'],
  }),
  /** Gives runs back untouched, as a draining worker does: another may claim them at once. */
  release: defineRequest('conversations.run.release', { ...byAgent, input: z.object({ worker_id: z.string(), runs: z.array(z.object(held)) }), output: z.object({}) }),
} as const;

/**
 * Something may be claimable. Lost wake-ups are found by the sweep, so this is plain NATS, once for all workers.
 * `asks` is what its worker will ask of the model gateway first, where that is known: it need not wait for the claim.
 */
export const runsWaiting = defineEvent('run.{run_id}.waiting', {
  owner: 'conversations', consumers: ['agent'],
  data: z.object({ run_id: z.string(), asks: z.object({ user_id: z.string(), conversation_id: z.string(), provider: z.string().nullable(), model_name: z.string().nullable() }).optional() }),
});
/** A person stopped a run that a worker holds: that worker stops it now instead of at its next heartbeat. */
export const runInterrupted = defineEvent('run.{run_id}.interrupted', { owner: 'conversations', consumers: ['agent'], data: z.object({ run_id: z.string() }) });

export const agent = {
  /** All open blocks of a run with their whole text, asked of the very worker that has it. */
  blocks: defineRequest('agent.{worker_id}.blocks', {
    owner: 'agent', callers: ['gateway'], idempotent: true, timeoutMs: 800,
    input: z.object({ worker_id: z.string(), run_id: z.string() }), output: z.object({ blocks: z.array(openBlock) }), errors: ['NOT_FOUND'],
  }),
  /** Asks a server for its tools, as a run would. A server that cannot be used is an answer (`ok: false`), not an error. */
  testMcpServer: defineRequest('agent.mcp-server.test', { owner: 'agent', callers: ['gateway'], timeoutMs: 90_000, input: z.object({ server: mcpServer, computer: testComputer }), output: mcpServerTest }),
} as const;

/** The computer's state as the manager sees it, for the timeline. */
export const computerChanged = defineEvent('computer.{computer_id}.changed', {
  owner: 'sandbox-manager', consumers: ['conversations'], stream: 'COMPUTERS',
  data: z.object({ computer_id: z.string(), state: computerState, step: z.string().optional(), error: z.string().optional(), at: z.string() }),
});
