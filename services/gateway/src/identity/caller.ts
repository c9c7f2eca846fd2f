import { DeclaredError } from '@deskhand/contracts';

/** Who makes a request, as the server knows it: nothing of it comes from the client's own words. */
export interface Caller {
  readonly userId: string;
  readonly username: string;
  readonly isAdmin: boolean;
  /** May use the API; a token for metrics only may not. */
  readonly api: boolean;
  readonly metrics: boolean;
  /** The session, or the API token, that ends with `accessRevoked`. */
  readonly sessionId: string;
  /** Milliseconds since 1970; null for an API token without an end. */
  readonly expiresAt: number | null;
  readonly kind: 'session' | 'api-token';
}

const callers = new WeakMap<object, Caller>();

export function setCaller(request: object, caller: Caller): void {
  callers.set(request, caller);
}

/** The caller that the guard found; asking for one on a public route is a mistake in the program. */
export function callerOf(request: object): Caller {
  const caller = callers.get(request);
  if (caller === undefined) throw new DeclaredError('UNAUTHENTICATED', 'Sign in first');
  return caller;
}
