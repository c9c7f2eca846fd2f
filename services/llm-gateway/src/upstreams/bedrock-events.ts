import { entryOf } from '../entry-of.ts';
import { isRecord } from '../wire/token-usage.ts';
import type { Frame } from './event-stream-decoder.ts';

const errorTypes: Record<string, string> = { throttlingException: 'rate_limit_error', serviceUnavailableException: 'overloaded_error', validationException: 'invalid_request_error', modelTimeoutException: 'timeout_error' };

function parse(payload: Buffer): Record<string, unknown> {
  try {
    const fields: unknown = JSON.parse(payload.toString('utf8'));
    return isRecord(fields) ? fields : {};
  } catch {
    return {};
  }
}

/** A frame of a Claude model's stream: Anthropic's own event inside, in base64. */
export function claudeEvent({ kind, type, payload }: Frame): string {
  const fields = parse(payload);
  if (kind !== 'event') {
    const error = { type: entryOf(errorTypes, type) ?? 'api_error', message: messageOf(fields, type) };
    return `event: error\ndata: ${JSON.stringify({ type: 'error', error })}\n\n`;
  }
  if (typeof fields.bytes !== 'string') return '';
  const data = Buffer.from(fields.bytes, 'base64').toString('utf8');
  const name = /^\{"type":"(\w+)"/.exec(data)?.[1] ?? String((JSON.parse(data) as { type?: unknown }).type);
  return `event: ${name}\ndata: ${data}\n\n`;
}

/** A frame of a Converse stream, its type put beside its fields. */
export function converseEvent({ kind, type, payload }: Frame): string {
  const fields = parse(payload);
  const data = kind === 'event' ? { type, ...fields } : { type: type.endsWith('Exception') ? type : `${type}Exception`, message: messageOf(fields, type) };
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

const messageOf = (fields: Record<string, unknown>, type: string): string => (typeof fields.message === 'string' && fields.message !== '' ? fields.message : type || 'The provider reported an error.');
