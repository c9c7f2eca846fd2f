import type { IncomingHttpHeaders } from 'node:http';

/** Less is no key, and would be found everywhere. */
export const shortestKey = 8;

const credentialName = /auth|key|token|secret|cookie|password/;
/** Names of headers, and whether one is a credential's. */
const known = new Map<string, boolean>();
const mostKnown = 200;

/** What no answer may show once these headers are sent: `secrets`, and what is a credential among them, fetched tokens and stated headers too. */
export function secretsWith(secrets: readonly string[], headers: Readonly<Record<string, string>>): readonly string[] {
  let all = secrets;
  for (const name in headers) {
    if (!isCredential(name)) continue;
    const value = headers[name]!;
    // Behind the scheme, where there is one.
    const secret = value.slice(value.indexOf(' ') + 1);
    if (secret.length >= shortestKey && !all.includes(secret)) all = [...all, secret];
  }
  return all;
}

function isCredential(name: string): boolean {
  let is = known.get(name);
  if (is === undefined) {
    is = credentialName.test(name.toLowerCase());
    if (known.size < mostKnown) known.set(name, is);
  }
  return is;
}

/** Text from a provider without our key, should it quote it. */
export function withoutKey(text: string, key: string): string {
  return key.length < shortestKey ? text : text.replaceAll(key, '[key]');
}

/** The same for bytes that are passed on; unchanged bytes stay the same object. */
export function bytesWithoutKey(bytes: Buffer, key: string): Buffer {
  if (key.length < shortestKey || !bytes.includes(key)) return bytes;
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
  for (const key of keys) if (key.length >= shortestKey && (typeof value === 'string' ? value.includes(key) : value.some((one) => one.includes(key)))) return true;
  return false;
}
