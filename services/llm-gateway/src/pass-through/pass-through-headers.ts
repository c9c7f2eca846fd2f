import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { PassThroughEndpoint } from './pass-through-endpoints.ts';

/** What concerns one connection only. */
const hopByHop = ['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect', 'http2-settings'];
/** Ours, or about where the caller is; cookies are a browser's, and meant for this host. */
const keptHere = new Set([...hopByHop, 'host', 'content-length', 'cookie', 'forwarded', 'via', 'x-real-ip']);
const keptThere = new Set([...hopByHop, 'set-cookie', 'alt-svc', 'strict-transport-security', 'server', 'via', 'date', 'location']);
/** What says how to read a body: travels always. */
const ofTheBody = ['content-type', 'content-encoding', 'content-length', 'accept'];

const namedBy = (headers: IncomingHttpHeaders): Set<string> => new Set((headers.connection ?? '').toLowerCase().split(',').map((name) => name.trim()));

/** The caller's headers for the target: all but what is ours (`keyHeader` among it), or only those about the body. */
export function headersUp(endpoint: Pick<PassThroughEndpoint, 'forwardHeaders'>, client: IncomingHttpHeaders, keyHeader: string | null): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  if (endpoint.forwardHeaders) {
    const named = namedBy(client);
    for (const [name, value] of Object.entries(client)) {
      if (value === undefined || keptHere.has(name) || name === keyHeader || named.has(name) || name.startsWith('x-litellm-') || name.startsWith('x-forwarded-')) continue;
      headers[name] = value;
    }
    if (client['content-length'] !== undefined) headers['content-length'] = client['content-length'];
  } else for (const name of ofTheBody) if (typeof client[name] === 'string') headers[name] = client[name];
  return headers;
}

/** The target's headers for the caller. */
export function headersDown(upstream: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = namedBy(upstream);
  return Object.fromEntries(Object.entries(upstream).filter(([name, value]) => value !== undefined && !keptThere.has(name) && !named.has(name) && !name.startsWith('access-control-')));
}

/** Everything in headers, path and query that may be a credential, however it is wrapped, for finding ours among them. */
export function* possibleCredentials(headers: Readonly<Record<string, string | string[]>>, path: string): Generator<string> {
  const [place = '', ...query] = path.split('?');
  for (const text of [...Object.values(headers).flat(), place, ...[...new URLSearchParams(query.join('?'))].flat()]) {
    for (const plain of new Set([text, decoded(text)])) {
      yield plain;
      for (const word of wordsOf(plain)) {
        yield word;
        // As in Basic, and in whatever else is sent in base64.
        const inside = /^[\w+/-]{8,}$/.test(word) ? Buffer.from(word, 'base64').toString('latin1') : '';
        if (/^[\x20-\x7e]+$/.test(inside)) yield* wordsOf(inside);
      }
    }
  }
}

/** Between what separates values everywhere, and between all that no key of ours holds. */
const wordsOf = (text: string): string[] => [...text.split(/[\s,;="']+/), ...text.split(/[^\w.-]+/)];

/** As servers may read it. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
