import { isRecord } from '../wire/token-usage.ts';
import { WireError } from '../wire/wire-format.ts';

/** What one call wants of the cache: LiteLLM's `cache` in a request's body. Times are seconds. */
export interface CacheControls {
  /** Is not answered from it. */
  noCache: boolean;
  /** Its answer is not kept. */
  noStore: boolean;
  ttl: number | null;
  /** How old an answer may be. */
  maxAge: number | null;
  namespace: string | null;
  /** Asks for it where it is not for every call. */
  use: boolean;
}

export const noControls: CacheControls = { noCache: false, noStore: false, ttl: null, maxAge: null, namespace: null, use: false };

/** Takes the controls out of a body: they are the gateway's own, and no provider gets them. Throws `WireError`. */
export function takeControls(body: Record<string, unknown>): CacheControls {
  const cache = body.cache ?? {};
  delete body.cache;
  if (!isRecord(cache)) throw new WireError('bad-request', 'The field cache must be an object like {"no-cache": true}.', 'cache');
  const flag = (name: string): boolean => {
    const value = cache[name] ?? false;
    if (typeof value !== 'boolean') throw new WireError('bad-request', `cache.${name} must be true or false.`, 'cache');
    return value;
  };
  const seconds = (...names: string[]): number | null => {
    const name = names.find((one) => cache[one] != null);
    if (name === undefined) return null;
    const value = cache[name];
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new WireError('bad-request', `cache.${name} must be a number of seconds.`, 'cache');
    return value;
  };
  const namespace = cache.namespace ?? null;
  if (namespace !== null && (typeof namespace !== 'string' || namespace.length > 500)) throw new WireError('bad-request', 'cache.namespace must be a short text.', 'cache');
  return { noCache: flag('no-cache'), noStore: flag('no-store'), ttl: seconds('ttl'), maxAge: seconds('s-maxage', 's-max-age'), namespace, use: flag('use-cache') };
}
