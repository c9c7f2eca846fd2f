import { describe, expect, it } from 'vitest';
import { hearAnthropic } from '../../../test/wire/hear.ts';
import { sayAnthropic, sayChat, sayResponses } from '../../../test/wire/say.ts';
import { through } from '../../../test/wire/streams.ts';
import { chunk, done, fromResponses, toAnthropic, toChat, translate, usage, type Fields } from '../../../test/wire/translate.ts';
import { eventsOf } from '../../../test/wire/turns.ts';
import type { CalledFormat, ConversationFormat } from '../formats.ts';
import type { Dialect } from '../translation.ts';

// The numbers go on from gotchas.spec.ts.
describe('10. prompt caches', () => {
  it('cache_control ends where nobody reads it, and goes through from clients that know it', () => {
    expect(JSON.stringify(toChat({ system: [{ type: 'text', text: 's', cache_control: { type: 'ephemeral' } }], tools: [{ name: 'a', input_schema: {}, cache_control: { type: 'ephemeral', ttl: '1h' } }], messages: [{ role: 'user', content: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral' } }] }] }))).not.toContain('cache_control');
    const cached = toAnthropic({ messages: [{ role: 'system', content: [{ type: 'text', text: 's', cache_control: { type: 'ephemeral' } }] }, { role: 'user', content: 'x' }], tools: [{ type: 'function', function: { name: 'a' }, cache_control: { type: 'ephemeral', ttl: '1h' } }] });
    expect(cached).toMatchObject({ system: [{ cache_control: { type: 'ephemeral' } }], tools: [{ cache_control: { type: 'ephemeral', ttl: '1h' } }] });
  });

  const marked = { type: 'ephemeral' };
  const asked: Readonly<Record<ConversationFormat, Fields>> = {
    'openai-chat': { messages: [{ role: 'system', content: 's', cache_control: marked }, { role: 'user', content: [{ type: 'text', text: 'x', cache_control: marked }, { type: 'text', text: 'y' }] }], tools: [{ type: 'function', function: { name: 'a' }, cache_control: marked }], prompt_cache_key: 'k', prompt_cache_retention: '24h' },
    'openai-responses': { instructions: 's', input: [{ role: 'user', content: 'x' }], tools: [{ type: 'function', name: 'a' }], prompt_cache_key: 'k', prompt_cache_retention: '24h' },
    'anthropic-messages': { max_tokens: 9, system: [{ type: 'text', text: 's', cache_control: marked }], messages: [{ role: 'user', content: [{ type: 'text', text: 'x', cache_control: marked }, { type: 'text', text: 'y' }] }], tools: [{ name: 'a', input_schema: {}, cache_control: marked }] },
  };
  /** What is left of it: marks, points and named fields. */
  const found = (body: Fields): Record<string, number | string> => {
    const text = JSON.stringify(body);
    return { marks: text.split('"cache_control"').length - 1, points: text.split('"cachePoint"').length - 1, key: String(body.prompt_cache_key ?? ''), kept: String(body.prompt_cache_retention ?? '') };
  };
  const none = { marks: 0, points: 0, key: '', kept: '' };
  const named = { ...none, key: 'k', kept: '24h' };

  it.each<[ConversationFormat, CalledFormat, Dialect, object]>([
    ['openai-chat', 'anthropic-messages', {}, { ...none, marks: 3 }], ['openai-chat', 'openai-responses', {}, named], ['openai-chat', 'bedrock-converse', { cachePoints: 'all' }, { ...none, points: 3 }], ['openai-chat', 'bedrock-converse', { cachePoints: 'texts' }, { ...none, points: 2 }], ['openai-chat', 'bedrock-converse', {}, none],
    ['openai-responses', 'openai-chat', { developerRole: true }, named], ['openai-responses', 'openai-chat', {}, none], ['openai-responses', 'anthropic-messages', {}, none], ['openai-responses', 'bedrock-converse', { cachePoints: 'all' }, none],
    ['anthropic-messages', 'openai-chat', {}, none], ['anthropic-messages', 'openai-chat', { cacheControl: true }, { ...none, marks: 2 }], ['anthropic-messages', 'openai-responses', {}, none], ['anthropic-messages', 'bedrock-converse', { cachePoints: 'all' }, { ...none, points: 3 }],
  ])('what clients of %s say of it reaches an upstream of %s with %j as far as that reads it', (client, upstream, dialect, expected) => {
    expect(found(translate(client, upstream, asked[client], dialect).body)).toEqual(expected);
  });

  it('a point stands right after what is marked', () => {
    const { system, messages, toolConfig } = translate('anthropic-messages', 'bedrock-converse', asked['anthropic-messages'], { cachePoints: 'all' }).body as Fields;
    const point = { cachePoint: { type: 'default' } };
    expect([system, messages[0].content, toolConfig.tools.at(-1)]).toEqual([[{ text: 's' }, point], [{ text: 'x' }, point, { text: 'y' }], point]);
  });

  it('prompt_cache_key stays among OpenAI\'s formats', () => {
    expect(fromResponses('openai-chat', { prompt_cache_key: 'k', service_tier: 'priority' }, { developerRole: true })).toMatchObject({ prompt_cache_key: 'k', service_tier: 'priority' });
    expect(fromResponses('openai-chat', { prompt_cache_key: 'k', service_tier: 'priority' })).not.toHaveProperty('prompt_cache_key');
    expect(translate('openai-chat', 'openai-responses', { messages: [], prompt_cache_key: 'k' }).body.prompt_cache_key).toBe('k');
    expect(toAnthropic({ prompt_cache_key: 'k' })).not.toHaveProperty('prompt_cache_key');
  });
});

describe('11. tools that only responses have', () => {
  const tools = [
    { type: 'function', name: 'shell', parameters: { type: 'object', properties: {} }, strict: false },
    { type: 'namespace', name: 'agents', description: 'd', tools: [{ type: 'function', name: 'spawn', parameters: { type: 'object', properties: {} } }] },
    { type: 'custom', name: 'apply_patch', description: 'Patches.', format: { type: 'grammar', syntax: 'lark', definition: 'start: "x"' } }, { type: 'web_search' }, { type: 'local_shell' },
  ];

  it('are flattened, wrapped or left out', () => {
    const body = fromResponses('anthropic-messages', { tools });
    expect(body.tools.map((tool: Fields) => tool.name)).toEqual(['shell', 'agents__spawn', 'apply_patch', 'local_shell']);
    expect(body.tools[2]).toMatchObject({ description: 'Patches.\n\nThe input must follow this lark grammar:\nstart: "x"', input_schema: { properties: { input: { type: 'string' } }, required: ['input'] } });
  });

  it('are called by their own names and kinds, streamed and whole', () => {
    const blocks = [{ type: 'call' as const, id: 'a', name: 'agents__spawn', input: '{"n":1}' }, { type: 'call' as const, id: 'b', name: 'apply_patch', input: '{"input":"*** Begin\\n\\"x\\" 🐧"}' }, { type: 'call' as const, id: 'c', name: 'local_shell', input: '{"command":["ls"]}' }];
    const call = translate('openai-responses', 'anthropic-messages', { stream: true, input: 'x', tools });
    const items = eventsOf(through(call, sayAnthropic({ blocks, stop: 'tools', usage }), [5, 50, 500])).filter((event) => event.type === 'response.output_item.done').map((event) => event.item as Fields);
    const expected = [
      { type: 'function_call', call_id: 'a', name: 'spawn', namespace: 'agents', arguments: '{"n":1}' }, { type: 'custom_tool_call', call_id: 'b', name: 'apply_patch', input: '*** Begin\n"x" 🐧' },
      { type: 'local_shell_call', call_id: 'c', action: { type: 'exec', command: ['ls'], env: {} } },
    ];
    expect(items).toMatchObject(expected);
    const whole = call.answer({ content: blocks.map(({ id, name, input }) => ({ type: 'tool_use', id, name, input: JSON.parse(input) as object })), stop_reason: 'tool_use', usage: {} });
    expect(whole.output).toMatchObject(expected);
    // And back again with their results.
    const input = [...items, { type: 'function_call_output', call_id: 'a', output: '1' }, { type: 'custom_tool_call_output', call_id: 'b', output: '2' }, { type: 'local_shell_call_output', id: 'c', output: '3' }];
    expect(fromResponses('anthropic-messages', { tools, input }).messages).toMatchObject([
      { role: 'assistant', content: blocks.map(({ id, name, input: text }) => ({ type: 'tool_use', id, name, input: id === 'c' ? { command: ['ls'] } : (JSON.parse(text) as object) })) },
      { role: 'user', content: ['a', 'b', 'c'].map((id) => ({ type: 'tool_result', tool_use_id: id })) },
    ]);
  });

  it('of OpenAI\'s own service that a call cannot do without are refused by name', () => {
    expect(() => fromResponses('anthropic-messages', { tools: [{ type: 'file_search', vector_store_ids: ['v'] }] })).toThrow(/tools.0.type: file_search/);
    expect(() => fromResponses('anthropic-messages', { previous_response_id: 'resp_1' })).toThrow(/previous_response_id/);
    expect(() => fromResponses('anthropic-messages', { input: [{ type: 'item_reference', id: 'x' }] })).toThrow(/input.0.id: the item x is not kept here/);
  });

  it('names that are too long or have odd letters are given back as they were', () => {
    const name = `mcp__${'long-'.repeat(20)}.tool`;
    const call = translate('anthropic-messages', 'openai-chat', { stream: true, max_tokens: 9, messages: [], tools: [{ name, input_schema: {} }], tool_choice: { type: 'tool', name } });
    const spoken = (call.body.tools as Fields[])[0]?.function.name as string;
    expect(spoken).toMatch(/^[\w-]{1,64}$/);
    expect((call.body.tool_choice as Fields).function.name).toBe(spoken);
    expect(hearAnthropic(through(call, chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: spoken, arguments: '{}' } }] }) + chunk({}, 'tool_calls') + done)).blocks).toMatchObject([{ name }]);
  });

  it('tools that are to be searched for are left out until they were found', () => {
    const deferred = [{ name: 'now', input_schema: {} }, { name: 'later', input_schema: {}, defer_loading: true }, { type: 'tool_search_tool_regex_20251119', name: 'tool_search_tool_regex' }];
    expect(toChat({ tools: deferred }).tools.map((tool: Fields) => tool.function.name)).toEqual(['now']);
    const messages = [{ role: 'assistant', content: [{ type: 'tool_use', id: 's', name: 'ToolSearch', input: {} }] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 's', content: [{ type: 'tool_reference', tool_name: 'later' }] }] }];
    expect(toChat({ tools: deferred, messages }).tools.map((tool: Fields) => tool.function.name)).toEqual(['now', 'later']);
  });
});

describe('12. the rest', () => {
  it('stop sequences, top_k, the user\'s name', () => {
    const id = JSON.stringify({ device_id: 'x'.repeat(64), session_id: 'y' });
    const body = toChat({ stop_sequences: ['END'], top_k: 5, temperature: 0.5, metadata: { user_id: id } });
    expect(body).toMatchObject({ stop: ['END'], temperature: 0.5, max_completion_tokens: 9 });
    expect(body).not.toHaveProperty('top_k');
    expect(body.user).toMatch(/^[0-9a-f]{64}$/);
    expect(toAnthropic({ stop: 'END', top_k: 5, user: 'me', temperature: 1.5 })).toMatchObject({ stop_sequences: ['END'], top_k: 5, metadata: { user_id: 'me' }, temperature: 1, max_tokens: 32_000 });
    expect(toAnthropic({ temperature: 0.2, top_p: 0.9 }, { sampling: false })).not.toHaveProperty('temperature');
    expect(toAnthropic({ temperature: 0.2, top_p: 0.9 })).not.toHaveProperty('top_p');
    expect(toAnthropic({}, { outputLimit: 4_096 }).max_tokens).toBe(4_096);
  });

  it('stop sequences that the upstream does not take are kept to all the same', () => {
    const turn = { blocks: [{ type: 'text' as const, text: 'one EN two END three' }, { type: 'call' as const, id: 'a', name: 'f', input: '{}' }], stop: 'tools' as const, usage: { fresh: 1, read: 0, written: 0, output: 9, reasoning: 0 } };
    const asked = { stream: true, max_tokens: 9, messages: [], stop_sequences: ['NOT', 'END'] };
    for (const stream of [through(translate('anthropic-messages', 'openai-responses', asked), sayResponses(turn)), through(translate('anthropic-messages', 'openai-chat', asked, { sampling: false }), sayChat(turn))]) {
      expect(hearAnthropic(stream)).toMatchObject({ blocks: [{ type: 'text', text: 'one EN two ' }], usage: { output: 9 } });
      expect(eventsOf(stream).at(-2)?.delta).toEqual({ stop_reason: 'stop_sequence', stop_sequence: 'END' });
    }
    expect(hearAnthropic(through(translate('anthropic-messages', 'openai-responses', { ...asked, stop_sequences: ['ENDLESS'] }), sayResponses(turn))).blocks).toEqual(turn.blocks);
    expect(translate('openai-chat', 'anthropic-messages', { messages: [], stop: ['\n', 'END'] }).body.stop_sequences).toEqual(['END']);
  });

  it('structured output', () => {
    const schema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false };
    const loose = { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false };
    expect(toChat({ output_config: { format: { type: 'json_schema', schema } } }).response_format).toEqual({ type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } });
    expect(toChat({ output_config: { format: { type: 'json_schema', schema: loose } } }).response_format.json_schema.strict).toBe(false);
    expect(toAnthropic({ response_format: { type: 'json_schema', json_schema: { name: 'n', schema, strict: true } } }).output_config).toEqual({ format: { type: 'json_schema', schema } });
    expect(toAnthropic({ response_format: { type: 'json_object' } }).system).toEqual([{ type: 'text', text: 'Answer with one JSON object and nothing else.' }]);
    expect(fromResponses('openai-chat', { text: { format: { type: 'json_schema', name: 'n', schema, strict: true } } }).response_format).toEqual({ type: 'json_schema', json_schema: { name: 'n', schema, strict: true } });
    expect(translate('openai-chat', 'openai-responses', { messages: [], verbosity: 'low', response_format: { type: 'json_schema', json_schema: { name: 'n', schema } } }).body.text).toEqual({ format: { type: 'json_schema', name: 'n', schema }, verbosity: 'low' });
    expect(translate('openai-chat', 'bedrock-converse', { messages: [], response_format: { type: 'json_schema', json_schema: { name: 'n', schema } } }).body.system).toMatchObject([{ text: expect.stringContaining(JSON.stringify(schema)) as string }]);
  });

  it('pictures and documents', () => {
    const parts = [{ type: 'image_url', image_url: { url: 'data:image/jpeg;base64,QUJD', detail: 'low' } }, { type: 'image_url', image_url: { url: 'https://x/y.png' } }, { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,QUJD' } }];
    expect(toAnthropic({ messages: [{ role: 'user', content: parts }] }).messages[0].content).toEqual([
      { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'QUJD' } }, { type: 'image', source: { type: 'url', url: 'https://x/y.png' } }, { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'QUJD' }, title: 'a.pdf' },
    ]);
    expect(translate('openai-chat', 'openai-responses', { messages: [{ role: 'user', content: parts }] }).body.input).toMatchObject([{ content: [{ type: 'input_image', image_url: 'data:image/jpeg;base64,QUJD', detail: 'low' }, { type: 'input_image', image_url: 'https://x/y.png' }, { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,QUJD' }] }]);
    expect(translate('openai-chat', 'bedrock-converse', { messages: [{ role: 'user', content: [parts[0], parts[2]] }] }).body.messages).toEqual([{ role: 'user', content: [{ image: { format: 'jpeg', source: { bytes: 'QUJD' } } }, { document: { format: 'pdf', name: 'a', source: { bytes: 'QUJD' } } }] }]);
  });

  it('ids of calls that a vendor does not take are replaced the same way in the call and its result', () => {
    const chat = (id: string) => ({ messages: [{ role: 'user', content: 'q' }, { role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: { name: 'f', arguments: '' } }] }, { role: 'tool', tool_call_id: id, content: 'r' }] });
    const { messages } = toAnthropic(chat('functions.f:0'));
    expect(messages[1].content[0].id).toMatch(/^[\w-]+$/);
    expect(messages[2].content[0].tool_use_id).toBe(messages[1].content[0].id);
    const mistral = translate('anthropic-messages', 'openai-chat', { max_tokens: 9, messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_0123', name: 'f', input: {} }] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_0123', content: 'r' }] }] }, { nineLetterCallIds: true }).body.messages as Fields[];
    expect(mistral[0]?.tool_calls[0].id).toMatch(/^[a-z0-9]{9}$/);
    expect(mistral[1]?.tool_call_id).toBe(mistral[0]?.tool_calls[0].id);
  });

  it('what would change the answer and cannot be said is refused by name', () => {
    expect(() => toAnthropic({ n: 2 })).toThrow(/^n: /);
    expect(() => toAnthropic({ logprobs: true })).toThrow(/^logprobs: /);
    expect(() => toAnthropic({ modalities: ['text', 'audio'] })).toThrow(/^modalities: /);
    expect(() => toAnthropic({ messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: {} }] }] })).toThrow(/^messages.0.content.0.type: .*input_audio/);
    expect(() => toChat({ mcp_servers: [{ url: 'x' }] })).toThrow(/^mcp_servers: /);
    expect(() => toChat({ tools: [{ type: 'computer_20250124', name: 'computer' }] })).toThrow(/^tools.0.type: computer_20250124/);
    expect(() => toAnthropic({ messages: 'x' })).toThrow(/^messages: must be a list/);
    expect(() => toAnthropic({ messages: [1] })).toThrow(/^messages.0: must be an object/);
  });
});
