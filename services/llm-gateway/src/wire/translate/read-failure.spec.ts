import { describe, expect, it } from 'vitest';
import type { FailureKind } from '../upstream-failure.ts';
import { readFailure } from './read-failure.ts';

const read = (status: number, body: unknown) => readFailure('openai-chat', status, body);
const said = (message: string, more: object = {}) => ({ error: { message, type: 'invalid_request_error', ...more } });
const google = (message: string, more: object = {}) => [{ error: { code: 400, message, status: 'INVALID_ARGUMENT', ...more } }];

describe('why a provider refused (LLM-3)', () => {
  it.each<[string, number, unknown]>([
    ['a tool\'s name', 400, said('Invalid schema for function \'get_billing_info\': None is not of type \'object\'.', { param: 'tools[0].function.parameters', code: 'invalid_function_parameters' })],
    ['a value', 400, said('Invalid value: \'too many requests\'. Supported values are: \'system\', \'user\'.', { param: 'messages[0].role', code: 'invalid_value' })],
    ['a file\'s name', 400, said('Missing required parameter: \'throttling\'.')],
    ['a field', 400, said('Unknown parameter: \'content_filter\'.', { code: 'unknown_parameter' })],
    ['a tool\'s description', 422, { detail: [{ loc: ['body', 'tools'], msg: 'context window: extra fields not permitted' }] }],
    ['a role', 400, said('Invalid role: usage policy. Must exceed the maximum of 1.')],
  ])('is not told by words of the request that it quotes: %s', (_, status, body) => {
    expect(read(status, body)).toMatchObject({ kind: 'bad-request', byWords: false });
  });

  it('is not told by words of the request where the key may not be used', () => {
    expect(read(403, said('You have no access to the project "billing, throttling".'))).toMatchObject({ kind: 'forbidden', byWords: false });
  });

  it.each<[string, FailureKind, number, unknown]>([
    ['OpenAI', 'context-window', 400, said('Your input exceeds the context window.', { code: 'context_length_exceeded' })],
    ['OpenAI', 'quota', 429, said('You exceeded your current quota, please check your plan and billing details.', { type: 'insufficient_quota', code: 'insufficient_quota' })],
    ['OpenAI', 'quota', 400, said('Billing hard limit has been reached', { code: 'billing_hard_limit_reached' })],
    ['OpenAI', 'rate-limited', 429, said('Rate limit reached for gpt-5.5', { type: 'tokens', code: 'rate_limit_exceeded' })],
    ['Azure', 'content-policy', 400, { error: { message: 'The response was filtered.', code: 'content_filter', innererror: { code: 'ResponsibleAIPolicyViolation' } } }],
    ['Anthropic', 'quota', 402, { type: 'error', error: { type: 'billing_error', message: 'There is a problem with your payment.' } }],
    ['Anthropic', 'too-large', 413, { type: 'error', error: { type: 'request_too_large', message: 'Request exceeds the maximum size' } }],
    ['Gemini', 'unauthenticated', 400, google('API key not valid. Please pass a valid API key.', { details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID', domain: 'googleapis.com' }] })],
    ['Gemini', 'quota', 429, google('You exceeded your current quota, please check your plan and billing details.', { code: 429, status: 'RESOURCE_EXHAUSTED' })],
    ['AWS', 'rate-limited', 400, { __type: 'com.amazon.coral.availability#ThrottlingException', message: 'Rate exceeded' }],
    ['AWS', 'rate-limited', 429, { message: 'Too many tokens, please wait before trying again.' }],
    ['llama.cpp', 'context-window', 400, { error: { code: 400, message: 'the request exceeds it', type: 'exceed_context_size_error' } }],
    ['OpenRouter', 'content-policy', 403, { error: { code: 403, message: 'Your chosen model requires moderation', metadata: { reasons: ['violence'], flagged_input: 'x', provider_name: 'p' } } }],
    ['Groq', 'too-large', 413, said('Request too large for model on tokens per minute (TPM): Limit 6000, Requested 9000', { type: 'tokens', code: 'rate_limit_exceeded' })],
  ])('is told by status, type and code: %s, %s', (_, kind, status, body) => {
    expect(read(status, body)).toMatchObject({ kind, byWords: false });
  });

  it.each<[string, FailureKind, unknown]>([
    ['Anthropic', 'quota', said('Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.')],
    ['Anthropic', 'quota', said('You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.')],
    ['Anthropic', 'context-window', said('prompt is too long: 205000 tokens > 200000 maximum')],
    ['Anthropic', 'context-window', said('input length and `max_tokens` exceed context limit: 199759 + 21333 > 200000, decrease input length or `max_tokens` and try again')],
    ['Anthropic', 'content-policy', said('Output blocked by content filtering policy')],
    ['Vertex', 'context-window', said('Prompt is too long')],
    ['OpenAI', 'content-policy', said('Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a different prompt', { code: 'invalid_prompt' })],
    ['Gemini', 'context-window', google('The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).')],
    ['Gemini', 'quota', google('Gemini API free tier is not available in your country. Please enable billing on your project in Google AI Studio.', { status: 'FAILED_PRECONDITION' })],
    ['Mistral', 'context-window', { object: 'error', message: 'Prompt contains 65673 tokens and 0 draft tokens, too large for model with 32768 maximum context length', type: 'invalid_request_prompt', code: '3051' }],
    ['Bedrock', 'context-window', { message: 'Input is too long for requested model.' }],
    ['Bedrock', 'context-window', { message: 'The model returned the following errors: Number of input tokens exceeds maximum length' }],
    ['vLLM', 'context-window', { object: 'error', message: 'This model\'s maximum context length is 8192 tokens. However, you requested 9000 tokens', type: 'BadRequestError', code: 400 }],
    ['vLLM', 'context-window', said('The decoder prompt (length 12300) is longer than the maximum model length of 4096.')],
    ['xAI', 'context-window', { code: 'Client specified an invalid argument', error: 'This model\'s maximum prompt length is 131072 but the request contains 537812 tokens.' }],
    ['Cerebras', 'context-window', said('Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192')],
    ['LM Studio', 'context-window', { error: 'The number of tokens to keep from the initial prompt is greater than the context length' }],
  ])('is told by a vendor\'s own phrase where nothing else says it: %s, %s', (_, kind, body) => {
    expect(read(400, body)).toMatchObject({ kind, byWords: true });
  });
});
