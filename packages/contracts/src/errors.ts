/**
 * Every error that may cross a process or reach a client, with the HTTP status the gateway answers.
 * Codes are stable; messages are for people and may change.
 */
export const errorStatus = {
  BAD_INPUT: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  CONFLICT: 409,
  /** The caller's epoch or lease is no longer the current one; it must stop writing. */
  STALE_EPOCH: 409,
  TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  RATE_LIMITED: 429,
  INTERNAL: 500,
  /** A model provider or another outside system failed; the message says how. */
  UPSTREAM_FAILED: 502,
  /** The part that would do this is not running or not possible here; the message says what to do. */
  UNAVAILABLE: 503,
  TIMEOUT: 504,
} as const;

export type ErrorCode = keyof typeof errorStatus;

/** An error that is part of a contract: it crosses processes with its code, message and details. */
export class DeclaredError extends Error {
  override readonly name = 'DeclaredError';
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details?: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  get status(): number {
    return errorStatus[this.code];
  }
}

/** The body of every error answer on port 3000, and of error replies between services. */
export interface ErrorBody {
  code: ErrorCode;
  message: string;
  details?: Readonly<Record<string, unknown>>;
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorStatus, value);
}
