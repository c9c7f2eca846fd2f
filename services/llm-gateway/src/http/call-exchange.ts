import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';
import type { ShortRequest } from '../incoming/short-request.ts';

/** A model call as it came: read by Node, or, where it is short, by `incoming/`. */
export type CallRequest = IncomingMessage | ShortRequest;

/** Where its answer goes: what both kinds of responses can do, and mean, alike. */
export interface CallResponse {
  readonly headersSent: boolean;
  /** Nobody hears it any more. */
  readonly destroyed: boolean;
  readonly closed: boolean;
  readonly statusCode: number;
  setHeader(name: string, value: string): unknown;
  getHeader(name: string): number | string | string[] | undefined;
  hasHeader(name: string): boolean;
  /** Names and values in turn, or by their names. */
  writeHead(status: number, headers: OutgoingHttpHeaders | OutgoingHttpHeader[]): CallResponse;
  flushHeaders(): void;
  /** False: there is more than the client takes; `drain` follows. */
  write(chunk: string | Uint8Array): boolean;
  end(chunk?: string | Uint8Array, encoding?: BufferEncoding): unknown;
  destroy(): unknown;
  setTimeout(milliseconds: number, late: () => void): unknown;
  on(event: 'close' | 'drain' | 'finish', listener: () => void): this;
  once(event: 'close' | 'drain' | 'finish', listener: () => void): this;
  off(event: 'close' | 'drain' | 'finish', listener: () => void): this;
}
