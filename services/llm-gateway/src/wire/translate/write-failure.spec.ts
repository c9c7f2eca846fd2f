import { describe, expect, it } from 'vitest';
import type { CalledFormat, ConversationFormat } from '../formats.ts';
import { translationBetween } from '../translation.ts';

describe('refusals of upstreams in the client\'s envelope', () => {
  const failure = (client: ConversationFormat, upstream: CalledFormat, status: number, body: unknown): object => translationBetween(client, upstream)!.failure(status, body);

  it('keep their words and say their kind', () => {
    expect(failure('anthropic-messages', 'openai-chat', 401, { error: { message: 'Incorrect API key', type: 'invalid_request_error', code: 'invalid_api_key' } })).toEqual({ status: 401, body: { type: 'error', error: { type: 'authentication_error', message: 'Incorrect API key' } } });
    expect(failure('openai-chat', 'anthropic-messages', 529, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } })).toEqual({ status: 503, body: { error: { message: 'Overloaded', type: 'service_unavailable_error', param: null, code: 'server_is_overloaded' } } });
    expect(failure('openai-responses', 'anthropic-messages', 429, { type: 'error', error: { type: 'rate_limit_error', message: 'Slow down' } })).toMatchObject({ status: 429, body: { error: { code: 'rate_limit_exceeded' } } });
    expect(failure('anthropic-messages', 'openai-chat', 429, { error: { message: 'You exceeded your current quota', code: 'insufficient_quota' } })).toMatchObject({ status: 429, body: { error: { type: 'billing_error' } } });
    expect(failure('openai-chat', 'bedrock-converse', 400, { message: 'ValidationException: no such model' })).toMatchObject({ status: 400, body: { error: { message: 'ValidationException: no such model', type: 'invalid_request_error' } } });
    expect(failure('openai-chat', 'openai-responses', 502, '<html>Bad gateway</html>')).toMatchObject({ status: 502, body: { error: { message: 'The provider refused the call (HTTP 502).', type: 'server_error' } } });
    expect(failure('anthropic-messages', 'openai-chat', 400, [{ error: { code: 400, message: 'API key not valid', status: 'INVALID_ARGUMENT' } }])).toMatchObject({ status: 400, body: { error: { message: 'API key not valid' } } });
  });

  it('tell a conversation that is too long in the words that clients shorten it for', () => {
    const openai = { error: { message: 'This model\'s maximum context length is 128000 tokens. However, your messages resulted in 130,500 tokens.', code: 'context_length_exceeded', param: 'messages' } };
    expect(failure('anthropic-messages', 'openai-chat', 400, openai)).toEqual({ status: 400, body: { type: 'error', error: { type: 'invalid_request_error', message: 'prompt is too long: 130500 tokens > 128000 maximum' } } });
    expect(failure('openai-responses', 'anthropic-messages', 400, { type: 'error', error: { type: 'invalid_request_error', message: 'prompt is too long: 205000 tokens > 200000 maximum' } })).toMatchObject({ status: 400, body: { error: { code: 'context_length_exceeded', message: 'prompt is too long: 205000 tokens > 200000 maximum' } } });
  });
});
