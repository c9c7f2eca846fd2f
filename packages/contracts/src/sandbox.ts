import { z } from 'zod';
import { defineRequest } from './contract.ts';
import { computerState } from './timeline.ts';

/** `grant` is a signed right on the computer (see grants.ts), checked by the manager without asking anybody. */
const one = { computer_id: z.string(), grant: z.string() };
const byUsers = { owner: 'sandbox-manager', callers: ['agent', 'gateway'] } as const;

export const computerView = z.object({ computer_id: z.string(), state: computerState, step: z.string().optional(), error: z.string().optional(), started_at: z.string().nullable() });

export const commandOutcome = z.object({
  /** Exit code; null when a signal ended it. */
  exit_code: z.number().int().nullable(),
  signal: z.string().nullable(),
  timed_out: z.boolean(),
  /** Ended because somebody asked for it. */
  killed: z.boolean(),
  duration_ms: z.number(),
  /** Why the computer itself ended it (out of memory, too many processes, disk full), in words. */
  contained: z.string().optional(),
});
export type CommandOutcome = z.infer<typeof commandOutcome>;

/**
 * Where a command stands. `text` is its output (standard output and error as they came, decoded as UTF-8) from `offset`
 * on, in UTF-16 units, never splitting a surrogate pair. Output over the limit keeps its head as it streams and its tail at
 * the end, with one line between that says how much was left out; offsets count what is kept.
 * `unknown`: this computer never started the call, or lost its outcome with a restart.
 */
export const commandView = z.object({
  state: z.enum(['running', 'ended', 'unknown']),
  offset: z.number().int(),
  text: z.string(),
  outcome: commandOutcome.optional(),
});
export type CommandView = z.infer<typeof commandView>;

export const command = z.object({
  call_id: z.string().min(1).max(128),
  /** Program and arguments; no shell unless it names one. */
  argv: z.array(z.string()).min(1).max(64),
  /** UTF-8 text for standard input, then end of file. */
  stdin: z.string().max(600_000).optional(),
  /** Absolute; `/workspace` when absent. */
  cwd: z.string().optional(),
  environment: z.record(z.string(), z.string()).optional(),
  /** Variables of an MCP server as stored; the manager opens them and hands them over as JSON in `MCP_VARIABLES`. */
  mcp_environment: z.object({ server_id: z.string(), stored: z.string().max(100_000) }).optional(),
  /** Milliseconds until the whole process tree is killed. */
  timeout_ms: z.number().int().min(1).max(3_600_000).default(120_000),
  /** UTF-16 units of output kept. */
  output_limit: z.number().int().min(1_000).max(400_000).default(48_000),
  /**
   * What the main process leaves running when it exits: kept until the computer stops (`keep`, a server started in the
   * background), or killed with it (`kill`).
   */
  descendants: z.enum(['keep', 'kill']).default('keep'),
});
export type Command = z.input<typeof command>;

export const sandbox = {
  /**
   * Makes, wakes or starts the computer; answers when it takes commands. Asked of any manager with room; the one that
   * owns the computer does it. Steps are told by `computerChanged`.
   */
  start: defineRequest('sandbox.computer.start', {
    ...byUsers, idempotent: true, timeoutMs: 60_000, attemptMs: 5_000, input: z.object({ ...one, conversation_id: z.string(), user_id: z.string() }), output: computerView, errors: ['UNAVAILABLE', 'FORBIDDEN'],
  }),
  stop: defineRequest('sandbox.computer.stop', { ...byUsers, idempotent: true, timeoutMs: 30_000, input: z.object(one), output: computerView, errors: ['NOT_FOUND', 'FORBIDDEN', 'UNAVAILABLE'] }),
  restart: defineRequest('sandbox.computer.restart', { ...byUsers, timeoutMs: 60_000, input: z.object(one), output: computerView, errors: ['NOT_FOUND', 'FORBIDDEN', 'UNAVAILABLE'] }),
  /**
   * Starts a command once: the same `call_id` again starts nothing and answers where it stands. Waits up to `wait_ms`
   * for output or the end. `UNAVAILABLE` means that it was certainly not started; `TIMEOUT` leaves that open.
   */
  run: defineRequest('sandbox.{computer_id}.run', {
    ...byUsers, idempotent: true, timeoutMs: 15_000, attemptMs: 6_000, input: z.object({ ...one, ...command.shape, wait_ms: z.number().int().min(0).max(10_000).default(1_000) }), output: commandView,
    errors: ['UNAVAILABLE', 'FORBIDDEN', 'BAD_INPUT'],
  }),
  /** Waits up to `wait_ms` for output after `offset` or the end, then answers where the command stands. */
  follow: defineRequest('sandbox.{computer_id}.follow', {
    ...byUsers, idempotent: true, timeoutMs: 25_000, attemptMs: 6_000,
    input: z.object({ ...one, call_id: z.string(), offset: z.number().int().min(0), wait_ms: z.number().int().min(0).max(20_000).default(10_000) }),
    output: commandView, errors: ['UNAVAILABLE', 'FORBIDDEN'],
  }),
  /** Removes a computer that exists for a test only, with its files. Needs the right to manage it. */
  discard: defineRequest('sandbox.computer.discard', { owner: 'sandbox-manager', callers: ['agent'], idempotent: true, timeoutMs: 60_000, input: z.object(one), output: z.object({}), errors: ['FORBIDDEN', 'UNAVAILABLE'] }),
  /** Kills a command's whole process tree, also what it daemonised. `gone` within 3 s, or the computer is restarted. */
  kill: defineRequest('sandbox.{computer_id}.kill', { ...byUsers, idempotent: true, timeoutMs: 10_000, attemptMs: 6_000, input: z.object({ ...one, call_id: z.string() }), output: z.object({ gone: z.boolean() }), errors: ['UNAVAILABLE', 'FORBIDDEN'] }),
  /**
   * From the manager that was asked to the one that owns the computer or shares a host with its files. The grant was
   * checked by the first. Asked again with the same `request_id`, it answers what the first one comes to.
   */
  manage: defineRequest('sandbox.{manager_id}.manage', {
    owner: 'sandbox-manager', callers: ['sandbox-manager'], idempotent: true, timeoutMs: 4_000, attemptMs: 4_000,
    input: z.object({ manager_id: z.string(), computer_id: z.string(), request_id: z.string(), verb: z.enum(['start', 'stop', 'restart', 'remove']) }), output: computerView.nullable(),
    errors: ['NOT_FOUND', 'FORBIDDEN', 'UNAVAILABLE'],
  }),
  /** For administrators. */
  list: defineRequest('sandbox.computer.list', {
    owner: 'sandbox-manager', callers: ['gateway'], idempotent: true, input: z.object({}),
    output: z.array(computerView.extend({ conversation_id: z.string(), user_id: z.string(), container_id: z.string().nullable(), last_used_at: z.string() })),
  }),
} as const;
