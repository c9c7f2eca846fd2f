import { redactText } from '@deskhand/platform';
import { ModelError } from '../loop/model.ts';

const passing = new Set([408, 409, 425, 429, 500, 502, 503, 504, 529]);
/** The gateway's own word, in the code of one format and in the words of the other. */
const overBudget = /budget_exceeded|Budget has been exceeded/;
/** Refusals that carry a passing status but do not pass: no money left. */
const lasting = /insufficient_quota|billing|credit balance/i;
const overloaded = /overloaded|rate_limit|api_error|server_error|timeout|unavailable/i;
const maximumWords = 1_000;

interface SdkError {
  status?: number;
  headers?: { get(name: string): string | null };
  error?: unknown;
  type?: unknown;
  name?: string;
  message?: string;
}

/**
 * Any failure of either SDK as the loop knows failures. `opened`: the answer had begun, so what broke is the stream.
 * The words are the upstream's; nothing in them looks like a credential.
 */
export function asModelError(error: unknown, opened: boolean): ModelError {
  if (error instanceof ModelError) return error;
  const { status, headers, error: body, type, message } = (error ?? {}) as SdkError;
  const text = redactText(wordsOf(body) ?? message ?? String(error)).slice(0, maximumWords);
  const facts = `${typeof type === 'string' ? type : ''} ${safeJson(body)}`;
  if (status === 429 && overBudget.test(facts)) return new ModelError('budget', text, undefined, { cause: error });
  if (typeof status === 'number') {
    const kind = passing.has(status) && !lasting.test(facts) ? 'busy' : 'refused';
    return new ModelError(kind, `${text} (${status})`, kind === 'busy' ? retryAfter(headers) : undefined, { cause: error });
  }
  // An error that came as an event of the stream.
  if (body !== undefined && body !== null) {
    if (lasting.test(facts)) return new ModelError('refused', text, undefined, { cause: error });
    return new ModelError(overloaded.test(facts) ? (opened ? 'cut' : 'busy') : opened ? 'cut' : 'refused', text, undefined, { cause: error });
  }
  if (opened) return new ModelError('cut', 'The connection to the model broke off.', undefined, { cause: error });
  return new ModelError('unreachable', 'The model gateway cannot be reached.', undefined, { cause: error });
}

/** The sentence within an error body of either format. */
function wordsOf(body: unknown): string | null {
  for (let value = body, depth = 0; depth < 3; depth++) {
    if (typeof value === 'string' && value !== '') return value;
    if (typeof value !== 'object' || value === null) return null;
    const { message, error } = value as { message?: unknown; error?: unknown };
    if (typeof message === 'string' && message !== '') return message;
    value = error;
  }
  return null;
}

function retryAfter(headers: SdkError['headers']): number | undefined {
  const milliseconds = Number(headers?.get('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(milliseconds) && milliseconds >= 0) return milliseconds;
  const seconds = Number(headers?.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined;
}

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
}
