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
  const long = keys.filter((key) => key.length >= 8);
  const quotes = (value: string | string[] | undefined): boolean => value !== undefined && long.some((key) => (typeof value === 'string' ? value.includes(key) : value.some((one) => one.includes(key))));
  if (long.length === 0 || !Object.values(headers).some(quotes)) return headers;
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => !quotes(value)));
}
