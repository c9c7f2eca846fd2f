import fc from 'fast-check';
import type { CalledFormat } from '../../src/wire/formats.ts';

type Fields = Record<string, unknown>;

const place = fc.oneof({ weight: 8, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.constantFrom(-1, 1.5, 2 ** 40, '0', null, undefined) });
const words = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 12 }), fc.constantFrom('', '{"a":', '"b"}', '{}', '[1', '\\', '"', '\n\n', 'data: [DONE]', '\u2028', '\ud800', 'STOP', 'ST', 'OP'));
const wild = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(null, undefined, [], {}, '', 0, -1, 1e308, '__proto__'));
const name = fc.oneof(words, fc.constantFrom('run', 'apply_patch', 'mcp__a__b', 'toString', '__proto__'));
const usages = fc.oneof(fc.record({ prompt_tokens: place, completion_tokens: place, input_tokens: place, output_tokens: place, inputTokens: place, outputTokens: place, total_tokens: place, prompt_tokens_details: wild, input_tokens_details: wild, output_tokens_details: wild, cache_creation: wild }, { requiredKeys: [] }), wild);

const chatCall = fc.record({ index: place, id: name, type: fc.constantFrom('function', 'custom'), function: fc.oneof(fc.record({ name, arguments: fc.oneof(words, wild) }, { requiredKeys: [] }), wild), extra_content: fc.constantFrom(undefined, { google: { thought_signature: 's' } }) }, { requiredKeys: [] });
const chatDelta = fc.record({ role: fc.constant('assistant'), content: fc.oneof(words, wild), reasoning_content: fc.oneof(words, wild), reasoning: fc.oneof(words, wild), refusal: words, reasoning_details: wild, tool_calls: fc.oneof(fc.array(chatCall, { maxLength: 3 }), wild), function_call: wild }, { requiredKeys: [] });
const finishes = fc.constantFrom('stop', 'length', 'tool_calls', 'content_filter', 'function_call', 'eos', 5, null, null, null, undefined);
const chatEvents = fc.record({ id: words, model: words, choices: fc.oneof(fc.array(fc.record({ index: place, delta: fc.oneof(chatDelta, wild), finish_reason: finishes }, { requiredKeys: [] }), { maxLength: 2 }), wild), usage: usages, x_groq: wild, error: fc.constantFrom(undefined, undefined, undefined, undefined, undefined, undefined, undefined, null, { message: 'no', code: 429 }, 'no') }, { requiredKeys: [] });

const anthropicBlock = fc.oneof(
  fc.record({ type: fc.constantFrom('text', 'thinking', 'redacted_thinking', 'tool_use', 'server_tool_use', 'odd'), text: words, thinking: words, signature: words, data: words, id: name, name, input: wild }, { requiredKeys: ['type'] }), wild,
);
const anthropicDelta = fc.oneof(fc.record({ type: fc.constantFrom('text_delta', 'thinking_delta', 'input_json_delta', 'signature_delta', 'odd'), text: words, thinking: words, partial_json: words, signature: fc.oneof(words, wild), stop_reason: fc.constantFrom('end_turn', 'tool_use', 'max_tokens', 'pause_turn', 'refusal', 'odd', 7, null), stop_sequence: words }, { requiredKeys: [] }), wild);
const anthropicEvents = fc.record({
  type: fc.constantFrom('message_start', 'content_block_start', 'content_block_start', 'content_block_delta', 'content_block_delta', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop', 'ping', 'odd', 'error'),
  index: place, message: fc.oneof(fc.record({ id: words, model: words, usage: usages }, { requiredKeys: [] }), wild), content_block: anthropicBlock, delta: anthropicDelta, usage: usages, error: wild,
}, { requiredKeys: ['type'] });

const responsesItem = fc.oneof(fc.record({ type: fc.constantFrom('message', 'reasoning', 'function_call', 'custom_tool_call', 'web_search_call', 'odd'), id: words, call_id: name, name, namespace: words, arguments: fc.oneof(words, wild), input: words, content: fc.oneof(fc.array(fc.record({ type: fc.constantFrom('output_text', 'refusal'), text: words, refusal: words }, { requiredKeys: [] }), { maxLength: 2 }), wild), summary: fc.oneof(fc.array(fc.record({ text: words }), { maxLength: 2 }), wild), encrypted_content: words }, { requiredKeys: [] }), wild);
const response = fc.oneof(fc.record({ id: words, model: words, status: fc.constantFrom('completed', 'incomplete', 'failed', 'odd'), output: fc.oneof(fc.array(responsesItem, { maxLength: 3 }), wild), usage: usages, incomplete_details: wild, error: wild }, { requiredKeys: [] }), wild);
const responsesEvents = fc.record({
  type: fc.constantFrom(
    'response.created', 'response.in_progress', 'response.output_item.added', 'response.output_item.added', 'response.output_item.done', 'response.output_item.done', 'response.output_text.delta', 'response.output_text.delta', 'response.output_text.done', 'response.refusal.delta', 'response.refusal.done', 'response.function_call_arguments.delta',
    'response.function_call_arguments.delta', 'response.function_call_arguments.done', 'response.custom_tool_call_input.delta', 'response.custom_tool_call_input.done', 'response.reasoning_summary_text.delta', 'response.reasoning_text.delta', 'response.completed', 'response.incomplete', 'response.failed', 'error', 'odd',
  ),
  output_index: place, content_index: place, summary_index: place, item: responsesItem, delta: fc.oneof(words, wild), text: words, refusal: words, arguments: words, input: words, response, error: wild, message: words, code: words,
}, { requiredKeys: ['type'] });

const converseEvents = fc.record({
  type: fc.constantFrom('messageStart', 'contentBlockStart', 'contentBlockDelta', 'contentBlockDelta', 'contentBlockDelta', 'contentBlockStop', 'messageStop', 'metadata', 'throttlingException', 'odd'),
  contentBlockIndex: place, start: fc.oneof(fc.record({ toolUse: fc.oneof(fc.record({ toolUseId: name, name }, { requiredKeys: [] }), wild) }), wild), stopReason: fc.constantFrom('end_turn', 'tool_use', 'odd', 3), usage: usages, message: words,
  delta: fc.oneof(fc.record({ text: words }), fc.record({ reasoningContent: fc.oneof(fc.record({ text: words }), wild) }), fc.record({ toolUse: fc.oneof(fc.record({ input: words }), wild) }), wild),
}, { requiredKeys: ['type'] });

/** Events that a vendor may send, and many that none ever should. */
export const hostileEvents: Record<CalledFormat, fc.Arbitrary<Fields>> = { 'openai-chat': chatEvents, 'anthropic-messages': anthropicEvents, 'openai-responses': responsesEvents, 'bedrock-converse': converseEvents };

/** Whole answers, as far from the format as can be. */
export const hostileAnswers: Record<CalledFormat, fc.Arbitrary<unknown>> = {
  'openai-chat': fc.oneof(fc.record({ id: words, choices: fc.oneof(fc.array(fc.record({ index: place, message: fc.oneof(chatDelta, wild), finish_reason: finishes }, { requiredKeys: [] }), { maxLength: 2 }), wild), usage: usages }, { requiredKeys: [] }), wild),
  'anthropic-messages': fc.oneof(fc.record({ id: words, content: fc.oneof(fc.array(anthropicBlock, { maxLength: 4 }), wild), stop_reason: wild, usage: usages }, { requiredKeys: [] }), wild),
  'openai-responses': response,
  'bedrock-converse': fc.oneof(fc.record({ output: fc.oneof(fc.record({ message: fc.oneof(fc.record({ content: fc.oneof(fc.array(fc.oneof(fc.record({ text: words }), fc.record({ toolUse: wild }), fc.record({ reasoningContent: wild }), wild), { maxLength: 3 }), wild) }), wild) }), wild), stopReason: wild, usage: usages }, { requiredKeys: [] }), wild),
};

const noise = fc.oneof(
  fc.constantFrom(': comment\n', '\n', '\r\n', '\r', 'event: x\n', 'id: 1\n', 'retry: 5\n', 'data\n', 'data:\n\n', 'data: \n\n', 'data: [DONE]\n\n', 'data: {"half":\n\n', 'data: null\n\n', 'data: []\n\n', 'data: "x"\n\n', 'data: 5\n\n', '\ufeff', 'DATA: {}\n\n', 'data: {\ndata: }\n\n').map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
);

/** A stream's bytes: events between noise, ended as some servers end lines. */
export function hostileStream(format: CalledFormat): fc.Arbitrary<Buffer> {
  const event = hostileEvents[format].chain((fields) => fc.constantFrom('\n\n', '\r\n\r\n', '\r\r', '\n').map((end) => Buffer.from(`${typeof fields.type === 'string' ? `event: ${fields.type}\n` : ''}data: ${JSON.stringify(fields)}${end}`)));
  return fc.array(fc.oneof({ weight: 10, arbitrary: event }, { weight: 1, arbitrary: noise }), { maxLength: 14 }).map((pieces) => Buffer.concat(pieces));
}
