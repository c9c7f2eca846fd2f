import fc from 'fast-check';
import type { ConversationFormat } from '../../src/wire/formats.ts';

const words = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 10 }), fc.constantFrom('', '{}', '{"a":1}', '{"a":', '__proto__', 'toString', '\ud800', 'data:image/png;base64,AAAA', 'data:,', 'https://example.org/x.png', 'file:///etc/passwd'));
const wild = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(null, [], {}, [null], [[]], 0, -1, 1e308, true, 'x'));
const or = (arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => fc.oneof({ weight: 6, arbitrary }, { weight: 1, arbitrary: wild });
const some = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> => fc.record(fields, { requiredKeys: [] });
const list = (arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => or(fc.array(or(arbitrary), { maxLength: 4 }));
const role = fc.constantFrom('user', 'assistant', 'system', 'developer', 'tool', 'function', 'odd');
const number = fc.oneof(fc.integer(), fc.double(), wild);
const image = or(some({ url: words, detail: words }));

const chatPart = some({ type: fc.constantFrom('text', 'image_url', 'input_audio', 'file', 'refusal', 'thinking', 'odd'), text: or(words), image_url: fc.oneof(image, words), file: or(some({ file_data: words, filename: words, file_id: words })), refusal: words });
const chatCall = some({ id: or(words), type: fc.constantFrom('function', 'custom', 'odd'), function: or(some({ name: or(words), arguments: or(words) })), custom: or(some({ name: words, input: words })), extra_content: wild });
const chatMessage = some({ role, content: fc.oneof(words, list(chatPart)), tool_calls: list(chatCall), tool_call_id: or(words), name: words, reasoning_content: or(words), thinking_blocks: list(some({ type: fc.constantFrom('thinking', 'redacted_thinking'), thinking: words, signature: or(words), data: words })), reasoning_details: wild, refusal: words, cache_control: wild });

const source = or(some({ type: fc.constantFrom('base64', 'url', 'text', 'file', 'odd'), media_type: words, data: words, url: words }));
const anthropicBlock: fc.Arbitrary<unknown> = some({ type: fc.constantFrom('text', 'image', 'document', 'thinking', 'redacted_thinking', 'tool_use', 'tool_result', 'server_tool_use', 'odd'), text: or(words), source, thinking: words, signature: or(words), data: words, id: or(words), name: or(words), input: wild, tool_use_id: or(words), content: fc.oneof(words, list(some({ type: fc.constantFrom('text', 'image'), text: words, source }))), is_error: wild, cache_control: wild });
const anthropicMessage = some({ role, content: fc.oneof(words, list(anthropicBlock)) });

const responsesItem = some({
  type: fc.constantFrom('message', 'reasoning', 'function_call', 'function_call_output', 'custom_tool_call', 'custom_tool_call_output', 'local_shell_call', 'local_shell_call_output', 'item_reference', 'odd'), role, id: words, call_id: or(words), name: or(words), namespace: words, arguments: or(words), input: or(words), action: wild,
  content: fc.oneof(words, list(some({ type: fc.constantFrom('input_text', 'output_text', 'input_image', 'input_file', 'refusal', 'odd'), text: or(words), image_url: or(words), file_data: words, refusal: words }))),
  output: fc.oneof(words, list(some({ type: fc.constantFrom('input_text', 'input_image', 'odd'), text: words, image_url: words }))), summary: list(some({ text: or(words) })), encrypted_content: or(words),
});

const tool = some({ type: fc.constantFrom('function', 'custom', 'namespace', 'web_search', 'local_shell', 'computer_20250124', 'odd'), name: or(words), description: or(words), parameters: wild, input_schema: wild, function: or(some({ name: or(words), parameters: wild, strict: wild })), custom: or(some({ name: words, format: wild })), tools: list(some({ type: fc.constantFrom('function', 'custom'), name: words, parameters: wild })), format: wild, strict: wild, defer_loading: wild });
const choice = fc.oneof(fc.constantFrom('auto', 'none', 'any', 'required'), some({ type: fc.constantFrom('auto', 'any', 'tool', 'none', 'function', 'custom', 'allowed_tools'), name: or(words), function: or(some({ name: words })), disable_parallel_tool_use: wild, mode: words, tools: list(tool) }), wild);
const shared = {
  stream: fc.oneof(fc.boolean(), wild), temperature: number, top_p: number, top_k: number, tools: list(tool), tool_choice: choice, parallel_tool_calls: wild, metadata: or(some({ user_id: or(words) })), user: or(words), service_tier: wild, cache_control: wild,
};

const of = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Record<string, unknown>> => fc.record({ model: fc.oneof({ weight: 8, arbitrary: fc.constant('mock/static') }, { weight: 1, arbitrary: wild }), ...shared, ...fields }, { requiredKeys: [] }).map((body) => JSON.parse(JSON.stringify(body)) as Record<string, unknown>);

/** Bodies that are almost what a client of the format sends, every field of them right or wrong by itself. */
export const hostileBodies: Record<ConversationFormat, fc.Arbitrary<Record<string, unknown>>> = {
  'openai-chat': of({ messages: list(chatMessage), max_tokens: number, max_completion_tokens: number, stop: fc.oneof(words, list(words)), n: number, reasoning_effort: or(words), response_format: or(some({ type: fc.constantFrom('json_object', 'json_schema', 'text', 'odd'), json_schema: or(some({ name: words, schema: wild, strict: wild })) })), stream_options: or(some({ include_usage: wild })), functions: list(tool), function_call: wild, logit_bias: wild, modalities: wild, audio: wild }),
  'anthropic-messages': of({ messages: list(anthropicMessage), system: fc.oneof(words, list(anthropicBlock)), max_tokens: number, stop_sequences: list(words), thinking: or(some({ type: fc.constantFrom('enabled', 'disabled', 'adaptive', 'odd'), budget_tokens: number })), output_config: or(some({ effort: or(words), format: wild })), output_format: wild, context_management: wild, mcp_servers: wild }),
  'openai-responses': of({ input: fc.oneof(words, list(responsesItem)), instructions: or(words), max_output_tokens: number, reasoning: or(some({ effort: or(words), summary: words })), text: or(some({ format: or(some({ type: fc.constantFrom('json_schema', 'json_object', 'text'), name: words, schema: wild })), verbosity: wild })), include: list(words), previous_response_id: wild, store: wild, prompt_cache_key: wild, truncation: wild, background: wild, conversation: wild }),
};
