import { AddressRefused } from '@deskhand/platform/outgoing';
import type { OutgoingTimeouts } from './outgoing-http.ts';

interface Coded {
  name?: string;
  code?: string | number;
  cause?: Coded;
  errors?: readonly Coded[];
}

/** An answer that was not whole after all the time that it had. */
export class AnswerTooLate extends Error {
  override readonly name = 'TimeoutError';
  /** The HTTP client's word for it. */
  readonly code = 'UND_ERR_BODY_TIMEOUT';

  constructor(ms: number) {
    super(`The provider's answer was not whole after ${seconds(ms)}.`);
  }
}

const seconds = (milliseconds: number): string => `${Math.round(milliseconds / 100) / 10} s`;

/** Why an outgoing call brought no (whole) answer, in words for people, without addresses or headers. */
export function failureWords(error: unknown, timeouts: OutgoingTimeouts): string {
  if (error instanceof AddressRefused || error instanceof AnswerTooLate) return error.message;
  const coded = error as Coded;
  if (coded.name === 'TimeoutError') return 'The provider did not answer in time.';
  const code = String(coded.code ?? coded.cause?.code ?? coded.errors?.[0]?.code ?? '');
  const words: Record<string, string> = {
    UND_ERR_CONNECT_TIMEOUT: `did not accept a connection within ${seconds(timeouts.connectMs)}`,
    ETIMEDOUT: 'did not accept a connection in time',
    UND_ERR_HEADERS_TIMEOUT: `did not begin to answer within ${seconds(timeouts.firstByteMs)}`,
    UND_ERR_BODY_TIMEOUT: `stopped sending for ${seconds(timeouts.idleMs)}`,
    UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'sent another number of bytes than it had announced',
    UND_ERR_HEADERS_OVERFLOW: 'sent too many headers',
    UND_ERR_SOCKET: 'closed the connection before its answer was whole',
    ECONNRESET: 'closed the connection before its answer was whole',
    EPIPE: 'closed the connection before its answer was whole',
    ECONNREFUSED: 'refused the connection: nothing listens there',
    ENOTFOUND: 'has a host name that is not known',
    EAI_AGAIN: 'has a host name that cannot be looked up now',
    EHOSTUNREACH: 'cannot be reached from here',
    ENETUNREACH: 'cannot be reached from here',
  };
  if (words[code]) return `The provider ${words[code]}.`;
  if (code.startsWith('HPE_') || coded.name === 'HTTPParserError') return 'The provider answered with something that is not HTTP.';
  if (/CERT|SELF_SIGNED|TLS|SSL|UNABLE_TO/.test(code)) return `The provider's TLS certificate is not trusted (${code}).`;
  return `The provider could not be called${code ? ` (${code})` : ''}.`;
}
