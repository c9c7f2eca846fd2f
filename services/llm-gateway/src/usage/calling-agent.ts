import type { IncomingHttpHeaders } from 'node:http';

const programs: readonly (readonly [RegExp, string])[] = [[/^claude-(cli|code)\b/i, 'claude-code'], [/^codex\b|^codex_/i, 'codex'], [/^opencode\b/i, 'opencode'], [/^aider\b/i, 'aider']];

/** Which coding agent sends a request, by what it calls itself; null when that is none of those known. */
export function callingAgent({ 'user-agent': name, originator }: IncomingHttpHeaders): string | null {
  for (const text of [name, originator]) if (typeof text === 'string') for (const [pattern, agent] of programs) if (pattern.test(text)) return agent;
  return null;
}
