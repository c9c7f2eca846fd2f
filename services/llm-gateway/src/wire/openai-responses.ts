import { openaiChat } from './openai-chat.ts';
import { count, isRecord, type TokenUsage } from './token-usage.ts';
import { isList } from './unread-fields.ts';
import { isModelName, WireError, type Wire } from './wire-format.ts';

const finalEvents = new Set(['response.completed', 'response.incomplete', 'response.failed']);

/** OpenAI responses. */
export const openaiResponses: Wire = {
  format: 'openai-responses',

  readRequest(body) {
    if (!isRecord(body)) throw new WireError('bad-request', 'The body must be a JSON object.');
    if (!isModelName(body.model)) throw new WireError('bad-request', 'The field model must name a model; GET /v1/models lists them.', 'model');
    if (!isList(body, 'input') && typeof body.input !== 'string') throw new WireError('bad-request', 'The field input must be text or a list.', 'input');
    if (body.stream !== undefined && body.stream !== null && typeof body.stream !== 'boolean') throw new WireError('bad-request', 'The field stream must be true or false.', 'stream');
    // Nothing could be heard of it again, its cost neither.
    if ((body.background ?? false) !== false) throw new WireError('bad-request', 'background: a model answers while the client waits here.', 'background', 'not_supported');
    return { model: body.model, stream: body.stream === true, wantsUsage: true };
  },

  answerUsage: (answer) => (isRecord(answer) ? readUsage(answer.usage) : null),

  usageEvent(data) {
    if (!isRecord(data) || !isRecord(data.response) || typeof data.type !== 'string' || !finalEvents.has(data.type)) return { usage: null, final: false, onlyUsage: false };
    const usage = readUsage(data.response.usage);
    return { usage, final: usage !== null, onlyUsage: false };
  },

  errorBody: (error) => openaiChat.errorBody(error),

  /** The event that says a response failed; clients read its code. */
  errorEvent(error) {
    const { code } = openaiChat.errorBody(error).error as { code: string };
    const response = { id: 'resp_failed', object: 'response', created_at: Math.floor(Date.now() / 1_000), status: 'failed', error: { code, message: error.message }, incomplete_details: null, output: [], usage: null };
    return `event: response.failed\ndata: ${JSON.stringify({ type: 'response.failed', response })}\n\n`;
  },
};

/** `input_tokens` includes cached ones. */
function readUsage(usage: unknown): TokenUsage | null {
  if (!isRecord(usage)) return null;
  const [input, output] = [count(usage.input_tokens), count(usage.output_tokens)];
  if (input === undefined && output === undefined) return null;
  const inputDetails = isRecord(usage.input_tokens_details) ? usage.input_tokens_details : {};
  const outputDetails = isRecord(usage.output_tokens_details) ? usage.output_tokens_details : {};
  const cacheRead = Math.min(count(inputDetails.cached_tokens) ?? 0, input ?? 0);
  const cacheWrite5m = Math.min(count(inputDetails.cache_write_tokens) ?? 0, (input ?? 0) - cacheRead);
  return { uncachedInput: (input ?? 0) - cacheRead - cacheWrite5m, cacheRead, cacheWrite5m, cacheWrite1h: 0, output: output ?? 0, reasoning: Math.min(count(outputDetails.reasoning_tokens) ?? 0, output ?? 0) };
}
