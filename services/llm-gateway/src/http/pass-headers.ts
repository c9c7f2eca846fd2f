import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { credentialHeaders } from '../providers/catalogue.ts';
import type { Upstream } from '../providers/route.ts';
import type { UpstreamFormat } from '../wire/formats.ts';

/** Of the client's headers: what belongs to the vendor's format. Never its credentials, cookies or address. */
export function upstreamHeaders(upstream: Upstream, client: IncomingHttpHeaders, stream: boolean): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json', accept: stream ? 'text/event-stream' : 'application/json', 'accept-encoding': 'identity', 'user-agent': 'deskhand', ...credentialHeaders(upstream),
  };
  Object.assign(headers, vendorHeaders(upstream.wire, client));
  if (upstream.wire === 'anthropic-messages') headers['anthropic-version'] ??= '2023-06-01';
  return headers;
}

/** Of the client's headers, what belongs to a vendor's format. Never its credentials, cookies or address. */
export function vendorHeaders(format: UpstreamFormat, client: IncomingHttpHeaders): Record<string, string> {
  const prefix = format === 'anthropic-messages' ? 'anthropic-' : 'openai-beta';
  return Object.fromEntries(Object.entries(client).filter((header): header is [string, string] => header[0].startsWith(prefix) && typeof header[1] === 'string'));
}

/** What concerns one connection only, or the provider's own site and not ours. */
const kept = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'content-length',
  'set-cookie', 'location', 'alt-svc', 'strict-transport-security', 'server', 'via', 'date', 'www-authenticate',
]);

/** The provider's headers for the client: everything (rate limits, request ids, vendors' own) but what must not travel on. */
export function clientHeaders(upstream: IncomingHttpHeaders, callId: string): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(upstream)) if (value !== undefined && !kept.has(name) && !name.startsWith('access-control-')) headers[name] = value;
  headers['x-litellm-call-id'] = callId;
  return headers;
}
