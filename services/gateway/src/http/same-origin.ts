import type { IncomingHttpHeaders } from 'node:http';

const safe = new Set(['GET', 'HEAD', 'OPTIONS']);

export function isUnsafe(method: string): boolean {
  return !safe.has(method);
}

/**
 * Whether a browser sent this from another site. Programs that are no browsers send neither header and carry no cookies that
 * another page could misuse; a browser always sends one of them with an unsafe request.
 */
export function isCrossSite(headers: IncomingHttpHeaders, publicUrl: URL | null): boolean {
  const { origin } = headers;
  if (origin !== undefined) return !isOwnOrigin(origin, headers.host, publicUrl);
  const site = headers['sec-fetch-site'];
  return site !== undefined && site !== 'same-origin' && site !== 'none';
}

/** Whether `origin` is this server's own: the address it is known by, or the one the request was sent to. */
export function isOwnOrigin(origin: string | undefined, host: string | undefined, publicUrl: URL | null): boolean {
  if (origin === undefined) return false;
  if (publicUrl !== null && origin === publicUrl.origin) return true;
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}
