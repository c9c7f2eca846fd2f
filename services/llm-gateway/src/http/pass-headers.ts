import type { IncomingHttpHeaders } from 'node:http';
import type { UpstreamFormat } from '../wire/formats.ts';

const shared = { 'accept-encoding': 'identity', 'user-agent': 'deskhand', 'content-type': 'application/json' } as const;
/** What every call to a provider says of itself: for an answer that is whole, and for a stream. */
export const acceptWhole = { accept: 'application/json', ...shared } as const;
export const acceptStream = { accept: 'text/event-stream', ...shared } as const;

/** Of the client's headers, what belongs to a vendor's format. Never its credentials, cookies or address. */
export function vendorHeaders(format: UpstreamFormat, client: IncomingHttpHeaders): Record<string, string> {
  const prefix = format === 'anthropic-messages' ? 'anthropic-' : 'openai-beta';
  const headers: Record<string, string> = {};
  for (const name of Object.keys(client)) if (name.startsWith(prefix) && typeof client[name] === 'string') headers[name] = client[name];
  return headers;
}

/** What concerns one connection only, or the provider's own site and not ours. */
const kept = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'content-length',
  'set-cookie', 'location', 'alt-svc', 'strict-transport-security', 'server', 'via', 'date', 'www-authenticate',
]);

/**
 * The provider's headers for the client, names and values in turn: everything (rate limits, request ids, vendors' own) but
 * what must not travel on, what `own` says instead, and the call's id.
 */
export function clientHeaders(upstream: IncomingHttpHeaders, callId: string, own: Readonly<Record<string, string | number>>): (string | number | string[])[] {
  const headers: (string | number | string[])[] = [];
  for (const name of Object.keys(upstream)) {
    const value = upstream[name];
    if (value !== undefined && !kept.has(name) && !name.startsWith('access-control-') && !Object.hasOwn(own, name)) headers.push(name, value);
  }
  for (const name of Object.keys(own)) headers.push(name, own[name]!);
  headers.push('x-litellm-call-id', callId);
  return headers;
}
