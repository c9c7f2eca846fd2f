/** Why a provider refused, whatever its words: what routing, retries and fallbacks go by. */
export type FailureKind =
  | 'context-window' | 'content-policy' | 'bad-request' | 'unauthenticated' | 'forbidden' | 'not-found' | 'timeout' | 'too-large' | 'rate-limited' | 'quota' | 'overloaded' | 'internal';

/** An upstream's refusal, read from its own envelope. */
export interface UpstreamFailure {
  kind: FailureKind;
  /** Only a phrase in the provider's words says so: the status stands for any fault of a request. */
  byWords: boolean;
  status: number;
  /** The provider's own words. */
  message: string;
  param: string | null;
  code: string | null;
}
