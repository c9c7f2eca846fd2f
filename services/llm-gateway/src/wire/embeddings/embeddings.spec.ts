import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64Of, isEmbeddings, reencoded, vectorOf } from './embedding-answer.ts';
import { estimatedTokensOf, readEmbeddingRequest } from './embedding-request.ts';
import { embeddingSides } from './embedding-sides.ts';

describe('vectors', () => {
  it('are the same after base64, in 32 bits', () => {
    fc.assert(fc.property(fc.array(fc.float({ noNaN: true })), (vector) => { expect(vectorOf(base64Of(vector))).toEqual(vector); }));
    // As OpenAI writes 1 and -2.
    expect(base64Of([1, -2])).toBe('AACAPwAAAMA=');
  });

  it('are turned into the encoding that was asked for, and else left alone', () => {
    const floats = { object: 'list', data: [{ index: 0, embedding: [1, -2] }], usage: { prompt_tokens: 1 } };
    expect(reencoded(floats, 'float')).toBeNull();
    expect(reencoded(floats, 'base64')).toEqual({ ...floats, data: [{ index: 0, embedding: 'AACAPwAAAMA=' }] });
    expect(reencoded({ data: [{ embedding: 'AACAPwAAAMA=' }] }, 'float')).toEqual({ data: [{ embedding: [1, -2] }] });
    for (const odd of [null, [], {}, { data: {} }, { data: [null] }, { data: [{ embedding: 1 }] }]) expect(isEmbeddings(odd)).toBe(false);
  });
});

describe('requests', () => {
  it('are texts or tokens, one or several', () => {
    const inputs = (input: unknown) => readEmbeddingRequest({ model: 'm', input }).inputs;
    expect([inputs('a'), inputs(['a', 'b']), inputs([1, 2]), inputs([[1], [2, 3]])]).toEqual([['a'], ['a', 'b'], [[1, 2]], [[1], [2, 3]]]);
    expect(estimatedTokensOf(['12345', [1, 2, 3]])).toBe(5);
  });

  it('have vectors of one size where a model has', () => {
    const asked = readEmbeddingRequest({ model: 'm', input: 'a', dimensions: 256 });
    expect(() => embeddingSides.titan.write(['a'], asked, 'amazon.titan-embed-text-v1')).toThrow(/one size/);
    expect(embeddingSides.cohere.write(['a'], asked, 'cohere.embed-v4:0')).toMatchObject({ output_dimension: 256 });
  });

  it('read answers of Cohere in both shapes, and nothing else', () => {
    expect(embeddingSides.cohere.read({ embeddings: { float: [[1]] } }, {})).toEqual({ vectors: [[1]], tokens: null });
    expect(embeddingSides.cohere.read({ embeddings: { int8: [[1]] } }, {})).toBeNull();
    expect(embeddingSides.vertex.read({ predictions: [{}] }, {})).toBeNull();
    expect(embeddingSides.titan.read({ embedding: ['1'] }, {})).toBeNull();
  });
});
