import { Inject, Injectable } from '@nestjs/common';
import { failureWords } from '../outgoing/failure-words.ts';
import { OutgoingHttp } from '../outgoing/outgoing-http.ts';
import { isRecord } from '../wire/token-usage.ts';
import { credentialHeaders } from './catalogue.ts';
import type { Upstream } from './route.ts';
import { withoutKey } from './without-key.ts';

const probeTimeoutMs = 25_000;
const answerLimit = 64 * 1024;

/** Tries a provider out with the smallest call there is. */
@Injectable()
export class ProviderProbe {
  constructor(@Inject(OutgoingHttp) private readonly outgoing: OutgoingHttp) {}

  /** A refusal is an answer, in the provider's own words. */
  async call(upstream: Upstream, model: string): Promise<{ ok: boolean; message: string; duration_ms: number }> {
    const started = performance.now();
    const { ok, message } = await this.attempt(upstream, model);
    return { ok, message: withoutKey(message, upstream.key), duration_ms: Math.round(performance.now() - started) };
  }

  private async attempt(upstream: Upstream, model: string): Promise<{ ok: boolean; message: string }> {
    const anthropic = upstream.wire === 'anthropic-messages';
    // Newer OpenAI models refuse max_tokens and others know nothing else, so only Anthropic, which demands it, gets a limit.
    const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Answer with one word: ready' }], ...(anthropic && { max_tokens: 16 }) });
    const headers = { 'content-type': 'application/json', ...credentialHeaders(upstream), ...(anthropic && { 'anthropic-version': '2023-06-01' }) };
    try {
      const { status, text } = await this.outgoing.post(upstream.origin, upstream.path, headers, body, answerLimit, probeTimeoutMs);
      if (status >= 200 && status < 300) return isAnswer(text) ? { ok: true, message: `${model} answered.` } : { ok: false, message: 'The address answers, but not as a model provider does. Check the endpoint URL.' };
      if (status >= 300 && status < 400) return { ok: false, message: `The provider redirects to another address (HTTP ${status}), which is not followed. Set the endpoint URL to the final address.` };
      return { ok: false, message: `${refusal(text)} (HTTP ${status})` };
    } catch (error) {
      return { ok: false, message: failureWords(error, this.outgoing.timeouts) };
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isAnswer(text: string): boolean {
  const answer = parse(text);
  return isRecord(answer) && (Array.isArray(answer.choices) || Array.isArray(answer.content));
}

/** The provider's words in whichever place its error has them. */
function refusal(text: string): string {
  const answer = parse(text);
  const error = isRecord(answer) ? (answer.error ?? answer) : Array.isArray(answer) && isRecord(answer[0]) ? answer[0].error : null;
  const message = isRecord(error) ? (error.message ?? error.detail) : error;
  if (typeof message === 'string' && message !== '') return message.slice(0, 1_000);
  return text.trim() === '' || text.trimStart().startsWith('<') ? 'The provider refused the call' : text.trim().slice(0, 300);
}
