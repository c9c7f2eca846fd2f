import { DeclaredError } from '@deskhand/contracts';
import { AddressRefused, type AddressPolicy } from './address-policy.ts';

export const defaultPort = (url: URL): number => Number(url.port) || (url.protocol === 'https:' ? 443 : 80);

/**
 * Reads an address that a person typed. The host must be spelled the way it is used: what a URL parser would quietly turn
 * into another host (`0x7f.1`, `2130706433`, fullwidth letters, a trailing dot, whitespace, `\`) is `BAD_INPUT`, as are
 * user names and passwords, fragments, and addresses that are not public.
 */
export function parseEndpointUrl(text: string, policy: AddressPolicy): URL {
  const refuse = (why: string): never => {
    throw new DeclaredError('BAD_INPUT', `The endpoint URL is not usable: ${why}`);
  };
  // oxlint-disable-next-line no-control-regex
  if (/[\s\\\u0000-\u001f\u007f]/.test(text)) refuse('it holds spaces, control characters or backslashes.');
  const parts = /^(https?):\/\/([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/i.exec(text);
  if (!parts || !URL.canParse(text)) return refuse('write it like https://api.example.com/v1.');
  const url = new URL(text);
  const authority = parts[2] ?? '';
  if (authority.includes('@')) refuse('it may not hold a user name or password.');
  if (parts[4] !== undefined || parts[5] !== undefined) refuse('it may not have a query or a fragment.');
  const typedHost = authority.replace(/:\d*$/, '').toLowerCase();
  if (typedHost !== url.hostname || url.hostname.endsWith('.')) refuse(`write its host in the plain form ${url.hostname.replace(/\.$/, '')}.`);
  try {
    policy.checkHost(url.hostname, defaultPort(url));
  } catch (error) {
    if (error instanceof AddressRefused) refuse(error.message);
    throw error;
  }
  return url;
}
