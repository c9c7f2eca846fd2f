import { isModelName, WireError } from '../wire-format.ts';

/** A text, or a text as tokens of OpenAI's. */
export type EmbeddingInput = string | readonly number[];

/** What a request for embeddings asks. */
export interface EmbeddingRequest {
  model: string;
  inputs: readonly EmbeddingInput[];
  encoding: 'float' | 'base64';
  dimensions: number | null;
  /** The client's own body, for what only some providers know (`input_type`, `task_type`). */
  body: Readonly<Record<string, unknown>>;
}

const mostInputs = 2_048;

/** Throws `WireError`. */
export function readEmbeddingRequest(body: Record<string, unknown>): EmbeddingRequest {
  if (!isModelName(body.model)) throw new WireError('bad-request', 'The field model must name a model; GET /v1/models lists them.', 'model');
  const inputs = inputsOf(body.input);
  if (inputs === null || inputs.length === 0 || inputs.length > mostInputs || inputs.some(({ length }) => length === 0)) throw new WireError('bad-request', `The field input must be a text, a list of at most ${mostInputs} texts, or the same as tokens; none may be empty.`, 'input');
  const { encoding_format: encoding = 'float', dimensions = null } = body;
  if (encoding !== null && encoding !== 'float' && encoding !== 'base64') throw new WireError('bad-request', 'The field encoding_format must be float or base64.', 'encoding_format');
  if (dimensions !== null && !(typeof dimensions === 'number' && Number.isInteger(dimensions) && dimensions > 0)) throw new WireError('bad-request', 'The field dimensions must be a number above 0.', 'dimensions');
  return { model: body.model, inputs, encoding: encoding ?? 'float', dimensions, body };
}

const isTokens = (value: unknown): value is number[] => Array.isArray(value) && value.every((token) => typeof token === 'number' && Number.isInteger(token) && token >= 0);

function inputsOf(input: unknown): EmbeddingInput[] | null {
  if (typeof input === 'string') return [input];
  if (!Array.isArray(input)) return null;
  if (input.length > 0 && isTokens(input)) return [input];
  return input.every((item) => typeof item === 'string' || isTokens(item)) ? input : null;
}

/** About how many tokens they are, for a provider that does not say. */
export function estimatedTokensOf(inputs: readonly EmbeddingInput[]): number {
  return inputs.reduce((sum, input) => sum + (typeof input === 'string' ? Math.ceil(Buffer.byteLength(input) / 4) : input.length), 0);
}
