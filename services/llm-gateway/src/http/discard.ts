import type { IncomingMessage } from 'node:http';

/** How long what a refused client still sends is read and thrown away, so that it can read its answer. */
const discardMs = 2_000;

/** Throws away what is left of a request's body; a client that goes on sending is cut. */
export function discardRest(request: IncomingMessage): void {
  if (request.complete) return;
  request.resume();
  const cut = setTimeout(() => request.socket.destroy(), discardMs);
  request.once('close', () => clearTimeout(cut));
}
