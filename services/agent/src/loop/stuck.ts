import type { Message, ToolResultBlock } from '@deskhand/contracts';
import { resultsById } from './history.ts';

/** Steps in a row that did the same and got the same, after which a run is stuck. */
export const stuckAfter = 4;

/**
 * Whether the run's last steps were all one: the same tools with the same arguments and the same results. A call that
 * was cut off tells nothing about the model, so it never counts.
 */
export function isStuck(history: readonly Message[], runId: string): boolean {
  const results = resultsById(history);
  const steps = history.filter((message) => message.run_id === runId && message.role === 'assistant' && !message.cut).slice(-stuckAfter);
  if (steps.length < stuckAfter) return false;
  const seen = new Set(steps.map((step) => signature(step, results)));
  return seen.size === 1 && !seen.has(null);
}

function signature(step: Message, results: ReadonlyMap<string, ToolResultBlock>): string | null {
  const calls = step.blocks.filter((block) => block.type === 'tool_call');
  if (calls.length === 0) return null;
  const parts: unknown[] = [];
  for (const call of calls) {
    const result = results.get(call.tool_call_id);
    if (result === undefined || result.interrupted === true) return null;
    parts.push([call.name, sorted(call.arguments), call.invalid_arguments, result.is_error, result.result.exit_code, result.result.output, result.result.images?.map(({ blob }) => blob)]);
  }
  return JSON.stringify(parts);
}

/** The same value with keys in one order, so that equal arguments compare equal. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([key, item]) => [key, sorted(item)]));
}
