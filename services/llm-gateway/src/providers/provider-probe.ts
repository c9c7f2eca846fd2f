import { newId } from '@deskhand/contracts';
import { Inject, Injectable } from '@nestjs/common';
import { failureWords } from '../outgoing/failure-words.ts';
import { OutgoingHttp } from '../outgoing/outgoing-http.ts';
import { endpointOf, type ModelUpstream } from '../upstreams/upstream.ts';
import { estimatedInput, type CallOutcome, type ModelCall } from '../usage/model-call.ts';
import { UsageRecorder } from '../usage/usage-recorder.ts';
import { readEmbeddingRequest } from '../wire/embeddings/embedding-request.ts';
import { embeddingSides } from '../wire/embeddings/embedding-sides.ts';
import type { CalledFormat } from '../wire/formats.ts';
import { isRecord, noUsage } from '../wire/token-usage.ts';
import { translationBetween } from '../wire/translation.ts';
import { usageReaders } from '../wire/usage-readers.ts';
import { WireError } from '../wire/wire-format.ts';
import { withoutKey } from './without-key.ts';

/** A person waits for the answer; never longer than a call would. */
const longestProbeMs = 25_000;
const answerLimit = 64 * 1024;
/** Room for a model that reasons first. */
const outputTokens = 1_000;

/** Whose call a test is, and where it goes, as the books have it. */
export type TestedCall = Pick<ModelCall, 'run' | 'route' | 'group' | 'prices' | 'baseModel' | 'officialPrices'>;

interface Told {
  ok: boolean;
  message: string;
  /** Null: there was no answer. */
  httpStatus: number | null;
  answer: unknown;
}

/** Tries a provider out with the smallest call there is. */
@Injectable()
export class ProviderProbe {
  constructor(@Inject(OutgoingHttp) private readonly outgoing: OutgoingHttp, @Inject(UsageRecorder) private readonly recorder: UsageRecorder) {}

  /** In whatever format the provider speaks. A refusal is an answer, in the provider's own words. */
  async ask(upstream: ModelUpstream, mode: string | null, tested: TestedCall): Promise<{ ok: boolean; message: string; duration_ms: number }> {
    const started = performance.now();
    const { ok, message } = await this.attempt(upstream, mode, tested);
    return { ok, message: upstream.secrets.reduce(withoutKey, message), duration_ms: Math.round(performance.now() - started) };
  }

  private async attempt(upstream: ModelUpstream, mode: string | null, tested: TestedCall): Promise<{ ok: boolean; message: string }> {
    const { embeddings } = upstream;
    const embedding = mode === 'embedding';
    if (embedding && embeddings === null) return { ok: false, message: `Embeddings of ${upstream.provider} cannot be asked for here.` };
    const format = embedding ? 'openai-chat' : upstream.formatFor('openai-chat');
    const endpoint = embedding ? 'embeddings' : endpointOf[format];
    const limit = { [upstream.dialect.maxTokensField ?? 'max_completion_tokens']: outputTokens };
    const ready = readEmbeddingRequest({ model: upstream.model, input: 'ready' });
    const asked = embedding ? (embeddings === 'openai' || embeddings === null ? ready.body : embeddingSides[embeddings].write(['ready'], ready, upstream.model)) : { model: upstream.model, messages: [question], ...limit };
    const body = embedding ? asked : (translationBetween('openai-chat', format, upstream.dialect)?.request(asked).body ?? asked);
    const bytes = Buffer.from(JSON.stringify({ ...body, ...upstream.bodyChanges(endpoint, body, {}) }));
    try {
      const { origin, path, headers } = await upstream.prepare({ endpoint, format, stream: false, body: bytes, clientHeaders: {} });
      const call: ModelCall = { ...tested, id: newId(), startedAt: Date.now(), startedMark: performance.now(), wire: embedding ? 'openai-embeddings' : 'openai-chat', stream: false, agent: 'deskhand', requestBytes: bytes.length, baseUrl: upstream.baseUrl };
      this.recorder.begin(call);
      const told = await this.send(origin, path, { 'content-type': 'application/json', ...headers }, bytes.toString('utf8'), upstream.model);
      this.recorder.end(call, outcomeOf(told, format, bytes.length));
      return told;
    } catch (error) {
      // A token that cannot be had.
      if (error instanceof WireError) return { ok: false, message: error.message };
      throw error;
    }
  }

  private async send(origin: string, path: string, headers: Record<string, string>, body: string, model: string): Promise<Told> {
    const { firstByteMs, idleMs } = this.outgoing.timeouts;
    try {
      const { status: httpStatus, text } = await this.outgoing.post(origin, path, headers, body, answerLimit, Math.min(longestProbeMs, firstByteMs + idleMs));
      const answer = parse(text);
      const told = (ok: boolean, message: string): Told => ({ ok, message, httpStatus, answer });
      if (httpStatus >= 200 && httpStatus < 300) return isAnswer(answer) ? told(true, `${model} answered.`) : told(false, 'The address answers, but not as a model provider does. Check the endpoint URL.');
      if (httpStatus >= 300 && httpStatus < 400) return told(false, `The provider redirects to another address (HTTP ${httpStatus}), which is not followed. Set the endpoint URL to the final address.`);
      return told(false, `${refusal(answer, text)} (HTTP ${httpStatus})`);
    } catch (error) {
      return { ok: false, message: failureWords(error, this.outgoing.timeouts), httpStatus: null, answer: null };
    }
  }
}

function outcomeOf({ ok, httpStatus, answer }: Told, format: CalledFormat, requestBytes: number): CallOutcome {
  if (!ok) return { status: httpStatus !== null && httpStatus >= 400 ? 'refused' : 'failed', httpStatus, usage: noUsage, estimated: false, firstByteMs: null };
  const stated = usageReaders[format].answerUsage(answer);
  return { status: 'completed', httpStatus, usage: { ...noUsage, ...(stated ?? { uncachedInput: estimatedInput(requestBytes) }) }, estimated: stated === null, firstByteMs: null };
}

const question = { role: 'user', content: 'Answer with one word: ready' };

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isAnswer(answer: unknown): boolean {
  return isRecord(answer) && ([answer.choices, answer.content, answer.data, answer.embedding, answer.embeddings, answer.predictions].some(Array.isArray) || Array.isArray(answer.output) || isRecord(answer.output));
}

/** The provider's words in whichever place its error has them. */
function refusal(answer: unknown, text: string): string {
  const error = isRecord(answer) ? (answer.error ?? answer) : Array.isArray(answer) && isRecord(answer[0]) ? answer[0].error : null;
  const message = isRecord(error) ? (error.message ?? error.detail) : error;
  if (typeof message === 'string' && message !== '') return message.slice(0, 1_000);
  return text.trim() === '' || text.trimStart().startsWith('<') ? 'The provider refused the call' : text.trim().slice(0, 300);
}
