import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { usageAtTheEnd } from './answer-end.ts';

const usage = { prompt_tokens: 3, completion_tokens: 4 };
const awkward = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('usage', '"usage"', '"usage":{}', '\\"usage":1}', 'x","usage":{"prompt_tokens":9}}', '\\', '\\\\"'));
const value = fc.letrec((tie) => ({
  any: fc.oneof({ depthSize: 'small' }, awkward, fc.integer(), fc.constant(null), fc.array(tie('any'), { maxLength: 3 }), fc.dictionary(fc.oneof(awkward, fc.constant('usage')), tie('any'), { maxKeys: 3 })),
})).any;
const fields = fc.array(fc.tuple(fc.oneof(awkward, fc.constantFrom('choices', 'service_tier')), value), { maxLength: 4 });

describe('the end of an answer', () => {
  it('says its usage as the whole answer does, or nothing', () => {
    let said = 0;
    fc.assert(fc.property(fields, fields, fc.boolean(), (before, after, stated) => {
      const answer = Object.fromEntries([...before, ...(stated ? [['usage', usage] as const] : []), ...after]);
      const end = usageAtTheEnd(JSON.stringify(answer));
      if (end === undefined) return;
      said++;
      expect(end.usage).toEqual(answer.usage);
    }), { numRuns: 3_000 });
    expect(said).toBeGreaterThan(300);
  });

  it.each([
    ['behind everything', `{"id":"x","usage":{"prompt_tokens":3}}`, { prompt_tokens: 3 }], ['before other fields', `{"id":"x", "usage" : {"prompt_tokens":3}, "service_tier":"default"}\n`, { prompt_tokens: 3 }],
    ['of a part only', '{"choices":[{"usage":{"prompt_tokens":3}}]}', undefined], ['within a text', '{"text":"\\"usage\\":{}"}', undefined], ['as a text', '{"type":"usage"}', undefined], ['nowhere', '{"id":"x"}', undefined],
    ['far from the end', `{"usage":{},"text":"${'x'.repeat(5_000)}"}`, undefined], ['of an answer that is cut', '{"id":"x","usage":{"prompt_tokens":3}', undefined], ['of no answer', '<a "usage":1}', undefined],
  ])('%s', (_, answer, expected) => expect(usageAtTheEnd(answer)?.usage).toEqual(expected));
});
