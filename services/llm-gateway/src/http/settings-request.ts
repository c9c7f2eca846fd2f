import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { WireError } from '../wire/wire-format.ts';
import { parseJson, readBody } from './read-body.ts';

const bodyBytes = 256 * 1024;
const deepest = 100;

/** The settings that a request's body brings. Throws `WireError` for what the schema does not allow. */
export async function readSettings<Settings>(schema: z.ZodType<Settings>, request: IncomingMessage): Promise<Settings> {
  if (request.headers['content-encoding'] !== undefined) throw new WireError('unsupported', 'Settings are not read compressed; send the JSON as it is.');
  const raw = await readBody(request, bodyBytes);
  // LiteLLM's clients send nothing where nothing must be said.
  const body = raw.length === 0 ? {} : parseJson(raw);
  if (!canBeKept(body, 0)) throw new WireError('bad-request', 'The body holds something that cannot be kept: U+0000, half of a surrogate pair, or more than a hundred levels.');
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new WireError('bad-request', parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; '), parsed.error.issues[0]?.path.join('.') ?? null);
}

/** What stands behind the `?`. Throws `WireError` for what nothing here can be named. */
export function queryOf(request: IncomingMessage): URLSearchParams {
  const query = new URL(request.url ?? '/', 'http://gateway').searchParams;
  for (const [name, value] of query) if (value.includes('\0')) throw new WireError('bad-request', `The character U+0000 is in no ${name.slice(0, 40).replaceAll('\0', '')}.`);
  return query;
}

/** Whether every database keeps it as it is. */
function canBeKept(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (typeof value !== 'object' || value === null) return true;
  if (depth > deepest) return false;
  return Object.entries(value).every(([name, inner]) => canBeKept(name, depth) && canBeKept(inner, depth + 1));
}
