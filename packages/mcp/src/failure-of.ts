import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client';
import { McpFailure, plain } from './mcp-failure.ts';

/** Any failure of a request to a server, in words. `lost`: why the connection ended, where that is known better. */
export function asMcpFailure(error: unknown, timeoutMs: number, lost: string | null): McpFailure {
  if (error instanceof McpFailure) return error;
  if (error instanceof ProtocolError) return new McpFailure(`It answered: ${plain(error.message)}`, false, { cause: error });
  if (error instanceof SdkHttpError && error.status !== undefined) {
    const refused = error.status >= 300 && error.status < 500;
    return new McpFailure(error.status < 400 ? 'It answered with a redirect, and redirects are not followed: define it with the address it leads to' : `It answered with the HTTP status ${error.status}`, !refused, { cause: error }, false, error.status === 404 || error.status === 400);
  }
  const connection = connectionWords(error);
  if (connection !== null) return new McpFailure(connection.words, connection.ran, { cause: error });
  if (error instanceof SdkError) {
    if (error.code === SdkErrorCode.RequestTimeout) return new McpFailure(`It did not answer within ${timeoutMs / 1_000} s`, true, { cause: error }, true);
    if (error.code === SdkErrorCode.InvalidResult) return new McpFailure('Its answer does not keep to the protocol', true, { cause: error });
  }
  const message = messageOf(error);
  return new McpFailure(lost ?? (message === 'fetch failed' ? 'It cannot be reached' : plain(message)), true, { cause: error });
}

interface Coded {
  name?: unknown;
  code?: unknown;
  message?: unknown;
  cause?: unknown;
  errors?: readonly unknown[];
}

const notConnected: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Nothing listens at its address',
  ENOTFOUND: 'Its host name is not known',
  EAI_AGAIN: 'Its host name cannot be looked up now',
  EHOSTUNREACH: 'Its address cannot be reached from here',
  ENETUNREACH: 'Its address cannot be reached from here',
  UND_ERR_CONNECT_TIMEOUT: 'It did not accept a connection in time',
};

/** What went wrong on the way to a server, in words without addresses or headers; null when the way was not the matter. */
function connectionWords(error: unknown): { words: string; ran: boolean } | null {
  for (let at = error as Coded | undefined, depth = 0; at !== undefined && at !== null && depth < 6; at = (at.cause ?? at.errors?.[0]) as Coded | undefined, depth++) {
    if (at.name === 'AddressRefused') return { words: plain(String(at.message)), ran: false };
    if (at.name === 'AnswerTooLarge') return { words: plain(String(at.message)), ran: true };
    const code = typeof at.code === 'string' ? at.code : '';
    if (notConnected[code] !== undefined) return { words: notConnected[code], ran: false };
    if (/CERT|SELF_SIGNED|UNABLE_TO/.test(code)) return { words: `Its TLS certificate is not trusted (${code})`, ran: false };
    if (code.startsWith('UND_ERR') || code === 'ECONNRESET' || code === 'EPIPE') return { words: 'It broke the connection off', ran: true };
    if (code.startsWith('HPE_')) return { words: 'It answers with something that is not HTTP', ran: true };
  }
  return null;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
