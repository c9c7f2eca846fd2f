import type { IncomingMessage } from 'node:http';
import { assertFew, openLong } from '../wire/unread-fields.ts';
import { WireError } from '../wire/wire-format.ts';

/** The client went away before its request was whole: nobody is left to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** A request's whole body as it was sent, at most `limit` bytes. `keep` is told of each piece and may refuse it. Throws `WireError` or `ClientGone`. */
export async function readBody(request: IncomingMessage, limit: number, keep: (bytes: number, size: number) => void = () => {}): Promise<Buffer> {
  const tooLarge = (): WireError => new WireError('too-large', `The body is larger than ${limit} bytes.`);
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge();
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let size = 0;
    let refused = false;
    const refuse = (error: unknown): void => {
      refused = true;
      chunks = [];
      reject(error as Error);
    };
    // Listeners stay: the request ends with its body. What settles first counts.
    request.on('data', (chunk: Buffer) => {
      if (refused) return;
      size += chunk.length;
      if (size > limit) return refuse(tooLarge());
      try {
        keep(chunk.length, size);
      } catch (error) {
        return refuse(error);
      }
      chunks.push(chunk);
    });
    request.on('end', () => { if (!refused) resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)); });
    const gone = (): void => reject(new ClientGone('The client closed the connection'));
    request.on('close', () => { if (!request.complete) gone(); });
    request.on('error', gone);
  });
}

/** Levels of lists and objects in a body: far more than anybody writes, far fewer than what walks and writes them has stack for. */
const deepest = 200;
/** Bodies from this size on are read as far as somebody looks at them. */
const longFrom = 32_768;

/** Parses a JSON object. Throws `WireError`, also for one nested deeper than 200 levels: later it would fail in the middle of its answer. */
export function parseJson(raw: Buffer): Record<string, unknown> {
  const long = raw.length < longFrom ? null : openLong(raw, deepest);
  if (long !== null) return long;
  if (raw.length >= longFrom) assertFew(raw);
  let body: unknown;
  try {
    body = JSON.parse(raw.toString('utf8'));
  } catch {
    throw new WireError('bad-request', raw.length === 0 ? 'The body is empty; send a JSON object.' : 'The body is not valid JSON.');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new WireError('bad-request', 'The body must be a JSON object.');
  // Each level costs two bytes.
  if (raw.length > 2 * deepest && isDeeper(body, deepest)) throw new WireError('bad-request', `The body is nested too deeply: more than ${deepest} levels.`);
  return body as Record<string, unknown>;
}

function isDeeper(value: object, levels: number): boolean {
  if (levels === 0) return true;
  // Long bodies are long lists, whose indexes would each become text.
  if (Array.isArray(value)) return value.some((part: unknown) => typeof part === 'object' && part !== null && isDeeper(part, levels - 1));
  for (const key in value) {
    const part = (value as Record<string, unknown>)[key];
    if (typeof part === 'object' && part !== null && isDeeper(part, levels - 1)) return true;
  }
  return false;
}
