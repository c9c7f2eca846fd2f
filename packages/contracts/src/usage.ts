import { z } from 'zod';
import { defineRequest } from './contract.ts';

/** What usage can be summed up by. Hours and days are of UTC. */
export const usageGroup = z.enum(['hour', 'day', 'user', 'conversation', 'agent', 'model', 'key', 'team']);
export type UsageGroup = z.infer<typeof usageGroup>;

/** A day (`2026-11-21`; as an end it is included whole) or a time with its zone; times count by the whole hour. */
export const usageTime = z.union([z.iso.date(), z.iso.datetime({ offset: true })]);

/** Sums over calls. Input tokens include those read from and written to caches; output tokens include reasoning. */
export const usageFigures = z.object({
  calls: z.number().int(),
  /** Calls that ended otherwise than complete. */
  failed_calls: z.number().int(),
  input_tokens: z.number().int(), cached_tokens: z.number().int(), cache_write_tokens: z.number().int(), output_tokens: z.number().int(), reasoning_tokens: z.number().int(),
  /** US dollars, of the calls whose price is known. */
  cost: z.number(),
  /** Calls that used tokens at a price nobody knows: not in `cost`. */
  unpriced_calls: z.number().int(),
});
export type UsageFigures = z.infer<typeof usageFigures>;

/** Figures of one group; only the fields it is grouped by are there. */
export const usageSum = usageFigures.extend({
  /** The hour's beginning, or the day. */
  hour: z.string().optional(),
  day: z.string().optional(),
  /** Whose calls; null: nobody's in particular, such as those with the gateway's own key. */
  user_id: z.string().nullable().optional(),
  conversation_id: z.string().nullable().optional(),
  /** Which program called, where it is known. */
  agent: z.string().nullable().optional(),
  /** `<provider>/<model>`. */
  model: z.string().optional(),
  /** A virtual key: its hash, its first and last letters, and its alias. */
  key: z.object({ hash: z.string(), name: z.string().nullable(), alias: z.string().nullable() }).nullable().optional(),
  team_id: z.string().nullable().optional(),
});
export type UsageSum = z.infer<typeof usageSum>;

export const usageFilter = z.object({ user_id: z.string().max(300), conversation_id: z.string().max(300), model: z.string().max(500), agent: z.string().max(100), key: z.string().max(100) }).partial();

export const mostUsageRows = 1_000;

export const usage = {
  /**
   * Usage between two times, summed up. Times first, then the most expensive. `limit` rows from `offset` on; `has_more` says that more follow. `total` is of
   * everything that matches, whatever the page. `BAD_INPUT`: a range that ends before it begins, or longer than 400 days.
   */
  report: defineRequest('llm.usage.report', {
    owner: 'llm-gateway', callers: ['gateway'], idempotent: true, timeoutMs: 20_000, attemptMs: 10_000,
    input: z.object({
      from: usageTime.optional(), to: usageTime.optional(), filter: usageFilter.default({}), group_by: z.array(usageGroup).max(3).default([]),
      limit: z.number().int().min(1).max(mostUsageRows).default(200), offset: z.number().int().min(0).max(1e9).default(0),
    }),
    output: z.object({ from: z.string(), to: z.string(), rows: z.array(usageSum), total: usageFigures, has_more: z.boolean() }),
    errors: ['BAD_INPUT'],
  }),
} as const;
