import type { IncomingHttpHeaders } from 'node:http';
import { count, isRecord } from '../token-usage.ts';
import { WireError } from '../wire-format.ts';
import type { EmbeddingRequest } from './embedding-request.ts';

/** How a provider is asked for embeddings: in OpenAI's format, so that bytes pass, or in one of its own. */
export type EmbeddingFormat = 'openai' | 'titan' | 'cohere' | 'vertex';

/** A format of embeddings that is not OpenAI's. */
export interface EmbeddingSide {
  /** Texts that one call takes. */
  atOnce(model: string): number;
  /** Throws `WireError` for what the format cannot say. */
  write(texts: readonly string[], asked: EmbeddingRequest, model: string): Record<string, unknown>;
  /** Null: this is no answer of the format. Tokens are null where it does not count them. */
  read(answer: unknown, headers: IncomingHttpHeaders): { vectors: number[][]; tokens: number | null } | null;
}

const isVector = (value: unknown): value is number[] => Array.isArray(value) && value.length > 0 && value.every((part) => typeof part === 'number');
const isVectors = (value: unknown): value is number[][] => Array.isArray(value) && value.every(isVector);
const optional = (name: string, value: unknown): Record<string, unknown> => (value === null || value === undefined ? {} : { [name]: value });

/** Amazon's own models. The first ones have one size. */
const titan: EmbeddingSide = {
  atOnce: () => 1,
  write([inputText], { dimensions, body }, model) {
    const first = /titan-embed-(text-v1|g1)/.test(model);
    if (first && dimensions !== null) throw new WireError('bad-request', `${model} has vectors of one size: leave dimensions out.`, 'dimensions');
    return { inputText, ...(!first && { ...optional('dimensions', dimensions), ...optional('normalize', body.normalize) }) };
  },
  read: (answer) => (isRecord(answer) && isVector(answer.embedding) ? { vectors: [answer.embedding], tokens: count(answer.inputTextTokenCount) ?? null } : null),
};

/** Cohere's, which wants to know what the texts are for. */
const cohere: EmbeddingSide = {
  atOnce: () => 96,
  write(texts, { dimensions, body }, model) {
    if (dimensions !== null && /embed-(english|multilingual)/.test(model)) throw new WireError('bad-request', `${model} has vectors of one size: leave dimensions out.`, 'dimensions');
    return { texts, input_type: body.input_type ?? 'search_document', ...optional('truncate', body.truncate), ...optional('output_dimension', dimensions) };
  },
  read(answer, headers) {
    const given = isRecord(answer) ? answer.embeddings : null;
    const vectors = isRecord(given) ? given.float : given;
    const tokens = Number(headers['x-amzn-bedrock-input-token-count']);
    return isVectors(vectors) ? { vectors, tokens: Number.isInteger(tokens) && tokens > 0 ? tokens : null } : null;
  },
};

const vertex: EmbeddingSide = {
  atOnce: (model) => (model.includes('gemini-embedding') ? 1 : 100),
  write(texts, { dimensions, body }) {
    return { instances: texts.map((content) => ({ content, ...optional('task_type', body.task_type) })), ...(dimensions !== null && { parameters: { outputDimensionality: dimensions } }) };
  },
  read(answer) {
    if (!isRecord(answer) || !Array.isArray(answer.predictions)) return null;
    const each = answer.predictions.map((prediction: unknown) => (isRecord(prediction) && isRecord(prediction.embeddings) ? prediction.embeddings : {}));
    const vectors = each.map(({ values }) => values);
    const tokens = each.map(({ statistics }) => (isRecord(statistics) ? count(statistics.token_count) : undefined));
    return isVectors(vectors) ? { vectors, tokens: tokens.includes(undefined) ? null : tokens.reduce<number>((sum, some) => sum + (some ?? 0), 0) } : null;
  },
};

export const embeddingSides: Record<Exclude<EmbeddingFormat, 'openai'>, EmbeddingSide> = { titan, cohere, vertex };
