import type { TokenUsage } from './token-usage.ts';

export type TurnPart =
  | { type: 'reasoning'; text: string }
  | { type: 'text'; text: string }
  /** `arguments` is JSON text. */
  | { type: 'tool-call'; id: string; name: string; arguments: string };

/** What a model says in one call, in no vendor's format. */
export interface Turn {
  parts: readonly TurnPart[];
  stop: 'end' | 'tool-calls' | 'length';
  usage: TokenUsage;
}

export interface TurnHeading {
  id: string;
  model: string;
  /** Unix seconds. */
  created: number;
}

/** Cuts text as a model's tokens do: words with the space before them, long ones in pieces; joined again it is the same text. */
export function* pieces(text: string, longest = 12): Generator<string> {
  for (const [word] of text.matchAll(/\s*\S+|\s+$/g)) {
    const letters = Array.from(word);
    for (let at = 0; at < letters.length; at += longest) yield letters.slice(at, at + longest).join('');
  }
}
