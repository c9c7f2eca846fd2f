import { percentile } from '../benchmark.ts';
import type { Program } from './pinned-program.ts';

/** What to ask of whom, how often or how long, with how many callers at once. */
export interface LoadOrder {
  port: number;
  path: string;
  headers: Record<string, string>;
  body: string;
  width: number;
  calls?: number;
  seconds?: number;
  /** An answer of fewer bytes is a failed one. */
  leastBytes: number;
}

export interface LoadOutcome {
  calls: number;
  failed: number;
  seconds: number;
  /** Milliseconds to the first byte of each answer's body, and to its end. */
  firstByteMs: number[];
  wholeMs: number[];
}

/** Has the load program carry out an order. Throws when more than a hundredth of the calls failed. */
export async function put(load: Program, order: LoadOrder): Promise<LoadOutcome> {
  const outcome = await load.ask<LoadOutcome>(order);
  if (outcome.failed > outcome.calls / 100) throw new Error(`${outcome.failed} of ${outcome.calls} calls to ${order.path} failed`);
  return outcome;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);
