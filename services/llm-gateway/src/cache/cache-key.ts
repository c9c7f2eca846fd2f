import { createHash } from 'node:crypto';

/** Everything that an answer depends on, and whose it is. */
export interface CacheSubject {
  /** A user or a key: nobody else is ever given this answer. */
  owner: string;
  namespace: string;
  format: string;
  /** The model with what stands behind it now. */
  model: readonly string[];
  /** Headers that change answers. */
  headers: Readonly<Record<string, string>>;
  body: Readonly<Record<string, unknown>>;
}

/** One name for it, the same however the body's fields are ordered. */
export function cacheKey({ owner, namespace, format, model, headers, body }: CacheSubject): string {
  return createHash('sha256').update(canonical([owner, namespace, format, model, headers, body])).digest('hex');
}

/** JSON whose objects have their fields in one order. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).filter(([, field]) => field !== undefined).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`;
}
