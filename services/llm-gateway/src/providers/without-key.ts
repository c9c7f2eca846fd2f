import type { IncomingHttpHeaders } from 'node:http';

/** Text from a provider without our key, should it quote it. */
export function withoutKey(text: string, key: string): string {
  return key.length < 8 ? text : text.replaceAll(key, '[key]');
}

/** The same for bytes that are passed on; unchanged bytes stay the same object. */
export function bytesWithoutKey(bytes: Buffer, key: string): Buffer {
  if (key.length < 8 || !bytes.includes(key)) return bytes;
  return Buffer.from(bytes.toString('latin1').replaceAll(key, '[key]'), 'latin1');
}

/** The same for the headers of an answer; unchanged headers stay the same object. */
export function headersWithoutKeys(headers: IncomingHttpHeaders, keys: readonly string[]): IncomingHttpHeaders {
  // Every call passes here, and next to none is quoted.
  for (const name in headers) if (quotes(headers[name], keys)) return Object.fromEntries(Object.entries(headers).filter(([, value]) => !quotes(value, keys)));
  return headers;
}

function quotes(value: string | string[] | undefined, keys: readonly string[]): boolean {
  if (value === undefined) return false;
  for (const key of keys) if (key.length >= 8 && (typeof value === 'string' ? value.includes(key) : value.some((one) => one.includes(key)))) return true;
  return false;
}
