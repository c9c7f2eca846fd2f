import { openaiChat } from './openai-chat.ts';
import { isRecord } from './token-usage.ts';
import { isModelName, WireError, type Wire } from './wire-format.ts';

/** OpenAI's older completions: one text in, one text out. No provider is called in it; every call is translated. */
export const openaiCompletions: Wire = {
  ...openaiChat,
  format: 'openai-completions',

  readRequest(body) {
    if (!isRecord(body)) throw new WireError('bad-request', 'The body must be a JSON object.');
    if (!isModelName(body.model)) throw new WireError('bad-request', 'The field model must name a model; GET /v1/models lists them.', 'model');
    if (body.stream !== undefined && body.stream !== null && typeof body.stream !== 'boolean') throw new WireError('bad-request', 'The field stream must be true or false.', 'stream');
    return { model: body.model, stream: body.stream === true, wantsUsage: isRecord(body.stream_options) && body.stream_options.include_usage === true };
  },
};
