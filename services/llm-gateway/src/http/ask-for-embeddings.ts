import type { IncomingHttpHeaders } from 'node:http';
import { failureWords } from '../outgoing/failure-words.ts';
import type { OutgoingHttp } from '../outgoing/outgoing-http.ts';
import { bytesWithoutKey, secretsWith } from '../providers/without-key.ts';
import type { AttemptFailure } from '../routing/failure.ts';
import type { ModelUpstream } from '../upstreams/upstream.ts';
import { bodyWith } from '../wire/body-edit.ts';
import { isEmbeddings, reencoded, statedTokens, writeEmbeddings } from '../wire/embeddings/embedding-answer.ts';
import { estimatedTokensOf, type EmbeddingRequest } from '../wire/embeddings/embedding-request.ts';
import { embeddingSides, type EmbeddingSide } from '../wire/embeddings/embedding-sides.ts';
import { openaiChat } from '../wire/openai-chat.ts';
import { readFailure } from '../wire/translate/read-failure.ts';
import { writeFailure } from '../wire/translate/write-failure.ts';
import { errorStatus, WireError } from '../wire/wire-format.ts';
import { retryAfter } from './retry-after.ts';

/** Calls at once where a provider takes few texts in one. */
const mostAtOnce = 8;

/** An answer for the client. */
export interface Embeddings {
  body: Buffer;
  /** Null: the provider did not say. */
  tokens: number | null;
  firstByteMs: number;
}

/** No embeddings: what to tell the client, and what it means for the next attempt. */
export class EmbeddingsRefused extends Error {
  override readonly name = 'EmbeddingsRefused';

  /** `status`: the provider's own; null: it did not answer. */
  constructor(readonly failure: AttemptFailure, readonly status: number | null, readonly answerStatus: number, readonly body: Buffer) {
    super('The provider gave no embeddings');
  }
}

interface Surroundings {
  gone: AbortSignal;
  firstByteMs: number;
  answerBytes: number;
  /** Of `performance.now()`. */
  started: number;
}

/** Asks one provider once. Rejects with `EmbeddingsRefused`, or `WireError` for what its format cannot say. */
export async function askForEmbeddings(outgoing: OutgoingHttp, upstream: ModelUpstream, asked: EmbeddingRequest, raw: Buffer, surroundings: Surroundings): Promise<Embeddings> {
  const { embeddings } = upstream;
  if (embeddings === null) throw new WireError('bad-request', `The model ${upstream.model} has no embeddings.`, 'model');
  return embeddings === 'openai' ? askInOpenAiFormat(outgoing, upstream, asked, raw, surroundings) : askInPieces(outgoing, upstream, embeddingSides[embeddings], asked, surroundings);
}

async function askInOpenAiFormat(outgoing: OutgoingHttp, upstream: ModelUpstream, asked: EmbeddingRequest, raw: Buffer, surroundings: Surroundings): Promise<Embeddings> {
  const { body } = asked;
  const bytes = bodyWith(raw, body as Record<string, unknown>, upstream.bodyChanges('embeddings', body, {}));
  const answer = await exchange(outgoing, upstream, bytes, surroundings);
  const { parsed } = answer;
  if (!isEmbeddings(parsed)) throw failed(new WireError('upstream', 'The provider answered with something that is no embeddings. Check the endpoint URL.'), 'internal');
  const turned = reencoded(parsed, asked.encoding);
  return { body: turned === null ? answer.bytes : Buffer.from(JSON.stringify(turned)), tokens: statedTokens(parsed), firstByteMs: answer.firstByteMs };
}

/** Several calls, a few at a time, for one answer. */
async function askInPieces(outgoing: OutgoingHttp, upstream: ModelUpstream, side: EmbeddingSide, asked: EmbeddingRequest, surroundings: Surroundings): Promise<Embeddings> {
  const texts = asked.inputs.map((input) => {
    if (typeof input === 'string') return input;
    throw new WireError('bad-request', `${upstream.model} takes texts, not tokens.`, 'input');
  });
  const size = side.atOnce(upstream.model);
  const pieces = Array.from({ length: Math.ceil(texts.length / size) }, (_, index) => texts.slice(index * size, (index + 1) * size));
  const results: { vectors: number[][]; tokens: number | null }[] = [];
  let [next, firstByteMs] = [0, Infinity];
  const broken = new AbortController();
  const gone = AbortSignal.any([surroundings.gone, broken.signal]);
  const work = async (): Promise<void> => {
    for (let index = next++; index < pieces.length; index = next++) {
      const piece = pieces[index]!;
      const bytes = Buffer.from(JSON.stringify(side.write(piece, asked, upstream.model)));
      const answer = await exchange(outgoing, upstream, bytes, { ...surroundings, gone });
      const read = side.read(answer.parsed, answer.headers);
      if (read === null || read.vectors.length !== piece.length) throw failed(new WireError('upstream', 'The provider answered with something that is no embeddings.'), 'internal');
      results[index] = { vectors: read.vectors, tokens: read.tokens };
      firstByteMs = Math.min(firstByteMs, answer.firstByteMs);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(mostAtOnce, pieces.length) }, work));
  } catch (error) {
    broken.abort();
    throw error;
  }
  const tokens = results.some((result) => result.tokens === null) ? null : results.reduce((sum, result) => sum + (result.tokens ?? 0), 0);
  const body = writeEmbeddings(results.flatMap(({ vectors }) => vectors), asked.model, asked.encoding, tokens ?? estimatedTokensOf(texts));
  return { body: Buffer.from(JSON.stringify(body)), tokens, firstByteMs };
}

interface Exchanged {
  headers: IncomingHttpHeaders;
  bytes: Buffer;
  parsed: unknown;
  firstByteMs: number;
}

async function exchange(outgoing: OutgoingHttp, upstream: ModelUpstream, body: Buffer, { gone, firstByteMs, answerBytes, started }: Surroundings): Promise<Exchanged> {
  const { origin, path, headers } = await prepared(upstream, body);
  const own = { 'content-type': 'application/json', accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'deskhand' };
  const answer = await outgoing.exchange(origin, { path, headers: { ...own, ...headers }, body, headersTimeout: firstByteMs }, answerBytes, gone).catch((error: unknown) => {
    const late = ['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'].includes(String((error as { code?: unknown }).code));
    throw failed(new WireError(late ? 'timeout' : 'upstream', failureWords(error, outgoing.timeouts)), late ? 'timeout' : 'unreachable');
  });
  const bytes = secretsWith(upstream.secrets, headers).reduce<Buffer>((clean, secret) => bytesWithoutKey(clean, secret), answer.body);
  const parsed = parse(bytes);
  if (answer.status >= 200 && answer.status < 300) return { headers: answer.headers, bytes, parsed, firstByteMs: performance.now() - started };
  if (answer.status < 400) throw failed(new WireError('upstream', `The provider redirects to another address (HTTP ${answer.status}), which is not followed.`), 'internal', answer.status);
  const failure = readFailure('openai-chat', answer.status, parsed ?? bytes.toString('utf8'));
  const told = upstream.embeddings === 'openai' && parsed !== undefined ? { status: answer.status, body: bytes } : asJson(writeFailure('openai-chat', failure));
  throw new EmbeddingsRefused({ kind: failure.kind, byWords: failure.byWords, retryAfterMs: retryAfter(answer.headers['retry-after']) }, answer.status, told.status, told.body);
}

/** A token that cannot be had is a provider that cannot be asked. */
async function prepared(upstream: ModelUpstream, body: Buffer) {
  try {
    return await upstream.prepare({ endpoint: 'embeddings', format: 'openai-chat', stream: false, body, clientHeaders: {} });
  } catch (error) {
    throw error instanceof WireError ? failed(error, 'unreachable') : error;
  }
}

const asJson = ({ status, body }: { status: number; body: object }): { status: number; body: Buffer } => ({ status, body: Buffer.from(JSON.stringify(body)) });
const errorBody = (error: WireError): Buffer => Buffer.from(JSON.stringify(openaiChat.errorBody(error)));
const failed = (error: WireError, kind: AttemptFailure['kind'], status: number | null = null): EmbeddingsRefused => new EmbeddingsRefused({ kind, retryAfterMs: null }, status, errorStatus[error.kind], errorBody(error));

/** What no provider was asked for in the end: a request that its format cannot say. */
export function refusedHere(error: unknown): EmbeddingsRefused {
  return error instanceof WireError ? failed(error, 'bad-request') : failed(new WireError('internal', 'The model gateway could not ask for this.'), 'internal');
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
