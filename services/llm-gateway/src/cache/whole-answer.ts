import type { ModelCall } from '../usage/model-call.ts';

const failedEvent = /(^|\n)(event: (error|response\.failed)\b|data: ?\{"error":|data: ?\{"type":"(error|response\.failed)")/;

/**
 * Whether these bytes are all of a good answer. A stream that ended is not one yet: it must have said its last word, and no
 * error before it.
 */
export function isWholeAnswer(format: ModelCall['wire'], type: string, body: Buffer): boolean {
  if (!/^text\/event-stream\b/i.test(type)) return /^application\/json\b/i.test(type) && body.length > 0;
  const text = body.toString('utf8');
  if (failedEvent.test(text)) return false;
  if (format === 'anthropic-messages') return /(^|\n)event: message_stop\r?\n/.test(text);
  if (format === 'openai-responses') return /(^|\n)event: response\.completed\r?\n/.test(text) || /(^|\n)data: ?\{"type":"response\.completed"/.test(text);
  return /(^|\n)data: ?\[DONE\]\s*$/.test(text);
}
