import { describe, expect, it } from 'vitest';
import type { UpstreamFormat } from './formats.ts';
import { endsInFailure, firstFailure } from './stream-failure.ts';

const first = (format: UpstreamFormat, text: string) => firstFailure(format, Buffer.from(text));
const data = (event: unknown): string => `data: ${JSON.stringify(event)}\n\n`;

describe('failures within a stream', () => {
  const beginnings: [UpstreamFormat, string, string][] = [
    ['anthropic-messages', `event: error\n${data({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } })}`, 'overloaded'],
    ['anthropic-messages', `event: error\r\n${data({ type: 'error', error: { type: 'rate_limit_error', message: 'Slow down' } })}`, 'rate-limited'],
    ['openai-chat', data({ error: { message: 'The server had an error', type: 'server_error', code: null } }), 'internal'],
    ['openai-chat', data({ id: 'gen-1', choices: [{ delta: { content: '' }, finish_reason: 'error' }], error: { code: 502, message: 'Provider returned error' } }), 'internal'],
    ['openai-chat', data({ error: 'no room' }), 'internal'],
    ['openai-responses', `event: response.failed\n${data({ type: 'response.failed', response: { status: 'failed', error: { code: 'rate_limit_exceeded', message: 'Rate limit' } } })}`, 'rate-limited'],
    ['openai-responses', `event: error\n${data({ type: 'error', code: 'server_error', message: 'x', param: null })}`, 'internal'],
    ['bedrock-converse', `event: throttlingException\n${data({ type: 'throttlingException', message: 'Too many tokens' })}`, 'rate-limited'],
    ['bedrock-converse', `event: modelStreamErrorException\n${data({ type: 'modelStreamErrorException', message: 'x' })}`, 'internal'],
  ];
  it.each(beginnings)('%s: the first event of %s is one', (format, text, kind) => {
    expect(first(format, text)?.kind).toBe(kind);
    for (let at = 0; at < text.indexOf('\n', text.indexOf('data:')); at += 7) expect(first(format, text.slice(0, at))).toBeUndefined();
    expect(endsInFailure(format, Buffer.from(`${text}data: [DONE]\n\n`))).toBe(true);
  });

  it('are not what only looks like them, and not what comes after something else', () => {
    for (const text of [
      data({ choices: [{ delta: { content: '"error": {"message": "x"}' } }] }), data({ type: 'response.created', response: { error: null } }), `: waiting\n${beginnings[0]![1]}`, `event: message_start\n${data({ type: 'message_start' })}${beginnings[0]![1]}`,
      'data: {"error": {not JSON\n\n', 'data: [DONE]\n\n',
    ]) expect(first('openai-chat', text)).toBeNull();
    expect(first('openai-chat', `data: ${'x'.repeat(20_000)}`)).toBeNull();
    expect(endsInFailure('openai-responses', Buffer.from(data({ type: 'response.completed', response: { error: null, output: [{ text: '"type": "error", "error": {' }] } })))).toBe(false);
  });
});
