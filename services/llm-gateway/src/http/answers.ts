import type { ServerResponse } from 'node:http';
import { budgetExceeded, errorStatus, type Wire, type WireError } from '../wire/wire-format.ts';

export function answerJson(response: ServerResponse, status: number, body: object, headers: Readonly<Record<string, string>> = {}): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), 'cache-control': 'no-store' }).end(text);
}

/** An error in the words and shape of the client's format; nothing when the answer has begun already. */
export function answerError(response: ServerResponse, wire: Pick<Wire, 'errorBody'>, error: WireError, headers: Readonly<Record<string, string>> = {}): void {
  if (response.headersSent || response.destroyed) return;
  answerJson(response, errorStatus[error.kind], wire.errorBody(error), { ...whenAgain(error), ...headers });
}

/** Vendors' SDKs and coding agents try a 429 again by these headers; for money that is spent every try would be in vain. */
function whenAgain({ code, retryAfterSeconds }: WireError): Record<string, string> {
  return { ...(code === budgetExceeded && { 'x-should-retry': 'false' }), ...(retryAfterSeconds !== null && { 'retry-after': String(retryAfterSeconds) }) };
}
