import { z } from 'zod';
import { image } from './content.ts';
import { defineEvent, defineRequest } from './contract.ts';

/** Pixels of a desktop. Fixed: what a model is shown is what it points at, one to one. */
export const desktopSize = { width: 1280, height: 800 } as const;

const x = z.number().int().min(0).max(desktopSize.width - 1);
const y = z.number().int().min(0).max(desktopSize.height - 1);
/** From the top left corner of the screen, in pixels. Outside it is an error, never moved to the edge. */
export const point = z.object({ x, y });
const where = { at: point.optional() };
const modifiers = { modifiers: z.array(z.enum(['ctrl', 'shift', 'alt', 'super'])).max(4).optional() };
export const mouseButton = z.enum(['left', 'middle', 'right']);
const button = { button: mouseButton.default('left') };
/** Key names as people write them, joined by `+`: `ctrl+shift+t`, `Return`, `F5`, `ü`. */
const keys = { keys: z.string().min(1).max(100) };

/** One thing done to a desktop. Without `at` the pointer stays where it is. */
export const desktopAction = z.discriminatedUnion('action', [
  z.object({ action: z.literal('screenshot') }),
  /** A part of the screen, `[left, top, right, bottom]`, scaled up. */
  z.object({ action: z.literal('zoom'), region: z.tuple([x, y, z.number().int().min(1).max(desktopSize.width), z.number().int().min(1).max(desktopSize.height)]) }),
  z.object({ action: z.literal('cursor_position') }),
  z.object({ action: z.literal('move'), at: point }),
  z.object({ action: z.literal('click'), ...where, ...button, count: z.number().int().min(1).max(3).default(1), ...modifiers }),
  z.object({ action: z.literal('press'), ...where, ...button }),
  z.object({ action: z.literal('release'), ...where, ...button }),
  z.object({ action: z.literal('drag'), path: z.array(point).min(2).max(100), ...button, ...modifiers }),
  /** `amount` in notches of a wheel. */
  z.object({ action: z.literal('scroll'), ...where, direction: z.enum(['up', 'down', 'left', 'right']), amount: z.number().int().min(1).max(50).default(3), ...modifiers }),
  z.object({ action: z.literal('type'), text: z.string().min(1).max(20_000) }),
  z.object({ action: z.literal('key'), ...keys, repeat: z.number().int().min(1).max(100).default(1) }),
  z.object({ action: z.literal('hold_key'), ...keys, duration_ms: z.number().int().min(1).max(30_000) }),
  z.object({ action: z.literal('wait'), duration_ms: z.number().int().min(1).max(30_000) }),
]);
export type DesktopAction = z.output<typeof desktopAction>;

/**
 * settled: the screen changed and came to rest · nochange: nothing changed within 400 ms · cap: it was still changing
 * after two seconds (a video, a page that loads).
 */
export const settleOutcome = z.enum(['settled', 'nochange', 'cap']);

export const desktopView = z.object({
  /** done: `image` shows the screen after it · driven: a person drives, nothing was done, ask again · unknown: an earlier attempt may have done it. */
  state: z.enum(['done', 'driven', 'unknown']),
  settle: settleOutcome.optional(),
  /** The screen with its pointer (JPEG), or the zoomed part (PNG). */
  image: image.optional(),
  cursor: point.optional(),
  duration_ms: z.number().optional(),
  /** What happened to the desktop by itself since the last answer, in words: it was started again, a program ended. */
  notices: z.array(z.string()).optional(),
});
export type DesktopView = z.infer<typeof desktopView>;

/** Who drives a desktop. `client_id` is a tab that asked; null when it did not say. */
export const desktopLease = z.object({ holder: z.string(), client_id: z.string().nullable(), epoch: z.number().int(), until: z.string() });
export type DesktopLease = z.infer<typeof desktopLease>;

/** What a person did while driving: numbers only, never what was typed. */
export const drivenSummary = z.object({ clicks: z.number().int(), keys: z.number().int(), scrolls: z.number().int(), pasted: z.number().int(), seconds: z.number() });
export type DrivenSummary = z.infer<typeof drivenSummary>;
/** Why a lease ended. */
export const leaseEnd = z.enum(['released', 'expired', 'idle', 'closed', 'handed-over']);

const one = { computer_id: z.string(), grant: z.string() };

/** Answered by the manager that owns the computer. */
export const desktop = {
  /** Does one thing once: the same `call_id` again does nothing and answers what came of it. `BAD_INPUT`: cannot be done, nothing was. `UNAVAILABLE`: certainly not done. */
  act: defineRequest('sandbox.{computer_id}.act', {
    owner: 'sandbox-manager', callers: ['agent'], idempotent: true, timeoutMs: 60_000, attemptMs: 40_000,
    input: z.object({ ...one, conversation_id: z.string(), call_id: z.string().min(1).max(128), action: desktopAction }), output: desktopView, errors: ['UNAVAILABLE', 'FORBIDDEN', 'BAD_INPUT'],
  }),
  /**
   * Joins a viewer: the manager checks and uses up the ticket (a grant with `desktop:view` or `desktop:control`), dials the
   * gateway's data plane at `host:port`, says `token`, and from then on speaks RFB there.
   */
  watch: defineRequest('sandbox.{computer_id}.watch', {
    owner: 'sandbox-manager', callers: ['gateway'], timeoutMs: 20_000,
    input: z.object({ computer_id: z.string(), ticket: z.string(), host: z.string(), port: z.number().int(), token: z.string().min(32) }), output: z.object({}), errors: ['UNAVAILABLE', 'FORBIDDEN', 'NOT_FOUND'],
  }),
  /** What the person of this lease has done so far. */
  driven: defineRequest('sandbox.{computer_id}.driven', {
    owner: 'sandbox-manager', callers: ['conversations'], timeoutMs: 1_500,
    input: z.object({ computer_id: z.string(), epoch: z.number().int() }), output: drivenSummary, errors: ['NOT_FOUND'],
  }),
} as const;

const user = { user_id: z.string(), conversation_id: z.string() };

/** Kept by `conversations`: one row a desktop, an epoch that only grows. */
export const leases = {
  /**
   * Takes the desktop when nobody drives. Held by somebody: `CONFLICT` with `{holder, epoch, until}` in the details, unless it is the same
   * `client_id` or the current `epoch` that asks, which renews it. `ask` tells the holder that somebody wants it. A stale `epoch` is `STALE_EPOCH`.
   */
  take: defineRequest('conversations.lease.take', {
    owner: 'conversations', callers: ['gateway'], idempotent: true,
    input: z.object({ ...user, client_id: z.string().min(1).max(100).optional(), epoch: z.number().int().optional(), ask: z.boolean().optional() }), output: desktopLease, errors: ['NOT_FOUND', 'CONFLICT', 'STALE_EPOCH'],
  }),
  /** Gives it back; `to` hands it to the client that asked for it. Releasing what nobody holds is fine; with a stale `epoch` it is `STALE_EPOCH`. */
  release: defineRequest('conversations.lease.release', {
    owner: 'conversations', callers: ['gateway'], idempotent: true,
    input: z.object({ ...user, client_id: z.string().optional(), epoch: z.number().int().optional(), to: z.string().optional() }), output: z.object({}), errors: ['NOT_FOUND', 'STALE_EPOCH'],
  }),
  /** Who drives a conversation's desktop. */
  of: defineRequest('conversations.lease.get', { owner: 'conversations', callers: ['gateway'], idempotent: true, input: z.object(user), output: z.object({ lease: desktopLease.nullable() }), errors: ['NOT_FOUND'] }),
  /** The manager asks when it begins to look after a computer. `epoch` is of the last turn, 0 before the first. */
  current: defineRequest('conversations.lease.current', { owner: 'conversations', callers: ['sandbox-manager'], idempotent: true, input: z.object({ computer_id: z.string() }), output: z.object({ lease: desktopLease.nullable(), epoch: z.number().int() }) }),
  /** The manager ends it: the holder's last viewer is gone, or did nothing for long. */
  end: defineRequest('conversations.lease.end', {
    owner: 'conversations', callers: ['sandbox-manager'], idempotent: true, input: z.object({ computer_id: z.string(), epoch: z.number().int(), reason: z.enum(['idle', 'closed']), driven: drivenSummary }), output: z.object({}),
  }),
} as const;

/** For the manager, beside the durable `desktop-lease-changed` of the timeline. `epoch` is of the last lease when there is none now. */
export const leaseChanged = defineEvent('lease.{computer_id}.changed', {
  owner: 'conversations', consumers: ['sandbox-manager'], data: z.object({ computer_id: z.string(), epoch: z.number().int(), lease: desktopLease.nullable() }),
});
