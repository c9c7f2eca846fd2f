import { piecesOf, type Interleaving, type SaidBlock, type SaidTurn } from './turns.ts';

// Each vendor's stream as its documentation describes it, written independently of the code under test.
type Calls = Extract<SaidBlock, { type: 'call' }>[];
const callsOf = (turn: SaidTurn): Calls => turn.blocks.filter((block) => block.type === 'call');

export interface SayOptions {
  interleaving?: Interleaving;
  /** Where usage stands: after the end (OpenAI), with it (Mistral), or in every chunk (xAI). */
  usage?: 'after' | 'with' | 'every';
  /** Says things whole at their end only. */
  onlyDone?: boolean;
  newline?: '\n' | '\r\n';
}

export function sayChat(turn: SaidTurn, { interleaving = [], usage: place = 'after' }: SayOptions = {}): string {
  const usage = {
    prompt_tokens: turn.usage.fresh + turn.usage.read + turn.usage.written, completion_tokens: turn.usage.output, total_tokens: turn.usage.fresh + turn.usage.read + turn.usage.written + turn.usage.output,
    prompt_tokens_details: { cached_tokens: turn.usage.read, cache_write_tokens: turn.usage.written }, completion_tokens_details: { reasoning_tokens: turn.usage.reasoning },
  };
  const chunk = (choices: object[], extra: object = place === 'every' ? { usage } : {}): string => `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', choices, ...extra })}\n\n`;
  const delta = (fields: object, finish: string | null = null, extra?: object): string => chunk([{ index: 0, delta: fields, finish_reason: finish }], extra);
  let out = delta({ role: 'assistant', content: '' });
  for (const block of turn.blocks) {
    if (block.type === 'text') for (const piece of piecesOf(block.text)) out += delta({ content: piece, tool_calls: [] });
    if (block.type === 'reasoning') for (const piece of piecesOf(block.text)) out += delta({ reasoning_content: piece });
  }
  const queues = callsOf(turn).map((call, index) => [
    { index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }, ...piecesOf(call.input).map((piece) => ({ index, function: { arguments: piece } })),
  ]);
  for (const turnOf of interleaving) {
    const next = queues[turnOf % Math.max(queues.length, 1)]?.shift();
    if (next) out += delta({ tool_calls: [next] });
  }
  for (const queue of queues) for (const next of queue) out += delta({ tool_calls: [next] });
  const finish = { end: 'stop', length: 'length', tools: 'tool_calls', refusal: 'content_filter' }[turn.stop];
  out += delta({}, finish, place === 'with' ? { usage } : undefined);
  if (place === 'after') out += chunk([], { usage });
  return `${out}data: [DONE]\n\n`;
}

export function sayAnthropic(turn: SaidTurn): string {
  const event = (type: string, fields: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
  const { fresh, read, written, output, reasoning } = turn.usage;
  const usage = { input_tokens: fresh, cache_read_input_tokens: read, cache_creation_input_tokens: written };
  let out = event('message_start', { message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null, stop_sequence: null, usage: { ...usage, output_tokens: 1 } } });
  for (const [index, block] of turn.blocks.entries()) {
    const start = block.type === 'text' ? { type: 'text', text: '' } : block.type === 'reasoning' ? { type: 'thinking', thinking: '', signature: '' } : { type: 'tool_use', id: block.id, name: block.name, input: {} };
    out += event('content_block_start', { index, content_block: start }) + event('ping', {});
    for (const piece of piecesOf(block.type === 'call' ? block.input : block.text)) {
      out += event('content_block_delta', { index, delta: block.type === 'text' ? { type: 'text_delta', text: piece } : block.type === 'reasoning' ? { type: 'thinking_delta', thinking: piece } : { type: 'input_json_delta', partial_json: piece } });
    }
    if (block.type === 'reasoning') out += event('content_block_delta', { index, delta: { type: 'signature_delta', signature: `signed:${block.text.length}` } });
    out += event('content_block_stop', { index });
  }
  const stop = { end: 'end_turn', length: 'max_tokens', tools: 'tool_use', refusal: 'refusal' }[turn.stop];
  return out + event('message_delta', { delta: { stop_reason: stop, stop_sequence: null }, usage: { ...usage, output_tokens: output, output_tokens_details: { thinking_tokens: reasoning } } }) + event('message_stop', {});
}

export function sayResponses(turn: SaidTurn, { onlyDone = false, interleaving = [] }: SayOptions = {}): string {
  let sequence = 0;
  const event = (type: string, fields: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...fields })}\n\n`;
  const output = turn.blocks.map((block, index) => {
    if (block.type === 'text') return { id: `msg_${index}`, type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: block.text, annotations: [] }] };
    if (block.type === 'reasoning') return { id: `rs_${index}`, type: 'reasoning', summary: [{ type: 'summary_text', text: block.text }], encrypted_content: `enc:${block.text.length}` };
    return { id: `fc_${index}`, type: 'function_call', status: 'completed', call_id: block.id, name: block.name, arguments: block.input };
  });
  const { fresh, read, written, output: said, reasoning } = turn.usage;
  const input = fresh + read + written;
  const response = {
    id: 'resp_1', object: 'response', status: turn.stop === 'length' || turn.stop === 'refusal' ? 'incomplete' : 'completed', model: 'm', output,
    incomplete_details: turn.stop === 'length' ? { reason: 'max_output_tokens' } : turn.stop === 'refusal' ? { reason: 'content_filter' } : null,
    usage: { input_tokens: input, input_tokens_details: { cached_tokens: read, cache_write_tokens: written }, output_tokens: said, output_tokens_details: { reasoning_tokens: reasoning }, total_tokens: input + said },
  };
  const queues: string[][] = turn.blocks.map((block, index) => {
    const item = output[index]!;
    const place = { item_id: item.id, output_index: index };
    const queue = [event('response.output_item.added', { output_index: index, item: { ...item, ...(block.type === 'text' && { content: [] }), ...(block.type === 'reasoning' && { summary: [], encrypted_content: '' }), ...(block.type === 'call' && { arguments: '' }) } })];
    const pieces = onlyDone ? [] : piecesOf(block.type === 'call' ? block.input : block.text);
    if (block.type === 'text') queue.push(...pieces.map((delta) => event('response.output_text.delta', { ...place, content_index: 0, delta })), event('response.output_text.done', { ...place, content_index: 0, text: block.text }));
    if (block.type === 'reasoning') queue.push(...pieces.map((delta) => event('response.reasoning_summary_text.delta', { ...place, summary_index: 0, delta })));
    if (block.type === 'call') queue.push(...pieces.map((delta) => event('response.function_call_arguments.delta', { ...place, delta })), event('response.function_call_arguments.done', { ...place, arguments: block.input }));
    return [...queue, event('response.output_item.done', { output_index: index, item })];
  });
  let out = event('response.created', { response: { ...response, status: 'in_progress', output: [], usage: null } });
  // Only calls interleave: what is said before them has its place.
  const calls = queues.filter((_, index) => turn.blocks[index]?.type === 'call');
  for (const queue of queues) if (!calls.includes(queue)) out += queue.join('');
  for (const turnOf of interleaving) out += calls[turnOf % Math.max(calls.length, 1)]?.shift() ?? '';
  for (const queue of calls) out += queue.join('');
  return out + event(response.status === 'completed' ? 'response.completed' : 'response.incomplete', { response });
}

/** Bedrock's Converse, as the gateway has it after it opened the frames: the type beside the fields. */
export function sayConverse(turn: SaidTurn): string {
  const event = (type: string, fields: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
  let out = event('messageStart', { role: 'assistant' });
  for (const [contentBlockIndex, block] of turn.blocks.entries()) {
    if (block.type === 'call') out += event('contentBlockStart', { contentBlockIndex, start: { toolUse: { toolUseId: block.id, name: block.name } } });
    for (const piece of piecesOf(block.type === 'call' ? block.input : block.text)) {
      out += event('contentBlockDelta', { contentBlockIndex, delta: block.type === 'text' ? { text: piece } : block.type === 'reasoning' ? { reasoningContent: { text: piece } } : { toolUse: { input: piece } } });
    }
    out += event('contentBlockStop', { contentBlockIndex });
  }
  const { fresh, read, written, output } = turn.usage;
  out += event('messageStop', { stopReason: { end: 'end_turn', length: 'max_tokens', tools: 'tool_use', refusal: 'content_filtered' }[turn.stop] });
  return out + event('metadata', { usage: { inputTokens: fresh, outputTokens: output, cacheReadInputTokens: read, cacheWriteInputTokens: written, totalTokens: fresh + read + written + output } });
}
