import type { UpstreamFormat } from '../formats.ts';
import { entryOf } from '../../entry-of.ts';
import { isRecord } from '../token-usage.ts';
import type { FailureKind, UpstreamFailure } from '../upstream-failure.ts';
import { textOf, type Fields } from './fields.ts';

/** What vendors say in `code`, `type`, `status` or a reason, in small letters: words of theirs in which nothing of a request is quoted. */
const kindsByCode: Readonly<Record<string, FailureKind>> = {
  context_length_exceeded: 'context-window', model_context_window_exceeded: 'context-window', exceed_context_size_error: 'context-window',
  content_filter: 'content-policy', content_policy_violation: 'content-policy', moderation_blocked: 'content-policy', responsibleaipolicyviolation: 'content-policy', data_inspection_failed: 'content-policy',
  insufficient_quota: 'quota', billing_error: 'quota', billing_hard_limit_reached: 'quota', billing_not_active: 'quota', exceeded_current_quota_error: 'quota', arrearage: 'quota', servicequotaexceededexception: 'quota',
  throttlingexception: 'rate-limited', api_key_invalid: 'unauthenticated',
};

/**
 * What vendors say in words alone. A message may quote the request (names of tools, values, texts), so only whole phrases
 * count, with the numbers that belong to them.
 */
const phrases: readonly [FailureKind, RegExp][] = [
  ['context-window', new RegExp([
    'maximum context length( is|:| of) [\\d,]+', '\\d maximum context length', '^prompt is too long', 'prompt is too long: \\d', 'input is too long for (the )?requested model', 'input length and `?max_tokens`? exceed context limit',
    'exceeds the context window of this model', 'input tokens exceed the configured limit of \\d', 'input token count .{0,40}exceeds the maximum number of tokens allowed', 'number of input tokens exceeds maximum length',
    'maximum prompt length is \\d', 'exceeded model token limit: \\d', 'longer than the maximum model length of \\d', 'exceeds the available context size', 'greater than the context length', 'exceeded max context length',
    'input length exceeds (the|maximum) context length', 'please reduce the length of (the|your) (messages|prompt|input)',
  ].join('|'), 'i')],
  ['content-policy', /content management policy|output blocked by content filtering policy|rejected as a result of our safety system|flagged as potentially violating our usage policy/i],
  ['quota', /credit balance is too low|you have reached your specified api usage limits|please enable billing on your project|you exceeded your current quota/i],
];

/** An upstream's refusal, read from the envelope of whichever vendor wrote it. `body` is parsed JSON, or text where it was none. */
export function readFailure(_format: UpstreamFormat, status: number, body: unknown): UpstreamFailure {
  const holder = Array.isArray(body) ? body[0] as unknown : body;
  const envelope: Fields = isRecord(holder) ? holder : {};
  const error: Fields = isRecord(envelope.error) ? envelope.error : envelope;
  const message = messageOf(error, envelope, body) ?? `The provider refused the call (HTTP ${status}).`;
  const code = codeOf(error);
  const known = kindByCode(status, error) ?? (status === 429 ? kindByWords(message, 'quota') : null);
  const guessed = known === null && isAboutTheRequest(status) ? kindByWords(message) : null;
  return { kind: known ?? guessed ?? kindByStatus(status), byWords: guessed !== null, status, message, param: textOf(error.param), code };
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

/** Statuses that stand for anything that may be wrong with a request. */
const isAboutTheRequest = (status: number): boolean => status === 400 || status === 413 || status === 422;

function kindByCode(status: number, error: Fields): FailureKind | null {
  if (status >= 500) return null;
  // OpenRouter, of what its moderators flagged.
  if (isRecord(error.metadata) && error.metadata.flagged_input !== undefined) return 'content-policy';
  const inner = isRecord(error.innererror) ? error.innererror.code : undefined;
  const reasons = Array.isArray(error.details) ? error.details.map((detail: unknown) => (isRecord(detail) ? detail.reason : undefined)) : [];
  for (const word of [error.code, error.type, inner, error.status, error.__type, ...reasons]) {
    const kind = typeof word === 'string' ? entryOf(kindsByCode, word.slice(word.lastIndexOf('#') + 1).toLowerCase()) : undefined;
    if (kind !== undefined) return kind;
  }
  return null;
}

function kindByWords(message: string, only?: FailureKind): FailureKind | null {
  const words = message.slice(0, 4_000);
  return phrases.find(([kind, pattern]) => (only === undefined || kind === only) && pattern.test(words))?.[0] ?? null;
}

function kindByStatus(status: number): FailureKind {
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
