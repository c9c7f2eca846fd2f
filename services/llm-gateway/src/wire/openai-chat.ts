import { count, isRecord, type TokenUsage } from './token-usage.ts';
import { isList } from './unread-fields.ts';
import { budgetExceeded, isModelName, errorStatus, WireError, type Wire } from './wire-format.ts';

const errorTypes: Partial<Record<WireError['kind'], string>> = {
  unauthenticated: 'authentication_error', forbidden: 'permission_error', 'rate-limited': 'rate_limit_error', upstream: 'upstream_error', unavailable: 'service_unavailable_error', timeout: 'timeout_error', internal: 'server_error',
};

/** OpenAI chat completions. */
export const openaiChat: Wire = {
  format: 'openai-chat',

  readRequest(body) {
    if (!isRecord(body)) throw new WireError('bad-request', 'The body must be a JSON object.');
    if (!isModelName(body.model)) throw new WireError('bad-request', 'The field model must name a model; GET /v1/models lists them.', 'model');
    if (!isList(body, 'messages')) throw new WireError('bad-request', 'The field messages must be a list.', 'messages');
    if (body.stream !== undefined && body.stream !== null && typeof body.stream !== 'boolean') throw new WireError('bad-request', 'The field stream must be true or false.', 'stream');
    const wantsUsage = isRecord(body.stream_options) && body.stream_options.include_usage === true;
    return { model: body.model, stream: body.stream === true, wantsUsage };
  },

  answerUsage: (answer) => (isRecord(answer) ? readUsage(answer.usage) : null),

  usageEvent(data) {
    if (!isRecord(data)) return { usage: null, final: false, onlyUsage: false };
    // Groq states it in a place of its own where it is not asked.
    const usage = readUsage(data.usage) ?? (isRecord(data.x_groq) ? readUsage(data.x_groq.usage) : null);
    const choices: unknown[] = Array.isArray(data.choices) ? data.choices : [];
    // Some servers state it with every piece, as it grows.
    const final = usage !== null && choices.every((choice) => isRecord(choice) && choice.finish_reason != null);
    return { usage, final, onlyUsage: usage !== null && Array.isArray(data.choices) && choices.length === 0 };
  },

  errorBody: (error) => ({ error: { message: error.message, type: error.code === budgetExceeded ? budgetExceeded : (errorTypes[error.kind] ?? 'invalid_request_error'), param: error.param, code: error.code ?? String(errorStatus[error.kind]) } }),

  errorEvent: (error) => `data: ${JSON.stringify(openaiChat.errorBody(error))}\n\n`,
};

/**
 * `prompt_tokens` includes cached ones, which DeepSeek, Moonshot and LiteLLM state in fields of their own. Some endpoints leave reasoning out of `completion_tokens` and show it in
 * `total_tokens` only: the total is what is billed, so the difference is output.
 */
function readUsage(usage: unknown): TokenUsage | null {
  if (!isRecord(usage)) return null;
  const prompt = count(usage.prompt_tokens);
  const completion = count(usage.completion_tokens);
  if (prompt === undefined && completion === undefined) return null;
  const promptDetails = isRecord(usage.prompt_tokens_details) ? usage.prompt_tokens_details : {};
  const completionDetails = isRecord(usage.completion_tokens_details) ? usage.completion_tokens_details : {};
  const input = prompt ?? 0;
  const cacheRead = Math.min(count(promptDetails.cached_tokens) ?? count(usage.prompt_cache_hit_tokens) ?? count(usage.cached_tokens) ?? 0, input);
  const cacheWrite5m = Math.min(count(promptDetails.cache_write_tokens) ?? count(usage.cache_creation_input_tokens) ?? 0, input - cacheRead);
  const unlisted = Math.max(0, (count(usage.total_tokens) ?? 0) - input - (completion ?? 0));
  const output = (completion ?? 0) + unlisted;
  const reasoning = Math.min(Math.max(count(completionDetails.reasoning_tokens) ?? 0, unlisted), output);
  return { uncachedInput: input - cacheRead - cacheWrite5m, cacheRead, cacheWrite5m, cacheWrite1h: 0, output, reasoning };
}
