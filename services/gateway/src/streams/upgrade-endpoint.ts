import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';

/** An address where a WebSocket begins. */
export interface UpgradeEndpoint {
  readonly path: string;
  /** Bytes of one frame from a client. */
  readonly maxPayload: number;
  /** Checks who knocks, before the protocol changes, and answers who takes the socket. Refusals are `DeclaredError`s. */
  admit(request: IncomingMessage, query: URLSearchParams): Promise<(socket: WebSocket) => void>;
}
