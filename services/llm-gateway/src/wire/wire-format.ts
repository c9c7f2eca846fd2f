import type { ApiFormat } from './formats.ts';
import type { TokenUsage } from './token-usage.ts';

/** What the gateway itself must know of a request; everything else passes untouched. */
export interface RequestFacts {
  model: string;
  stream: boolean;
  /** The client asked for the usage of a stream itself. */
  wantsUsage: boolean;
}

/** One event of a stream that mentions usage. */
export interface UsageEvent {
  usage: Partial<TokenUsage> | null;
  /** Nothing is used after it. */
  final: boolean;
  /** Only there because the gateway asked for usage: not for a client that did not. */
  onlyUsage: boolean;
}

export type ErrorKind = 'bad-request' | 'unauthenticated' | 'forbidden' | 'not-found' | 'method-not-allowed' | 'too-large' | 'unsupported' | 'rate-limited' | 'upstream' | 'unavailable' | 'timeout' | 'internal';

/** A request that cannot be served as it is; the message says why. `retryAfterSeconds`: when it may be tried again, where that is known. */
export class WireError extends Error {
  override readonly name = 'WireError';
  constructor(readonly kind: ErrorKind, message: string, readonly param: string | null = null, readonly code: string | null = null, readonly retryAfterSeconds: number | null = null) {
    super(message);
  }
}

export const errorStatus: Record<ErrorKind, number> = {
  'bad-request': 400, unauthenticated: 401, forbidden: 403, 'not-found': 404, 'method-not-allowed': 405, 'too-large': 413, unsupported: 415, 'rate-limited': 429, upstream: 502, unavailable: 503, timeout: 504, internal: 500,
};

/** LiteLLM's name for a call that no money is left for: in every format the type of the error, for people's programs look for it. */
export const budgetExceeded = 'budget_exceeded';

/** One vendor's format: pure functions over bodies and events, no network. */
export interface Wire {
  format: ApiFormat;
  /** Throws `WireError`. */
  readRequest(body: unknown): RequestFacts;
  /** The usage in a whole answer; null when it has none. */
  answerUsage(answer: unknown): Partial<TokenUsage> | null;
  /** Judges the data of one stream event. */
  usageEvent(data: unknown): UsageEvent;
  errorBody(error: WireError): Record<string, unknown>;
  /** An event that tells a client, in mid-stream, that nothing more will come. */
  errorEvent(error: WireError): string;
}

/** Longer than any vendor's, and short enough for patterns with several stars. */
const longestModelName = 512;

/** Whether it can be a model's name: words that may be kept, shown and compared with patterns. */
export const isModelName = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= longestModelName && !/\p{Cc}/u.test(value);

/** What a failure says to a client; null: it is a fault of this program. What is nested so deeply that no program can walk it is the client's. */
export function asWireError(error: unknown): WireError | null {
  if (error instanceof WireError) return error;
  return error instanceof RangeError && /call stack/.test(error.message) ? new WireError('bad-request', 'The body is nested too deeply.') : null;
}
