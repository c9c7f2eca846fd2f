import fc from 'fast-check';

/** A model's answer as the tests see it, in no vendor's words. */
export interface SaidTurn {
  blocks: readonly SaidBlock[];
  stop: 'end' | 'length' | 'tools' | 'refusal';
  /** Every input token once: fresh, from a cache, into a cache. */
  usage: { fresh: number; read: number; written: number; output: number; reasoning: number };
}

export type SaidBlock =
  | { type: 'reasoning'; text: string }
  | { type: 'text'; text: string }
  /** `input`: JSON text. */
  | { type: 'call'; id: string; name: string; input: string };

/** The order in which pieces of calls come: each number names a call, by turns. */
export type Interleaving = readonly number[];

export function piecesOf(text: string, size = 3): string[] {
  const letters = Array.from(text);
  return Array.from({ length: Math.ceil(letters.length / size) }, (_, index) => letters.slice(index * size, (index + 1) * size).join(''));
}

/** The events of a stream, their data parsed. */
export function eventsOf(stream: string): Record<string, any>[] {
  const events: Record<string, any>[] = [];
  for (const block of stream.split('\n\n')) {
    const lines = block.split('\n').filter((line) => line !== '' && !line.startsWith(':'));
    if (lines.length === 0) continue;
    const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6)).join('\n');
    if (data === '[DONE]') events.push({ type: '[DONE]' });
    else events.push({ ...(JSON.parse(data) as object), ...(lines[0]?.startsWith('event: ') && { event: lines[0].slice(7) }) });
  }
  return events;
}

const words = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
const json = fc.dictionary(fc.string({ maxLength: 6 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }).map((value) => JSON.stringify(value));
/** Turns of every make: thoughts, words, calls by several. */
export const saidTurns: fc.Arbitrary<SaidTurn> = fc.record({
  reasoning: fc.option(words, { nil: null }), text: fc.option(words, { nil: null }), calls: fc.array(json, { maxLength: 4 }),
  stop: fc.constantFrom('end', 'length', 'refusal' as const),
  usage: fc.record({ fresh: fc.nat(9_999), read: fc.nat(9_999), written: fc.nat(999), output: fc.nat(999) }),
}).map(({ reasoning, text, calls, stop, usage }): SaidTurn => ({
  blocks: [
    ...(reasoning === null ? [] : [{ type: 'reasoning' as const, text: reasoning }]), ...(text === null ? [] : [{ type: 'text' as const, text }]),
    ...calls.map((input, index): SaidBlock => ({ type: 'call', id: `call_${index}`, name: `tool_${index}`, input })),
  ],
  stop: calls.length > 0 ? 'tools' : stop, usage: { ...usage, reasoning: Math.floor(usage.output / 2) },
}));
