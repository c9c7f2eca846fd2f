import { Inject, Injectable } from '@nestjs/common';
import { failureWords } from '../outgoing/failure-words.ts';
import { OutgoingHttp } from '../outgoing/outgoing-http.ts';
import { endpointOf, type ModelUpstream } from '../upstreams/upstream.ts';
import { readEmbeddingRequest } from '../wire/embeddings/embedding-request.ts';
import { embeddingSides } from '../wire/embeddings/embedding-sides.ts';
import { isRecord } from '../wire/token-usage.ts';
import { translationBetween } from '../wire/translation.ts';
import { WireError } from '../wire/wire-format.ts';
import { withoutKey } from './without-key.ts';

/** A person waits for the answer; never longer than a call would. */
const longestProbeMs = 25_000;
const answerLimit = 64 * 1024;

/** Tries a provider out with the smallest call there is. */
@Injectable()
export class ProviderProbe {
  constructor(@Inject(OutgoingHttp) private readonly outgoing: OutgoingHttp) {}

  /** In whatever format the provider speaks. A refusal is an answer, in the provider's own words. */
  async ask(upstream: ModelUpstream, mode: string | null): Promise<{ ok: boolean; message: string; duration_ms: number }> {
    const started = performance.now();
    const { ok, message } = await this.attempt(upstream, mode);
    return { ok, message: upstream.secrets.reduce(withoutKey, message), duration_ms: Math.round(performance.now() - started) };
  }

  private async attempt(upstream: ModelUpstream, mode: string | null): Promise<{ ok: boolean; message: string }> {
    const { embeddings } = upstream;
    const embedding = mode === 'embedding';
    if (embedding && embeddings === null) return { ok: false, message: `Embeddings of ${upstream.provider} cannot be asked for here.` };
    const format = embedding ? 'openai-chat' : upstream.formatFor('openai-chat');
    const endpoint = embedding ? 'embeddings' : endpointOf[format];
    // Newer OpenAI models refuse max_tokens and others know nothing else, so only Anthropic, which demands it, gets a limit.
    const ready = readEmbeddingRequest({ model: upstream.model, input: 'ready' });
    const asked = embedding ? (embeddings === 'openai' || embeddings === null ? ready.body : embeddingSides[embeddings].write(['ready'], ready, upstream.model)) : { model: upstream.model, messages: [question], ...(format === 'anthropic-messages' && { max_tokens: 16 }) };
    const body = embedding ? asked : (translationBetween('openai-chat', format, upstream.dialect)?.request(asked).body ?? asked);
    const bytes = Buffer.from(JSON.stringify({ ...body, ...upstream.bodyChanges(endpoint, body, {}) }));
    try {
      const { origin, path, headers } = await upstream.prepare({ endpoint, format, stream: false, body: bytes, clientHeaders: {} });
      return await this.send(origin, path, { 'content-type': 'application/json', ...headers }, bytes.toString('utf8'), upstream.model);
    } catch (error) {
      // A token that cannot be had.
      if (error instanceof WireError) return { ok: false, message: error.message };
      throw error;
    }
  }

  private async send(origin: string, path: string, headers: Record<string, string>, body: string, model: string): Promise<{ ok: boolean; message: string }> {
    const { firstByteMs, idleMs } = this.outgoing.timeouts;
    try {
      const { status, text } = await this.outgoing.post(origin, path, headers, body, answerLimit, Math.min(longestProbeMs, firstByteMs + idleMs));
      if (status >= 200 && status < 300) return isAnswer(text) ? { ok: true, message: `${model} answered.` } : { ok: false, message: 'The address answers, but not as a model provider does. Check the endpoint URL.' };
      if (status >= 300 && status < 400) return { ok: false, message: `The provider redirects to another address (HTTP ${status}), which is not followed. Set the endpoint URL to the final address.` };
      return { ok: false, message: `${refusal(text)} (HTTP ${status})` };
    } catch (error) {
      return { ok: false, message: failureWords(error, this.outgoing.timeouts) };
    }
  }
}

const question = { role: 'user', content: 'Answer with one word: ready' };

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isAnswer(text: string): boolean {
  const answer = parse(text);
  return isRecord(answer) && ([answer.choices, answer.content, answer.data, answer.embedding, answer.embeddings, answer.predictions].some(Array.isArray) || Array.isArray(answer.output) || isRecord(answer.output));
}

/** The provider's words in whichever place its error has them. */
function refusal(text: string): string {
  const answer = parse(text);
  const error = isRecord(answer) ? (answer.error ?? answer) : Array.isArray(answer) && isRecord(answer[0]) ? answer[0].error : null;
  const message = isRecord(error) ? (error.message ?? error.detail) : error;
  if (typeof message === 'string' && message !== '') return message.slice(0, 1_000);
  return text.trim() === '' || text.trimStart().startsWith('<') ? 'The provider refused the call' : text.trim().slice(0, 300);
}
