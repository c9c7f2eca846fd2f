import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyFilter } from './key-filter.ts';

const key = 'sk-canary-openai-key';

function through(pieces: readonly string[], keys: readonly string[] = [key]): string[] {
  const filter = new KeyFilter(keys);
  return [...pieces.map((piece) => filter.push(Buffer.from(piece, 'latin1')).toString('latin1')), filter.end().toString('latin1')];
}

describe('keys in a stream', () => {
  it('are taken out wherever it is cut, and nothing else is changed', () => {
    const part = fc.constantFrom(key, 'sk-', 's', 'sk-canary-open', 'text', '\n\n', 'data: {"a":"', 'é', 'sk-second-key-sk-s');
    fc.assert(fc.property(fc.array(part, { maxLength: 8 }), fc.array(fc.nat(60), { maxLength: 12 }), (parts, cuts) => {
      const text = parts.join('');
      const pieces: string[] = [];
      let at = 0;
      for (const size of [...cuts, text.length]) pieces.push(text.slice(at, (at += size)));
      expect(through(pieces, [key, 'sk-second-key-sk-s']).join('')).toBe(text.replaceAll(key, '[key]').replaceAll('sk-second-key-sk-s', '[key]'));
    }), { numRuns: 2_000 });
  });

  it('wait only where one may begin', () => {
    expect(through(['data: a\n\n', 'and no more', `begin ${key.slice(0, 5)}`, key.slice(5), 's', 'o\n'])).toEqual(['data: a\n\n', 'and no more', 'begin ', '[key]', '', 'so\n', '']);
    expect(through(['as s'], ['short'])).toEqual(['as s', '']);
  });
});
