import type { ApiFormat } from '../formats.ts';
import type { FailureKind, UpstreamFailure } from '../upstream-failure.ts';
import type { Fields } from './fields.ts';

const anthropicTypes: Record<FailureKind, string> = {
  'context-window': 'invalid_request_error', 'content-policy': 'invalid_request_error', 'bad-request': 'invalid_request_error', unauthenticated: 'authentication_error', forbidden: 'permission_error',
  'not-found': 'not_found_error', timeout: 'timeout_error', 'too-large': 'request_too_large', 'rate-limited': 'rate_limit_error', quota: 'billing_error', overloaded: 'overloaded_error', internal: 'api_error',
};
const openaiTypes: Record<FailureKind, string> = {
  'context-window': 'invalid_request_error', 'content-policy': 'invalid_request_error', 'bad-request': 'invalid_request_error', unauthenticated: 'authentication_error', forbidden: 'permission_error',
  'not-found': 'invalid_request_error', timeout: 'timeout_error', 'too-large': 'invalid_request_error', 'rate-limited': 'rate_limit_error', quota: 'insufficient_quota', overloaded: 'service_unavailable_error', internal: 'server_error',
};
const openaiCodes: Partial<Record<FailureKind, string>> = {
  'context-window': 'context_length_exceeded', 'content-policy': 'content_policy_violation', unauthenticated: 'invalid_api_key', 'not-found': 'model_not_found', 'rate-limited': 'rate_limit_exceeded', quota: 'insufficient_quota', overloaded: 'server_is_overloaded',
};

/** An upstream's refusal in a client's own envelope and status, the upstream's words kept. */
export function writeFailure(client: ApiFormat, failure: UpstreamFailure): { status: number; body: Fields } {
  if (client === 'anthropic-messages') {
    const { kind } = failure;
    const status = kind === 'overloaded' ? 529 : kind === 'context-window' ? 400 : failure.status;
    return { status, body: { type: 'error', error: { type: anthropicTypes[kind], message: kind === 'context-window' ? promptTooLong(failure.message) : failure.message } } };
  }
  const status = failure.status === 529 ? 503 : failure.kind === 'context-window' ? 400 : failure.status;
  return { status, body: { error: { message: failure.message, type: openaiTypes[failure.kind], param: failure.param, code: openaiCodes[failure.kind] ?? failure.code } } };
}

/** Clients of Anthropic's shorten a conversation when they read these words, with both numbers where they are known. */
function promptTooLong(message: string): string {
  if (/prompt is too long/i.test(message)) return message;
  const numbers = (message.match(/\d[\d,]{2,}/g) ?? []).map((digits) => Number(digits.replaceAll(',', '')));
  const [limit, used] = [Math.min(...numbers), Math.max(...numbers)];
  return numbers.length >= 2 && used > limit ? `prompt is too long: ${used} tokens > ${limit} maximum` : `prompt is too long: ${message}`;
}
