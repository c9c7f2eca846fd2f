import type { CommandOutcome } from '@deskhand/contracts';

/** How a command ended when it did not end by itself, as a line for its output; null when it did. */
export function describeEnding(outcome: CommandOutcome, timeoutMs: number): string | null {
  if (outcome.contained !== undefined) return `[ended by the computer: ${outcome.contained}]`;
  if (outcome.timed_out) return `[timed out after ${timeoutMs / 1_000} seconds; everything it started was ended]`;
  if (outcome.killed) return '[ended because somebody asked for it]';
  if (outcome.signal !== null) return `[ended by signal ${outcome.signal}]`;
  return null;
}

/** `line` on a line of its own after `output`. */
export function asLastLine(output: string, line: string): string {
  return `${output === '' || output.endsWith('\n') ? '' : '\n'}${line}\n`;
}
