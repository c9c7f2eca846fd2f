import type { UpstreamFormat } from '../formats.ts';
import { isRecord } from '../token-usage.ts';
import type { FailureKind, UpstreamFailure } from '../upstream-failure.ts';
import { textOf, type Fields } from './fields.ts';

const contextWords = /context[_ ]length|context window|maximum context|prompt is too long|input is too long|too many (input )?tokens|exceeds? the (model'?s )?(maximum|context)|input token count .*exceeds/i;
const policyWords = /content[_ ](management[_ ])?policy|content[_ ]filter|safety system|responsible ?ai|blocked by .*(guardrail|safety)|usage polic/i;
const quotaWords = /insufficient_quota|exceeded your current quota|credit balance is too low|billing/i;

/** An upstream's refusal, read from the envelope of whichever vendor wrote it. `body` is parsed JSON, or text where it was none. */
export function readFailure(_format: UpstreamFormat, status: number, body: unknown): UpstreamFailure {
  const holder = Array.isArray(body) ? body[0] as unknown : body;
  const envelope: Fields = isRecord(holder) ? holder : {};
  const error: Fields = isRecord(envelope.error) ? envelope.error : envelope;
  const message = messageOf(error, envelope, body) ?? `The provider refused the call (HTTP ${status}).`;
  const code = codeOf(error);
  const kind = kindOf(status, `${code ?? ''} ${textOf(error.type) ?? textOf(error.__type) ?? ''} ${message.slice(0, 4_000)}`);
  return { kind, status, message, param: textOf(error.param), code };
}

function messageOf(error: Fields, envelope: Fields, body: unknown): string | null {
  for (const candidate of [error.message, error.Message, error.detail, envelope.error, envelope.message, envelope.detail]) {
    if (typeof candidate === 'string' && candidate.trim() !== '') return candidate;
    if (Array.isArray(candidate) || (isRecord(candidate) && candidate === envelope.detail)) return JSON.stringify(candidate).slice(0, 2_000);
  }
  const text = typeof body === 'string' ? body.trim() : '';
  return text === '' || text.startsWith('<') ? null : text.slice(0, 2_000);
}

function codeOf(error: Fields): string | null {
  if (typeof error.code === 'string' || typeof error.code === 'number') return String(error.code);
  return textOf(error.status) ?? textOf(error.__type);
}

function kindOf(status: number, words: string): FailureKind {
  if (status === 400 || status === 413 || status === 422) {
    if (contextWords.test(words)) return 'context-window';
    if (policyWords.test(words)) return 'content-policy';
  }
  if (quotaWords.test(words) && (status === 429 || status === 402 || status === 400 || status === 403)) return 'quota';
  if (/throttling|too many requests/i.test(words) && status < 500) return 'rate-limited';
  switch (status) {
    case 401: return 'unauthenticated';
    case 402: return 'quota';
    case 403: return 'forbidden';
    case 404: return 'not-found';
    case 408: case 504: return 'timeout';
    case 413: return 'too-large';
    case 429: return 'rate-limited';
    case 503: case 529: return 'overloaded';
    default: return status >= 500 ? 'internal' : 'bad-request';
  }
}
