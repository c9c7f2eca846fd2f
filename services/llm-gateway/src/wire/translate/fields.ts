import { isRecord } from '../token-usage.ts';
import { WireError } from '../wire-format.ts';

export type Fields = Record<string, unknown>;

export const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);
/** Text with something in it. */
export const wordsOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
export const numberOf = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null);
export const flagOf = (value: unknown): boolean | null => (typeof value === 'boolean' ? value : null);
export const recordOf = (value: unknown): Fields | null => (isRecord(value) ? value : null);
export const recordsOf = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isRecord) : []);

/** Without the fields that are null or undefined, so that a body says only what was said. */
export function stated(fields: Fields): Fields {
  for (const name of Object.keys(fields)) if (fields[name] == null) delete fields[name];
  return fields;
}

/** A word from outside as a message may show it; what is no word is shown as such. */
export const shown = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 60) : `(${value === undefined ? 'nothing' : typeof value})`);

export function refuse(path: string, why: string): never {
  throw new WireError('bad-request', `${path}: ${why}`, path);
}

/** A list of objects, or a refusal that names it. */
export function listAt(value: unknown, path: string): Fields[] {
  if (!Array.isArray(value)) return refuse(path, 'must be a list.');
  const wrong = value.findIndex((entry) => !isRecord(entry));
  if (wrong !== -1) return refuse(`${path}.${wrong}`, 'must be an object.');
  return value as Fields[];
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
