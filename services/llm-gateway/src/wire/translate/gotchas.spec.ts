import { describe, expect, it } from 'vitest';
import { hearAnthropic, hearChat, hearResponses } from '../../../test/wire/hear.ts';
import { sayAnthropic, sayChat, sayResponses } from '../../../test/wire/say.ts';
import { through } from '../../../test/wire/streams.ts';
import { eventsOf } from '../../../test/wire/turns.ts';
import type { ConversationFormat, CalledFormat } from '../formats.ts';
import { translationBetween, type Dialect, type TranslatedCall } from '../translation.ts';

type Fields = Record<string, any>;
const translate = (client: ConversationFormat, upstream: CalledFormat, body: Fields, dialect: Dialect = {}): TranslatedCall => translationBetween(client, upstream, dialect)!.request({ model: 'm', ...body });
const toChat = (body: Fields, dialect?: Dialect): Fields => translate('anthropic-messages', 'openai-chat', { max_tokens: 9, messages: [{ role: 'user', content: 'hi' }], ...body }, dialect).body;
const toAnthropic = (body: Fields, dialect?: Dialect): Fields => translate('openai-chat', 'anthropic-messages', { messages: [{ role: 'user', content: 'hi' }], ...body }, dialect).body;
const fromResponses = (upstream: CalledFormat, body: Fields, dialect?: Dialect): Fields => translate('openai-responses', upstream, { input: 'hi', ...body }, dialect).body;
const chunk = (delta: Fields, finish: string | null = null, extra: Fields = {}): string => `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason: finish }], ...extra })}\n\n`;
const done = 'data: [DONE]\n\n';
const forAnthropic = (stream: string): string => through(translate('anthropic-messages', 'openai-chat', { stream: true, max_tokens: 9, messages: [] }), stream);
const usage = { fresh: 0, read: 0, written: 0, output: 0, reasoning: 0 };

describe('1. instructions anywhere in messages', () => {
  it('stay in place for chat completions, empty ones are left out', () => {
    const body = toChat({ system: [{ type: 'text', text: 'x-anthropic-billing-header: cc_version=2; cch=1' }, { type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }], messages: [{ role: 'user', content: 'a' }, { role: 'system', content: 'Now in French.' }, { role: 'assistant', content: 'b' }, { role: 'system', content: [] }, { role: 'system', content: '' }, { role: 'user', content: 'c' }] });
    expect(body.messages).toEqual([{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'a' }, { role: 'system', content: 'Now in French.' }, { role: 'assistant', content: 'b' }, { role: 'user', content: 'c' }]);
  });

  it('are OpenAI\'s developer where the model has that role', () => {
    expect(fromResponses('openai-chat', { input: [{ role: 'developer', content: 'x' }, { role: 'user', content: 'y' }] }, { developerRole: true }).messages[0]).toEqual({ role: 'developer', content: 'x' });
    expect(fromResponses('openai-chat', { input: [{ role: 'developer', content: 'x' }, { role: 'user', content: 'y' }] }).messages[0]).toEqual({ role: 'system', content: 'x' });
  });

  it('lead for Anthropic, or stand after a user\'s turn where the model reads them there', () => {
    const messages = [{ role: 'system', content: 'first' }, { role: 'user', content: 'a' }, { role: 'system', content: 'later' }, { role: 'assistant', content: 'b' }, { role: 'user', content: 'c' }];
    expect(toAnthropic({ messages })).toMatchObject({ system: [{ text: 'first' }, { text: 'later' }], messages: [{ role: 'user' }, { role: 'assistant' }, { role: 'user' }] });
    expect(toAnthropic({ messages }, { systemInPlace: true })).toMatchObject({ system: [{ text: 'first' }], messages: [{ role: 'user' }, { role: 'system', content: [{ text: 'later' }] }, { role: 'assistant' }, { role: 'user' }] });
  });
});

describe('2. parallel calls', () => {
  it('whose pieces interleave become whole blocks, each begun and ended once', () => {
    const heard = hearAnthropic(forAnthropic([
      chunk({ role: 'assistant', tool_calls: [{ index: 0, id: 'a', function: { name: 'one', arguments: '{"x"' } }] }), chunk({ tool_calls: [{ index: 1, id: 'b', function: { name: 'two', arguments: '{"y":' } }, { index: 0, function: { arguments: ':"}' } }] }),
      chunk({ tool_calls: [{ index: 1, function: { arguments: '[1]' } }] }), chunk({ tool_calls: [{ index: 0, function: { arguments: '"}' } }] }), chunk({ tool_calls: [{ index: 1, function: { arguments: '}' } }] }), chunk({}, 'tool_calls'), done,
    ].join('')));
    expect(heard.blocks).toEqual([{ type: 'call', id: 'a', name: 'one', input: '{"x":"}"}' }, { type: 'call', id: 'b', name: 'two', input: '{"y":[1]}' }]);
    expect(heard.stop).toBe('tools');
  });

  it('whose arguments come before their id and name', () => {
    const heard = hearAnthropic(forAnthropic([chunk({ tool_calls: [{ index: 0, function: { arguments: '{"a"' } }] }), chunk({ tool_calls: [{ index: 0, id: 'x', function: { arguments: ':1' } }] }), chunk({ tool_calls: [{ index: 0, function: { name: 'late', arguments: '}' } }] }), chunk({}, 'tool_calls'), done].join('')));
    expect(heard.blocks).toEqual([{ type: 'call', id: 'x', name: 'late', input: '{"a":1}' }]);
  });

  it('that all have the index 0, and ones without an id', () => {
    const heard = hearAnthropic(forAnthropic(chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: 'one', arguments: '{}' } }, { index: 0, id: 'b', function: { name: 'two', arguments: '{}' } }] }) + chunk({}, 'tool_calls') + done));
    expect(heard.blocks.map((block) => block.type === 'call' && block.name)).toEqual(['one', 'two']);
    const nameless = hearAnthropic(forAnthropic(chunk({ tool_calls: [{ function: { name: 'one', arguments: '{"k":1}' } }] }) + chunk({}, 'stop') + done));
    expect(nameless.blocks).toEqual([{ type: 'call', id: expect.stringMatching(/^call_\w+$/) as string, name: 'one', input: '{"k":1}' }]);
    expect(nameless.stop).toBe('tools');
  });
});

describe('3. what comes only at the end, or is empty', () => {
  it('arguments that only .done tells', () => {
    const turn = { blocks: [{ type: 'text' as const, text: 'Hm.' }, { type: 'call' as const, id: 'c1', name: 'run', input: '{"cmd":"ls"}' }], stop: 'tools' as const, usage };
    const heard = hearAnthropic(through(translate('anthropic-messages', 'openai-responses', { stream: true, max_tokens: 9, messages: [] }), sayResponses(turn, { onlyDone: true })));
    expect(heard.blocks).toEqual(turn.blocks);
  });

  it('an output that only response.completed tells', () => {
    const response = { id: 'resp_x', status: 'completed', output: [{ type: 'message', id: 'm1', role: 'assistant', content: [{ type: 'output_text', text: 'Only here.' }] }], usage: { input_tokens: 1, output_tokens: 2 } };
    expect(hearAnthropic(through(translate('anthropic-messages', 'openai-responses', { stream: true, max_tokens: 9, messages: [] }), `data: ${JSON.stringify({ type: 'response.completed', response })}\n\n`)).blocks).toEqual([{ type: 'text', text: 'Only here.' }]);
  });

  it('empty tool_calls make no call and no empty delta', () => {
    expect(hearAnthropic(forAnthropic(chunk({ role: 'assistant', content: '', tool_calls: [] }) + chunk({ content: 'Hi', tool_calls: [] }) + chunk({ tool_calls: [] }, 'stop') + done))).toMatchObject({ blocks: [{ type: 'text', text: 'Hi' }], stop: 'end' });
  });

  it('a call whose input Anthropic states in its start', () => {
    const stream = sayAnthropic({ blocks: [{ type: 'call', id: 'toolu_1', name: 'run', input: '' }], stop: 'tools', usage }).replace('"input":{}', '"input":{"a":1}');
    expect(hearChat(through(translate('openai-chat', 'anthropic-messages', { stream: true, stream_options: { include_usage: true }, messages: [] }), stream)).blocks).toEqual([{ type: 'call', id: 'toolu_1', name: 'run', input: '{"a":1}' }]);
  });
});

it('4. message_start comes first even when the first chunk is a call, and once however often the upstream begins', () => {
  const events = eventsOf(forAnthropic(chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: 'one', arguments: '{}' } }] }) + chunk({ role: 'assistant' }, 'tool_calls') + done));
  expect(events.map((event) => event.type)).toEqual(['message_start', 'content_block_start', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop']);
});

describe('5. thinking', () => {
  const signed = [{ type: 'thinking', thinking: 'hmm', signature: 'sig==' }, { type: 'redacted_thinking', data: 'blob' }, { type: 'text', text: 'So.' }, { type: 'tool_use', id: 't1', name: 'f', input: {} }];

  it.each(['openai-chat', 'openai-responses'] as const)('signed and redacted by Anthropic goes through a client of %s and comes back as it was', (client) => {
    const answer = translate(client, 'anthropic-messages', client === 'openai-chat' ? { messages: [] } : { input: [] }).answer({ id: 'msg_1', content: signed, stop_reason: 'tool_use', usage: { input_tokens: 1, output_tokens: 1 } }) as Fields;
    const result = client === 'openai-chat' ? { messages: [{ role: 'user', content: 'q' }, answer.choices[0].message, { role: 'tool', tool_call_id: 't1', content: 'r' }] } : { input: [{ role: 'user', content: 'q' }, ...answer.output, { type: 'function_call_output', call_id: 't1', output: 'r' }] };
    expect(translate(client, 'anthropic-messages', result).body.messages).toEqual([{ role: 'user', content: [{ type: 'text', text: 'q' }] }, { role: 'assistant', content: signed }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: [{ type: 'text', text: 'r' }] }] }]);
  });

  it.each(['openai-chat', 'openai-responses'] as const)('streamed to a client of %s keeps its signature', (client) => {
    const stream = sayAnthropic({ blocks: [{ type: 'reasoning', text: 'hmm' }, { type: 'text', text: 'So.' }], stop: 'end', usage });
    const heard = (client === 'openai-chat' ? hearChat : hearResponses)(through(translate(client, 'anthropic-messages', { stream: true, stream_options: { include_usage: true }, messages: [], input: [] }), stream));
    const sentBack = client === 'openai-chat' ? { messages: [{ role: 'assistant', content: 'So.', thinking_blocks: [{ type: 'thinking', thinking: 'hmm', signature: heard.proofs[0] }] }] } : { input: [{ type: 'reasoning', summary: [{ type: 'summary_text', text: 'hmm' }], encrypted_content: heard.proofs[0] }, { role: 'assistant', content: 'So.' }] };
    expect(translate(client, 'anthropic-messages', sentBack).body.messages).toMatchObject([{ content: [{ type: 'thinking', thinking: 'hmm', signature: 'signed:3' }, { text: 'So.' }] }]);
  });

  it('encrypted by OpenAI goes through a client of Anthropic\'s and comes back as it was', () => {
    const heard = hearAnthropic(through(translate('anthropic-messages', 'openai-responses', { stream: true, max_tokens: 9, messages: [] }), sayResponses({ blocks: [{ type: 'reasoning', text: 'why' }, { type: 'text', text: 'So.' }], stop: 'end', usage })));
    const messages = [{ role: 'user', content: 'q' }, { role: 'assistant', content: [{ type: 'thinking', thinking: 'why', signature: heard.proofs[0] }, { type: 'text', text: 'So.' }] }, { role: 'user', content: 'go on' }];
    expect(translate('anthropic-messages', 'openai-responses', { max_tokens: 9, messages }).body.input).toMatchObject([{ role: 'user' }, { type: 'reasoning', id: 'rs_0', summary: [{ text: 'why' }], encrypted_content: 'enc:3' }, { role: 'assistant', content: [{ type: 'output_text', text: 'So.' }] }, { role: 'user' }]);
    // Another vendor cannot read it: nothing of it is sent there.
    expect(JSON.stringify(translate('anthropic-messages', 'openai-chat', { max_tokens: 9, messages }).body)).not.toMatch(/why|enc/);
  });

  it('Gemini\'s signature of a call travels with it', () => {
    const stream = chunk({ tool_calls: [{ index: 0, id: 'function-1', function: { name: 'f', arguments: '{}' }, extra_content: { google: { thought_signature: 'gem==' } } }] }) + chunk({}, 'stop') + done;
    const heard = hearAnthropic(forAnthropic(stream));
    const messages = [{ role: 'user', content: 'q' }, { role: 'assistant', content: [{ type: 'redacted_thinking', data: heard.proofs[0] }, { type: 'tool_use', id: 'function-1', name: 'f', input: {} }] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'function-1', content: 'r' }] }];
    expect(toChat({ messages }).messages[1].tool_calls).toEqual([{ id: 'function-1', type: 'function', function: { name: 'f', arguments: '{}' }, extra_content: { google: { thought_signature: 'gem==' } } }]);
  });

  it('OpenRouter\'s details travel opaque', () => {
    const details = [{ type: 'reasoning.encrypted', data: 'xx' }];
    const heard = hearAnthropic(forAnthropic(chunk({ reasoning: 'r', reasoning_details: details }) + chunk({ content: 'c' }) + chunk({}, 'stop') + done));
    const messages = [{ role: 'assistant', content: [{ type: 'thinking', thinking: 'r', signature: heard.proofs[0] }, { type: 'text', text: 'c' }] }];
    expect(toChat({ messages }).messages).toEqual([{ role: 'assistant', content: 'c', reasoning_details: details }]);
  });

  it('unsigned is a thinking block without a signature, never text; it is dropped on the way to Anthropic and echoed where it is wanted', () => {
    for (const field of ['reasoning_content', 'reasoning']) {
      expect(hearAnthropic(forAnthropic(chunk({ [field]: 'hm' }) + chunk({ content: 'So.' }) + chunk({}, 'stop') + done))).toMatchObject({ blocks: [{ type: 'reasoning', text: 'hm' }, { type: 'text', text: 'So.' }], proofs: [] });
    }
    const spoken = { role: 'assistant', content: 'So.', reasoning_content: 'hm' };
    expect(toAnthropic({ messages: [{ role: 'user', content: 'q' }, spoken, { role: 'user', content: 'r' }] }).messages[1]).toEqual({ role: 'assistant', content: [{ type: 'text', text: 'So.' }] });
    const messages = [{ role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: '' }, { type: 'text', text: 'So.' }] }];
    expect(toChat({ messages }).messages).toEqual([{ role: 'assistant', content: 'So.' }]);
    expect(toChat({ messages }, { reasoningEcho: true }).messages).toEqual([spoken]);
  });

  it('adaptive with an effort becomes a reasoning effort, as near as the model has it', () => {
    const adaptive = { thinking: { type: 'adaptive' }, output_config: { effort: 'max' } };
    expect(toChat(adaptive, { efforts: ['low', 'medium', 'high', 'xhigh'] }).reasoning_effort).toBe('xhigh');
    expect(toChat(adaptive, { efforts: ['low', 'medium', 'high'] }).reasoning_effort).toBe('high');
    expect(toChat(adaptive)).not.toHaveProperty('reasoning_effort');
    expect(toChat({ thinking: { type: 'enabled', budget_tokens: 20_000 } }, { efforts: ['low', 'medium', 'high'] }).reasoning_effort).toBe('high');
    expect(toChat({ thinking: { type: 'disabled' } }, { efforts: ['none', 'low'] }).reasoning_effort).toBe('none');
    expect(translate('anthropic-messages', 'openai-responses', { max_tokens: 20, messages: [], ...adaptive }, { efforts: ['high'] }).body).toMatchObject({ reasoning: { effort: 'high', summary: 'auto' }, include: ['reasoning.encrypted_content'], store: false });
  });

  it('a reasoning effort becomes thinking the way the Claude model does it', () => {
    expect(toAnthropic({ reasoning_effort: 'high' })).toMatchObject({ thinking: { type: 'adaptive' }, output_config: { effort: 'high' } });
    expect(toAnthropic({ reasoning_effort: 'minimal' }).output_config).toEqual({ effort: 'low' });
    expect(toAnthropic({ reasoning_effort: 'none' }).thinking).toEqual({ type: 'disabled' });
    expect(toAnthropic({ reasoning_effort: 'low', max_tokens: 4_000 }, { thinking: 'budget' })).toMatchObject({ thinking: { type: 'enabled', budget_tokens: 2_048 }, max_tokens: 4_000 });
    expect(toAnthropic({ reasoning_effort: 'high', max_tokens: 500 }, { thinking: 'budget' })).not.toHaveProperty('thinking');
    expect(toAnthropic({ reasoning_effort: 'high' }, { thinking: 'never' })).not.toHaveProperty('thinking');
    // A turn at work that lost its thinking cannot go on with it.
    const messages = [{ role: 'user', content: 'q' }, { role: 'assistant', content: null, tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }] }, { role: 'tool', tool_call_id: 'a', content: 'r' }];
    expect(toAnthropic({ reasoning_effort: 'low', messages }, { thinking: 'budget' })).not.toHaveProperty('thinking');
  });
});

describe('6. choice of tools', () => {
  const tools = [{ name: 'a', input_schema: { type: 'object', properties: {} } }];
  it('any and required, one at most', () => {
    expect(toChat({ tools, tool_choice: { type: 'any', disable_parallel_tool_use: true } })).toMatchObject({ tool_choice: 'required', parallel_tool_calls: false });
    expect(toChat({ tools, tool_choice: { type: 'tool', name: 'a' } }).tool_choice).toEqual({ type: 'function', function: { name: 'a' } });
    const functions = [{ type: 'function', function: { name: 'a', parameters: { type: 'object', properties: {} } } }];
    expect(toAnthropic({ tools: functions, tool_choice: 'required', parallel_tool_calls: false }).tool_choice).toEqual({ type: 'any', disable_parallel_tool_use: true });
    expect(toAnthropic({ tools: functions, parallel_tool_calls: false }).tool_choice).toEqual({ type: 'auto', disable_parallel_tool_use: true });
    expect(toAnthropic({ tools: functions, tool_choice: 'none' }).tool_choice).toEqual({ type: 'none' });
    // Thinking and a forced tool exclude each other.
    expect(toAnthropic({ tools: functions, tool_choice: 'required', reasoning_effort: 'high' })).not.toHaveProperty('thinking');
  });

  it('only some of them', () => {
    const functions = ['a', 'b'].map((name) => ({ type: 'function', function: { name } }));
    expect(toAnthropic({ tools: functions, tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'b' } }] } } })).toMatchObject({ tools: [{ name: 'b' }], tool_choice: { type: 'any' } });
    expect(fromResponses('openai-chat', { tools: ['a', 'b'].map((name) => ({ type: 'function', name })), tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'a' }] } })).toMatchObject({ tools: [{ function: { name: 'a' } }], tool_choice: 'auto' });
  });
});

describe('7. results of tools', () => {
  const png = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' }, cache_control: { type: 'ephemeral' } };
  const messages = [
    { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'see', input: {} }, { type: 'tool_use', id: 'b', name: 'run', input: {} }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: [png] }, { type: 'tool_result', tool_use_id: 'b', content: 'boom', is_error: true }, { type: 'text', text: 'Well?' }] },
  ];

  it('with pictures: these follow in a user\'s message after all results', () => {
    expect(toChat({ messages }).messages.slice(1)).toEqual([
      { role: 'tool', tool_call_id: 'a', content: 'The result follows as media in the next message.' }, { role: 'tool', tool_call_id: 'b', content: '[tool error] boom' },
      { role: 'user', content: [{ type: 'text', text: '[Picture of the result of call a]' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }, { type: 'text', text: 'Well?' }] },
    ]);
  });

  it('with pictures: responses take them inside', () => {
    expect(translate('anthropic-messages', 'openai-responses', { max_tokens: 20, messages }).body.input).toMatchObject([{ type: 'function_call' }, { type: 'function_call' }, { type: 'function_call_output', call_id: 'a', output: [{ type: 'input_image', image_url: 'data:image/png;base64,AAAA' }] }, { type: 'function_call_output', call_id: 'b', output: '[tool error] boom' }, { role: 'user' }]);
  });

  it('with pictures from a client of responses: Anthropic takes them inside', () => {
    const input = [{ type: 'function_call', call_id: 'a', name: 'see', arguments: '{}' }, { type: 'function_call_output', call_id: 'a', output: [{ type: 'input_text', text: 'shot' }, { type: 'input_image', image_url: 'data:image/png;base64,AAAA', detail: 'high' }] }];
    expect(fromResponses('anthropic-messages', { input }).messages[1].content).toEqual([{ type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text', text: 'shot' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }] }]);
  });

  it('of one turn stand in one message, first', () => {
    const call = (id: string) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } });
    expect(toAnthropic({ messages: [{ role: 'user', content: 'q' }, { role: 'assistant', content: null, tool_calls: [call('a'), call('b')] }, { role: 'tool', tool_call_id: 'a', content: '1' }, { role: 'user', content: 'also' }, { role: 'tool', tool_call_id: 'b', content: '2' }] }).messages.at(-1)).toEqual({
      role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text', text: '1' }] }, { type: 'tool_result', tool_use_id: 'b', content: [{ type: 'text', text: '2' }] }, { type: 'text', text: 'also' }],
    });
  });
});

describe('8. usage', () => {
  it('OpenAI\'s prompt_tokens include what a cache gave, Anthropic\'s input_tokens do not', () => {
    const answered = translate('anthropic-messages', 'openai-chat', { max_tokens: 9, messages: [] }).answer({ choices: [{ message: { content: 'x' }, finish_reason: 'stop' }], usage: { prompt_tokens: 1_000, completion_tokens: 20, prompt_tokens_details: { cached_tokens: 900 }, completion_tokens_details: { reasoning_tokens: 5 } } });
    expect(answered.usage).toMatchObject({ input_tokens: 100, cache_read_input_tokens: 900, cache_creation_input_tokens: 0, output_tokens: 20 });
    const asked = translate('openai-chat', 'anthropic-messages', { messages: [] }).answer({ content: [], stop_reason: 'end_turn', usage: { input_tokens: 10, cache_read_input_tokens: 200, cache_creation_input_tokens: 70, cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 40 }, output_tokens: 6 } });
    expect(asked.usage).toEqual({ prompt_tokens: 280, completion_tokens: 6, total_tokens: 286, prompt_tokens_details: { cached_tokens: 200, cache_write_tokens: 70 }, completion_tokens_details: { reasoning_tokens: 0 } });
  });

  it('Anthropic states what was said so far again and again: the last one counts, nothing is added up', () => {
    const event = (type: string, fields: Fields): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
    const start = event('message_start', { message: { id: 'msg_1', usage: { input_tokens: 10, cache_read_input_tokens: 100, cache_creation_input_tokens: 7, cache_creation: { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 4 }, output_tokens: 1 } } });
    const said = (tokens: number, reason: string | null): string => event('message_delta', { delta: { stop_reason: reason }, usage: { output_tokens: tokens } });
    const stream = `${start}${event('content_block_start', { index: 0, content_block: { type: 'text', text: 'x' } })}${event('content_block_stop', { index: 0 })}${said(5, null)}${said(9, 'end_turn')}${event('message_stop', {})}`;
    const heard = hearChat(through(translate('openai-chat', 'anthropic-messages', { stream: true, stream_options: { include_usage: true }, messages: [] }), stream));
    expect(heard.usage).toEqual({ fresh: 10, read: 100, written: 7, output: 9, reasoning: 0 });
  });

  it('is asked for upstream, and not shown to a client that did not ask', () => {
    expect(toChat({ stream: true }).stream_options).toEqual({ include_usage: true });
    expect(toChat({ stream: true }, { streamUsage: false })).not.toHaveProperty('stream_options');
    const stream = through(translate('openai-chat', 'anthropic-messages', { stream: true, messages: [] }), sayAnthropic({ blocks: [{ type: 'text', text: 'x' }], stop: 'end', usage }));
    expect(stream).not.toContain('usage');
    expect(stream).toMatch(/data: \[DONE\]\n\n$/);
  });
});

describe('9. why it stopped', () => {
  it.each([['stop', 'end_turn'], ['length', 'max_tokens'], ['tool_calls', 'tool_use'], ['function_call', 'tool_use'], ['content_filter', 'refusal']])('%s is %s', (finish, stop) => {
    expect(translate('anthropic-messages', 'openai-chat', { max_tokens: 9, messages: [] }).answer({ choices: [{ message: { content: 'x' }, finish_reason: finish }] }).stop_reason).toBe(stop);
  });

  it.each([['end_turn', 'stop', 'completed', null], ['max_tokens', 'length', 'incomplete', 'max_output_tokens'], ['model_context_window_exceeded', 'length', 'incomplete', 'max_output_tokens'], ['tool_use', 'tool_calls', 'completed', null], ['stop_sequence', 'stop', 'completed', null], ['pause_turn', 'stop', 'completed', null], ['refusal', 'content_filter', 'incomplete', 'content_filter']])('%s is %s, and %s %s', (reason, finish, status, why) => {
    const answer = { content: [{ type: 'text', text: 'x' }], stop_reason: reason, usage: {} };
    expect((translate('openai-chat', 'anthropic-messages', { messages: [] }).answer(answer) as Fields).choices[0].finish_reason).toBe(finish);
    expect(translate('openai-responses', 'anthropic-messages', { input: 'x' }).answer(answer)).toMatchObject({ status, incomplete_details: why === null ? null : { reason: why } });
  });

  it('a refusal in OpenAI\'s own field is Anthropic\'s refusal, its words kept', () => {
    expect(translate('anthropic-messages', 'openai-chat', { max_tokens: 9, messages: [] }).answer({ choices: [{ message: { content: null, refusal: 'No.' }, finish_reason: 'stop' }] })).toMatchObject({ content: [{ type: 'text', text: 'No.' }], stop_reason: 'refusal' });
    expect(translate('openai-responses', 'openai-chat', { input: 'x' }).answer({ choices: [{ message: { content: null, refusal: 'No.' }, finish_reason: 'stop' }] })).toMatchObject({ status: 'completed', output: [{ content: [{ type: 'refusal', refusal: 'No.' }] }] });
  });

  it('an upstream of chat completions that failed in mid-stream, with a choice beside its error', () => {
    const stream = forAnthropic(`: WAITING\n\n${chunk({ content: 'Hi' })}${chunk({ content: '' }, 'error', { error: { code: 429, message: 'Too fast' } })}`);
    expect(stream).toMatch(/^: ping\n\nevent: message_start/);
    expect(eventsOf(stream).at(-1)).toEqual({ event: 'error', type: 'error', error: { type: 'rate_limit_error', message: 'Too fast' } });
  });

  it('an upstream that failed in mid-stream is response.failed', () => {
    const stream = through(translate('openai-responses', 'anthropic-messages', { stream: true, input: 'x' }), 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n');
    expect(eventsOf(stream).at(-1)).toMatchObject({ type: 'response.failed', response: { status: 'failed', error: { code: 'server_is_overloaded', message: 'Overloaded' } } });
  });
});

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

describe('refusals of upstreams in the client\'s envelope', () => {
  const failure = (client: ConversationFormat, upstream: CalledFormat, status: number, body: unknown): Fields => translationBetween(client, upstream)!.failure(status, body);

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
