import { withValues } from './unread-fields.ts';

/**
 * A JSON object's bytes with some fields changed. Unchanged bytes stay the client's own; a field that the object does not
 * have yet is written before its closing brace, so that a long body is not written anew for it. `undefined` takes a field out.
 */
export function bodyWith(raw: Buffer, body: Record<string, unknown>, changes: Record<string, unknown>): Buffer {
  const names = Object.keys(changes);
  if (names.length === 0) return raw;
  if (names.some((name) => Object.hasOwn(body, name))) return withOthers(raw, body, changes);
  const end = raw.lastIndexOf('}');
  const addition = JSON.stringify(changes).slice(1);
  const separator = Object.keys(body).length === 0 ? '' : ',';
  return Buffer.concat([raw.subarray(0, end), Buffer.from(separator + addition)]);
}

/** Some of the fields are there already. Of a long body only their bytes are replaced. */
function withOthers(raw: Buffer, body: Record<string, unknown>, changes: Record<string, unknown>): Buffer {
  const there = Object.fromEntries(Object.entries(changes).filter(([name]) => Object.hasOwn(body, name)));
  const replaced = withValues(raw, body, there);
  if (replaced === null) return Buffer.from(JSON.stringify({ ...body, ...changes }));
  const added = Object.fromEntries(Object.entries(changes).filter(([name]) => !Object.hasOwn(body, name)));
  return bodyWith(replaced, body, added);
}
