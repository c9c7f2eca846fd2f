import type { UpstreamFormat } from './formats.ts';
import { isRecord } from './token-usage.ts';
import { readFailure } from './translate/read-failure.ts';
import type { UpstreamFailure } from './upstream-failure.ts';

/** Statuses of what vendors say within a stream, or an answer, which has its own already. */
const statuses: Readonly<Record<string, number>> = {
  invalid_request_error: 400, authentication_error: 401, billing_error: 402, permission_error: 403, not_found_error: 404, request_too_large: 413, rate_limit_error: 429, timeout_error: 504, overloaded_error: 529,
  rate_limit_exceeded: 429, insufficient_quota: 429, context_length_exceeded: 400, server_is_overloaded: 503, validationException: 400, throttlingException: 429, serviceUnavailableException: 503, modelTimeoutException: 504,
};
const lineFeed = 10;
/** Events that tell of none do not look like this; most that do, do. */
const mayFail = /"error": ?[{"]|Exception"|"type": ?"error"/;
/** A first event that is longer than this is none of a failure. */
const longestFirst = 16 * 1024;

/** What the first event of a stream says of a failure: null when it is of none, undefined when it is not whole yet. */
export function firstFailure(format: UpstreamFormat, events: Buffer): UpstreamFailure | null | undefined {
  for (let at = 0, end = events.indexOf(lineFeed); end >= 0; at = end + 1, end = events.indexOf(lineFeed, at)) {
    const line = events.toString('utf8', at, Math.min(end, at + longestFirst));
    if (line.startsWith('data:')) return failureOf(format, line);
    if (!/^(?:(?:event|id|retry):.*)?\r?$/.test(line)) return null;
  }
  return events.length < longestFirst ? undefined : null;
}

/** Whether one of these events, the last ones of a stream, tells of a failure. */
export function endsInFailure(format: UpstreamFormat, events: Buffer): boolean {
  const text = events.toString('utf8');
  return mayFail.test(text) && text.split('\n').some((line) => line.startsWith('data:') && failureOf(format, line) !== null);
}

/** What a whole answer with a good status says of a failure, as OpenRouter's may; null when it is an answer. */
export function failureInAnswer(format: UpstreamFormat, answer: unknown): UpstreamFailure | null {
  if (!isRecord(answer) || !isRecord(answer.error) || said.some((name) => answer[name] != null)) return null;
  return readFailure(format, statusOf(answer.error), answer);
}

/** Where formats have what a model said. */
const said = ['choices', 'content', 'output'];

function failureOf(format: UpstreamFormat, line: string): UpstreamFailure | null {
  if (!mayFail.test(line)) return null;
  let event: unknown;
  try {
    event = JSON.parse(line.slice('data:'.length));
  } catch {
    return null;
  }
  const error = isRecord(event) ? errorOf(event) : null;
  return error && readFailure(format, statusOf(error), { error });
}

function errorOf(event: Record<string, unknown>): Record<string, unknown> | null {
  const { type, error, response } = event;
  if (isRecord(error)) return error;
  if (typeof error === 'string') return { message: error };
  if (type === 'response.failed') return isRecord(response) && isRecord(response.error) ? response.error : {};
  return type === 'error' || (typeof type === 'string' && type.endsWith('Exception')) ? event : null;
}

/** OpenRouter and others give a status as the code. */
function statusOf({ code, type }: Record<string, unknown>): number {
  if (typeof code === 'number' && code >= 400 && code < 600) return code;
  for (const name of [code, type]) if (typeof name === 'string' && Object.hasOwn(statuses, name)) return statuses[name]!;
  return 500;
}
