import { describe, expect, it } from 'vitest';
import { hearAnthropic, hearChat, hearResponses } from '../../../test/wire/hear.ts';
import { sayAnthropic, sayResponses } from '../../../test/wire/say.ts';
import { through } from '../../../test/wire/streams.ts';
import { chunk, done, forAnthropic, fromResponses, toAnthropic, toChat, translate, usage, type Fields } from '../../../test/wire/translate.ts';
import { eventsOf } from '../../../test/wire/turns.ts';

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
