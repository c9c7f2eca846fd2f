import type { SeenCall } from './conversation-view.ts';

/** What a scripted model says at one point of its script. */
export interface Beat {
  reasoning?: string;
  text: string;
  calls?: readonly { name: string; arguments: Record<string, unknown> }[];
}

/** A step of the tour. */
export interface Step {
  beat: Beat;
  /** Needs the desktop: left out without the computer tool, and once such a step did not work. */
  desktop?: true;
}

/** A call of an earlier answer with what came of it; `result` is null when none was given. */
export interface DoneCall extends SeenCall {
  result: { text: string; isError: boolean } | null;
}

/** The first lines of a result, short enough to quote. */
export function quote(text: string, lines = 3): string {
  const kept = text.trim().split('\n').slice(0, lines).map((line) => line.slice(0, 160));
  return kept.map((line) => `> \`${line.replaceAll('`', "'")}\``).join('\n>\n');
}

/** A person said no. Told by the words of the result's first line, since not every format marks a failed call. */
export const wasDenied = (call: DoneCall): boolean => /\b(denied|declined|did not allow|not allowed|said no)\b/i.test((call.result?.text ?? '').trimStart().split('\n', 1)[0] ?? '');
export const wasInterrupted = (call: DoneCall): boolean => call.result?.isError === true && /\binterrupted\b|was not run/i.test(call.result.text);
/** Somebody took over in the middle: it may have been done, or not. */
export const wasBrokenOff = (call: DoneCall): boolean => call.result?.isError === true && call.result.text.includes('[interrupted before its result was known]');
