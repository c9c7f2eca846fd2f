import type { PolicyKind } from '../configuration/gateway-file.ts';
import type { FailureKind } from '../wire/upstream-failure.ts';

/** Why an attempt came to nothing before the client got a byte. */
export interface AttemptFailure {
  kind: FailureKind | 'unreachable';
  /** Told by words alone, which may quote the request: no reason to keep others from the deployment. */
  byWords?: boolean;
  /** What the provider said about coming again, in milliseconds. */
  retryAfterMs: number | null;
}

/** What another deployment, or the same one a little later, may do better. */
const worthRetrying: ReadonlySet<AttemptFailure['kind']> = new Set(['timeout', 'rate-limited', 'overloaded', 'internal', 'unreachable']);
/** What is wrong with this deployment's key or name, and not with the next one's. */
const elsewhereOnly: ReadonlySet<AttemptFailure['kind']> = new Set(['unauthenticated', 'forbidden', 'not-found', 'quota']);

export const isWorthRetrying = ({ kind }: AttemptFailure): boolean => worthRetrying.has(kind);
export const isElsewhereOnly = ({ kind }: AttemptFailure): boolean => elsewhereOnly.has(kind);

/** The name under which policies count it. */
export function policyKindOf({ kind }: AttemptFailure): PolicyKind {
  switch (kind) {
    case 'unauthenticated': case 'forbidden': return 'AuthenticationError';
    case 'timeout': return 'TimeoutError';
    case 'rate-limited': case 'quota': return 'RateLimitError';
    case 'content-policy': return 'ContentPolicyViolationError';
    case 'overloaded': case 'internal': case 'unreachable': return 'InternalServerError';
    default: return 'BadRequestError';
  }
}

/** Whether it is about the request and says nothing of the deployment. */
export const isTheClients = ({ kind }: AttemptFailure): boolean => kind === 'bad-request' || kind === 'context-window' || kind === 'content-policy' || kind === 'too-large';

const words: Partial<Record<AttemptFailure['kind'], string>> = {
  timeout: 'It did not answer in time.', 'rate-limited': 'It is rate-limited.', overloaded: 'It is overloaded.', quota: 'Its quota is used up.', unauthenticated: 'It does not accept the key.', forbidden: 'The key may not use it.',
  'not-found': 'The provider does not know this model.', unreachable: 'It cannot be reached.',
};

/** What it says of the deployment, for people. */
export const failureSentence = ({ kind }: AttemptFailure): string => words[kind] ?? 'It answered with an error.';
