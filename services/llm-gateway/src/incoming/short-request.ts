import type { IncomingHttpHeaders } from 'node:http';
import { eachField, fieldLines } from '../http-fields.ts';

/** A request whose body is all there. */
export class ShortRequest {
  readonly method = 'POST';

  /** `socket` stands for the connection. */
  constructor(readonly url: string, readonly headers: IncomingHttpHeaders, readonly body: Buffer, readonly socket: object) {}
}

/** The head of a short request, and where its parts are. */
export interface ShortHead {
  url: string;
  headers: IncomingHttpHeaders;
  /** Bytes of the head, with its empty line, and of the body. */
  headBytes: number;
  bodyBytes: number;
}

/** Bodies up to this size are short: less is not counted anywhere, because the number of connections bounds it. */
export const longestBody = 16 * 1024;
const longestHead = 8 * 1024;
const headEnd = Buffer.from('\r\n\r\n');
const wellFormed = new RegExp(`^POST (/[\\x21-\\x7e]*) HTTP/1\\.1${fieldLines}$`);
/** Where these are, more is to be done than to read and to answer. */
const unusual = ['transfer-encoding', 'expect', 'upgrade', 'trailer', 'http2-settings'];

/**
 * Reads the head of a POST with a short body at the start of `bytes`. Null wherever there is anything but the plainest request: then Node
 * reads it, and says what is wrong with it. Nothing is taken here that Node would not take, or would understand in another way.
 */
export function readShortHead(bytes: Buffer): ShortHead | null {
  const end = bytes.indexOf(headEnd);
  if (end < 0 || end > longestHead) return null;
  const text = bytes.toString('latin1', 0, end);
  const url = wellFormed.exec(text)?.[1];
  if (url === undefined) return null;
  const headers: IncomingHttpHeaders = {};
  let isPlain = true;
  eachField(text, (name, value) => {
    // What a field that comes twice means is for Node to say.
    if (name === '__proto__' || Object.hasOwn(headers, name)) isPlain = false;
    else headers[name] = value;
  });
  const { connection, host, 'content-length': length } = headers;
  if (!isPlain || host === undefined || length === undefined || !/^\d{1,5}$/.test(length) || Number(length) > longestBody) return null;
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return null;
  if (unusual.some((name) => name in headers)) return null;
  return { url, headers, headBytes: end + headEnd.length, bodyBytes: Number(length) };
}
