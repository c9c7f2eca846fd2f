import { isRecord } from '../token-usage.ts';

/** Whether a schema is one that OpenAI's strict mode takes: every object closed, every property required. */
export function strictable(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(strictable);
  if (!isRecord(schema)) return true;
  const properties = isRecord(schema.properties) ? schema.properties : null;
  if (schema.type === 'object' || properties) {
    const required = new Set(Array.isArray(schema.required) ? schema.required : []);
    if (schema.additionalProperties !== false || Object.keys(properties ?? {}).some((name) => !required.has(name))) return false;
  }
  return [...Object.values(properties ?? {}), ...['items', 'anyOf', '$defs', 'definitions'].map((name) => (isRecord(schema[name]) && name.includes('def') ? Object.values(schema[name]) : schema[name]))].every(strictable);
}
