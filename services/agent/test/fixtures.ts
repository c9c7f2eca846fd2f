/** Answers as providers send them: shapes and oddities of real streams, with texts of our own. */

const chunk = (delta: object, finish: string | null = null, more: object = {}) =>
  `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }], ...more })}\n\n`;
const usage = `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [], usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 } })}\n\n`;
const call = (index: number | undefined, facts: { id?: string; name?: string; arguments?: string }) => ({
  tool_calls: [{ ...(index !== undefined && { index }), ...(facts.id !== undefined && { id: facts.id, type: 'function' }), function: { ...(facts.name !== undefined && { name: facts.name }), ...(facts.arguments !== undefined && { arguments: facts.arguments }) } }],
});

export const openAi = {
  text: [chunk({ role: 'assistant', content: '' }), chunk({ content: 'Grüße 😀, ' }), chunk({ content: 'world' }), chunk({}, 'stop'), usage, 'data: [DONE]\n\n'].join(''),
  interleaved: [
    chunk({ role: 'assistant', content: null }), chunk({ content: 'Both:' }),
    chunk(call(0, { id: 'call_a', name: 'bash', arguments: '' })), chunk(call(1, { id: 'call_b', name: 'read', arguments: '' })),
    chunk(call(0, { arguments: '{"comm' })), chunk(call(1, { arguments: '{"path":"ü' })), chunk(call(0, { arguments: 'and":"ls"}' })), chunk(call(1, { arguments: '.txt"}' })),
    chunk({}, 'tool_calls'), usage, 'data: [DONE]\n\n',
  ].join(''),
  thinking: [chunk({ role: 'assistant', reasoning_content: 'Let me ' }), chunk({ reasoning_content: 'see.' }), chunk({ content: 'Yes.' }), chunk({}, 'stop'), 'data: [DONE]\n\n'].join(''),
  sameIndex: [chunk(call(0, { id: 'a', name: 'bash', arguments: '{"command":"one"}' })), chunk(call(0, { id: 'b', name: 'bash', arguments: '{"command":"two"}' })), chunk({}, 'stop'), 'data: [DONE]\n\n'].join(''),
  cut: [chunk({ role: 'assistant', content: 'Half an ans' })].join(''),
  refused: [chunk({ role: 'assistant', content: '' }), chunk({}, 'content_filter'), 'data: [DONE]\n\n'].join(''),
  errorEvent: [chunk({ content: 'Half' }), `data: ${JSON.stringify({ error: { message: 'The server had an error', type: 'server_error' } })}\n\n`].join(''),
};

const event = (data: { type: string } & Record<string, unknown>) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const begin = event({ type: 'message_start', message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 9, output_tokens: 1 } } });
const start = (index: number, block: object) => event({ type: 'content_block_start', index, content_block: block });
const grow = (index: number, delta: object) => event({ type: 'content_block_delta', index, delta });
const stop = (index: number) => event({ type: 'content_block_stop', index });
const finish = (reason: string) => event({ type: 'message_delta', delta: { stop_reason: reason, stop_sequence: null }, usage: { output_tokens: 3 } }) + event({ type: 'message_stop' });
const ping = event({ type: 'ping' });

export const anthropic = {
  text: [begin, start(0, { type: 'text', text: '' }), ping, grow(0, { type: 'text_delta', text: 'Grüße 😀, ' }), grow(0, { type: 'text_delta', text: 'world' }), stop(0), finish('end_turn')].join(''),
  interleaved: [
    begin, start(0, { type: 'text', text: '' }), grow(0, { type: 'text_delta', text: 'Both:' }), stop(0),
    start(1, { type: 'tool_use', id: 'toolu_a', name: 'bash', input: {} }), start(2, { type: 'tool_use', id: 'toolu_b', name: 'read', input: {} }),
    grow(1, { type: 'input_json_delta', partial_json: '' }), grow(1, { type: 'input_json_delta', partial_json: '{"comm' }), grow(2, { type: 'input_json_delta', partial_json: '{"path":"ü' }),
    grow(1, { type: 'input_json_delta', partial_json: 'and":"ls"}' }), grow(2, { type: 'input_json_delta', partial_json: '.txt"}' }), stop(1), stop(2), stop(2), finish('tool_use'),
  ].join(''),
  thinking: [
    begin, start(0, { type: 'thinking', thinking: '', signature: '' }), grow(0, { type: 'thinking_delta', thinking: 'Let me ' }), grow(0, { type: 'thinking_delta', thinking: 'see.' }), grow(0, { type: 'signature_delta', signature: 'c2ln' }), stop(0),
    start(1, { type: 'redacted_thinking', data: 'aGlkZGVu' }), stop(1), start(2, { type: 'text', text: '' }), grow(2, { type: 'text_delta', text: 'Yes.' }), stop(2), finish('end_turn'),
  ].join(''),
  wholeInput: [begin, start(0, { type: 'tool_use', id: 'toolu_a', name: 'bash', input: { command: 'ls' } }), finish('tool_use')].join(''),
  cut: [begin, start(0, { type: 'text', text: '' }), grow(0, { type: 'text_delta', text: 'Half an ans' })].join(''),
  refused: [begin, finish('refusal')].join(''),
  errorEvent: [begin, start(0, { type: 'text', text: '' }), grow(0, { type: 'text_delta', text: 'Half' }), event({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } })].join(''),
};
