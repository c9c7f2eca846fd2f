/**
 * `next` with every part that equals the one in `previous` replaced by it: plain objects and arrays are compared by their
 * fields, list items by `key` where they have one. What is drawn from an unchanged object is not drawn again.
 */
export function share<Value>(previous: unknown, next: Value): Value {
  return shared(previous, next) as Value;
}

function shared(previous: unknown, next: unknown): unknown {
  if (Object.is(previous, next) || typeof next !== 'object' || next === null || typeof previous !== 'object' || previous === null) return next;
  if (Array.isArray(next)) return Array.isArray(previous) ? sharedList(previous, next) : next;
  if (Array.isArray(previous)) return next;
  return sharedObject(previous as Record<string, unknown>, next as Record<string, unknown>);
}

function sharedList(previous: readonly unknown[], next: readonly unknown[]): readonly unknown[] {
  const byKey = new Map(previous.flatMap((item) => (keyOf(item) === undefined ? [] : [[keyOf(item), item]])));
  const items = next.map((item, index) => shared(byKey.get(keyOf(item)) ?? previous[index], item));
  return items.length === previous.length && items.every((item, index) => Object.is(item, previous[index])) ? previous : items;
}

function sharedObject(previous: Record<string, unknown>, next: Record<string, unknown>): Record<string, unknown> {
  const keys = Object.keys(next);
  const result: Record<string, unknown> = {};
  let same = keys.length === Object.keys(previous).length;
  for (const key of keys) {
    result[key] = shared(previous[key], next[key]);
    same &&= Object.is(result[key], previous[key]);
  }
  return same ? previous : result;
}

function keyOf(item: unknown): unknown {
  return typeof item === 'object' && item !== null && 'key' in item ? item.key : undefined;
}
