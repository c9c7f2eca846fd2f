import type { Command, CommandOutcome } from '@deskhand/contracts';
import { z } from 'zod';
import { describeEnding } from './ending.ts';

const timeoutMs = 60_000;
/** UTF-16 units of old and new text that are kept for people; beyond it only the facts are. */
export const maximumShown = 60_000;

export const path = z.string().min(1).max(4_096).refine((text) => !text.includes('\0'), 'A path holds no NUL').describe('Path of the file; relative to /workspace unless it is absolute.');

/** A call of the file program that is part of every computer. */
export function fileCommand(verb: 'read' | 'write' | 'edit', file: string, options: readonly string[], stdin?: string): Omit<Command, 'call_id'> {
  return {
    argv: ['/opt/deskhand/bin/deskhand-file', verb, file.startsWith('-') ? `./${file}` : file, ...options],
    ...(stdin !== undefined && { stdin }),
    timeout_ms: timeoutMs,
    output_limit: verb === 'read' ? 60_000 : 400_000,
    descendants: 'kill',
  };
}

/** Words for a call that did not succeed; null when it did. */
export function describeFailure(output: string, outcome: CommandOutcome): string | null {
  const ending = describeEnding(outcome, timeoutMs);
  if (ending === null && outcome.exit_code === 0) return null;
  return [output.trim(), ending].filter((part) => part !== null && part !== '').join('\n') || 'The file could not be used, and nothing said why.';
}

const fileFacts = z.looseObject({
  path: z.string(),
  lines: z.number().optional(),
  occurrences: z.number().optional(),
  first_line: z.number().optional(),
  created: z.boolean().optional(),
  before: z.string().nullish(),
});
export type FileFacts = z.infer<typeof fileFacts>;

/** What the program says about a change it made; null when its line cannot be read. */
export function readFacts(output: string): FileFacts | null {
  const line = output.trim().split('\n').at(-1) ?? '';
  try {
    return fileFacts.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}

/** UTF-8 bytes that a text becomes. */
export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

export function lineCount(lines: number): string {
  return lines === 1 ? '1 line' : `${lines} lines`;
}
