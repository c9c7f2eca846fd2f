import { entryOf } from '../entry-of.ts';
import { callTypes, defaultTtl, sharedTypes, type CacheSettings } from '../cache/cache-settings.ts';
import type { Place } from './yaml-place.ts';

const known = new Set(['type', 'ttl', 'default_in_memory_ttl', 'default_in_redis_ttl', 'namespace', 'supported_call_types', 'mode']);

/** Reads `litellm_settings.cache` and `cache_params`. Null: there is no cache. */
export function readCache(section: Place, note: (place: Place, words?: string) => void): CacheSettings | null {
  const params = section.field('cache_params');
  if (section.field('cache').boolean() !== true) {
    if (!params.isAbsent) note(params, 'has no effect: cache is not true');
    return null;
  }
  const type = params.field('type').text() ?? 'redis';
  const place = params.field('type');
  if (type !== 'local' && !sharedTypes.includes(type)) {
    note(place, `is "${type}", which is not there: answers are not cached`);
    return null;
  }
  if (!place.isAbsent && type !== 'local') note(place, `is "${type}": answers are kept in what the gateway's instances share, not there`);
  for (const field of params.fields()) if (!known.has(field.key)) note(field);
  const mode = params.field('mode');
  const word = mode.text() ?? 'default_on';
  if (word !== 'default_on' && word !== 'default_off') mode.problem('must be default_on or default_off');
  const kinds = params.field('supported_call_types');
  const named = kinds.texts();
  for (const name of named) if (entryOf(callTypes, name) === undefined) note(kinds, `names "${name}", whose answers are not cached here`);
  const ttl = params.field('ttl').number() ?? params.field(type === 'local' ? 'default_in_memory_ttl' : 'default_in_redis_ttl').number() ?? defaultTtl;
  return { shared: type !== 'local', ttl, namespace: params.field('namespace').text() ?? '', formats: new Set((kinds.isAbsent ? Object.keys(callTypes) : named).flatMap((name) => entryOf(callTypes, name) ?? [])), always: word === 'default_on' };
}
