import { budgetExceeded, errorStatus, type Wire, type WireError } from '../wire/wire-format.ts';
import type { CallResponse } from './call-exchange.ts';

export function answerJson(response: CallResponse, status: number, body: object, headers: Readonly<Record<string, string>> = {}): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), 'cache-control': 'no-store' }).end(text);
}

/** An error in the words and shape of the client's format; nothing when the answer has begun already. */
export function answerError(response: CallResponse, wire: Pick<Wire, 'errorBody'>, error: WireError, headers: Readonly<Record<string, string>> = {}): void {
  if (response.headersSent || response.destroyed) return;
  answerJson(response, errorStatus[error.kind], wire.errorBody(error), { ...whenAgain(error), ...headers });
}

/** Vendors' SDKs and coding agents try a 429 again by these headers; for money that is spent every try would be in vain. */
function whenAgain({ code, retryAfterSeconds }: WireError): Record<string, string> {
  return { ...(code === budgetExceeded && { 'x-should-retry': 'false' }), ...(retryAfterSeconds !== null && { 'retry-after': String(retryAfterSeconds) }) };
}
