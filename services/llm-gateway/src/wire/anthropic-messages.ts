import { count, isRecord, type TokenUsage } from './token-usage.ts';
import { isList } from './unread-fields.ts';
import { budgetExceeded, isModelName, WireError, type Wire } from './wire-format.ts';

const errorTypes: Record<WireError['kind'], string> = {
  'bad-request': 'invalid_request_error', unauthenticated: 'authentication_error', forbidden: 'permission_error', 'not-found': 'not_found_error', 'method-not-allowed': 'invalid_request_error',
  'too-large': 'request_too_large', unsupported: 'invalid_request_error', 'rate-limited': 'rate_limit_error', upstream: 'api_error', unavailable: 'overloaded_error', timeout: 'timeout_error', internal: 'api_error',
};

/** Anthropic messages. */
export const anthropicMessages: Wire = {
  format: 'anthropic-messages',

  readRequest(body) {
    if (!isRecord(body)) throw new WireError('bad-request', 'The body must be a JSON object.');
    if (!isModelName(body.model)) throw new WireError('bad-request', 'model: must name a model; GET /v1/models lists them.');
    if (!isList(body, 'messages')) throw new WireError('bad-request', 'messages: must be a list.');
    if (body.stream !== undefined && body.stream !== null && typeof body.stream !== 'boolean') throw new WireError('bad-request', 'stream: must be true or false.');
    return { model: body.model, stream: body.stream === true, wantsUsage: true };
  },

  answerUsage: (answer) => (isRecord(answer) ? readUsage(answer.usage) : null),

  usageEvent(data) {
    if (!isRecord(data)) return { usage: null, final: false, onlyUsage: false };
    const usage = data.type === 'message_start' && isRecord(data.message) ? data.message.usage : data.usage;
    return { usage: readUsage(usage), final: data.type === 'message_delta', onlyUsage: false };
  },

  errorBody: (error) => ({ type: 'error', error: { type: error.code === budgetExceeded ? budgetExceeded : errorTypes[error.kind], message: error.message } }),

  errorEvent: (error) => `event: error\ndata: ${JSON.stringify(anthropicMessages.errorBody(error))}\n\n`,
};

/** `input_tokens` excludes what was read from or written to a cache. Only what the event states; later events complete it. */
function readUsage(usage: unknown): Partial<TokenUsage> | null {
  if (!isRecord(usage)) return null;
  const all = statedIn(usage);
  for (const one of Array.isArray(usage.iterations) ? usage.iterations : []) if (isRecord(one) && one.type === 'compaction') addTo(all, statedIn(one));
  const known = Object.entries(all).filter(([, value]) => value !== undefined);
  return known.length === 0 ? null : Object.fromEntries(known);
}

/** What it took to shorten the conversation before the answer is paid, and in none of the sums. */
function addTo(all: Stated, more: Stated): void {
  for (const name of Object.keys(all) as (keyof TokenUsage)[]) if (all[name] !== undefined) all[name] += more[name] ?? 0;
}

type Stated = { [Name in keyof TokenUsage]: number | undefined };

function statedIn(usage: Record<string, unknown>): Stated {
  const written = count(usage.cache_creation_input_tokens);
  const byAge = isRecord(usage.cache_creation) ? usage.cache_creation : {};
  const hour = count(byAge.ephemeral_1h_input_tokens);
  const details = isRecord(usage.output_tokens_details) ? usage.output_tokens_details : {};
  return {
    uncachedInput: count(usage.input_tokens),
    cacheRead: count(usage.cache_read_input_tokens),
    cacheWrite5m: count(byAge.ephemeral_5m_input_tokens) ?? (written === undefined ? undefined : Math.max(0, written - (hour ?? 0))),
    cacheWrite1h: hour,
    output: count(usage.output_tokens),
    reasoning: count(details.thinking_tokens) ?? count(details.reasoning_tokens),
  };
}
