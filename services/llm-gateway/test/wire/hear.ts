import { eventsOf, type SaidBlock, type SaidTurn } from './turns.ts';

// What a strict client of each format understands; anything that the format does not allow throws.
export type Heard = SaidTurn & { proofs: string[] };
type Fields = Record<string, any>;

function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`Broken stream: ${what}`);
}

const inclusive = (input: number, details: Fields): { fresh: number; read: number; written: number } => ({ fresh: input - details.cached_tokens - details.cache_write_tokens, read: details.cached_tokens, written: details.cache_write_tokens });

export function hearChat(stream: string): Heard {
  const events = eventsOf(stream);
  must(events.at(-1)?.type === '[DONE]', 'no [DONE] at the end');
  must(events[0]?.choices[0].delta.role === 'assistant', 'no role first');
  const calls: { id: string; name: string; input: string }[] = [];
  const blocks: SaidBlock[] = [];
  const proofs: string[] = [];
  let stop: SaidTurn['stop'] | null = null;
  let usage: SaidTurn['usage'] | null = null;
  const add = (type: 'text' | 'reasoning', text: string): void => {
    const last = blocks.at(-1);
    if (last?.type === type) last.text += text;
    else blocks.push({ type, text });
  };
  for (const event of events.slice(0, -1)) {
    must(usage === null, 'something after the usage');
    if (event.choices.length === 0) {
      const { prompt_tokens: input, prompt_tokens_details: details, completion_tokens: output, completion_tokens_details: spent, total_tokens: total } = event.usage;
      must(total === input + output, 'total_tokens is not the sum');
      usage = { ...inclusive(input, details), output, reasoning: spent.reasoning_tokens };
      continue;
    }
    must(stop === null, 'something after finish_reason');
    const { delta, finish_reason: finish } = event.choices[0];
    if (delta.content) add('text', delta.content);
    if (delta.reasoning_content) add('reasoning', delta.reasoning_content);
    for (const block of delta.thinking_blocks ?? []) proofs.push(block.signature ?? block.data);
    for (const call of delta.tool_calls ?? []) {
      if (call.id !== undefined) {
        must(call.index === calls.length, 'a call begins at another index');
        calls.push({ id: call.id, name: call.function.name, input: '' });
      }
      must(calls[call.index] !== undefined, 'a piece of a call that never began');
      calls[call.index]!.input += call.function.arguments ?? '';
    }
    if (finish !== null) stop = ({ stop: 'end', length: 'length', tool_calls: 'tools', content_filter: 'refusal' } as const)[finish as 'stop'];
  }
  must(stop !== null && usage !== null, 'no finish_reason or usage');
  return { blocks: [...blocks, ...calls.map((call) => ({ type: 'call' as const, ...call }))], stop, usage, proofs };
}

export function hearAnthropic(stream: string): Heard {
  const events = eventsOf(stream).filter((event) => event.type !== 'ping');
  for (const event of events) must(event.event === event.type, `the event's name ${event.event} differs from its type ${event.type}`);
  must(events[0]?.type === 'message_start' && events.filter((event) => event.type === 'message_start').length === 1, 'message_start must be first and once');
  must(events.at(-1)?.type === 'message_stop' && events.at(-2)?.type === 'message_delta', 'message_delta and message_stop must be last');
  const blocks: SaidBlock[] = [];
  const proofs: string[] = [];
  let open = -1;
  for (const { type, index, content_block: block, delta } of events.slice(1, -2)) {
    if (type === 'content_block_start') {
      must(open === -1, 'a block begins inside another');
      must(index === blocks.length, 'a block begins at another index');
      open = index;
      if (block.type === 'tool_use') blocks.push({ type: 'call', id: block.id, name: block.name, input: '' });
      else blocks.push({ type: block.type === 'text' ? 'text' : 'reasoning', text: '' });
      if (block.type === 'redacted_thinking') proofs.push(block.data);
    } else if (type === 'content_block_delta') {
      must(index === open, 'a delta for a block that is not open');
      const last = blocks[index]!;
      if (delta.type === 'signature_delta') proofs.push(delta.signature);
      else if (last.type === 'call') {
        must(delta.type === 'input_json_delta', `a ${delta.type} in a call`);
        must(delta.partial_json !== '', 'an empty input_json_delta');
        last.input += delta.partial_json;
      } else {
        must(delta.type === (last.type === 'text' ? 'text_delta' : 'thinking_delta'), `a ${delta.type} in ${last.type}`);
        last.text += delta.text ?? delta.thinking;
      }
    } else {
      must(type === 'content_block_stop' && index === open, `${type} ${index} while ${open} is open`);
      open = -1;
    }
  }
  must(open === -1, 'a block never ends');
  const { delta, usage } = events.at(-2)!;
  const stop = ({ end_turn: 'end', max_tokens: 'length', tool_use: 'tools', refusal: 'refusal' } as const)[delta.stop_reason as 'end_turn'];
  return { blocks, stop, proofs, usage: { fresh: usage.input_tokens, read: usage.cache_read_input_tokens, written: usage.cache_creation_input_tokens, output: usage.output_tokens, reasoning: usage.output_tokens_details?.thinking_tokens ?? 0 } };
}

export function hearResponses(stream: string): Heard {
  const events = eventsOf(stream);
  for (const [index, event] of events.entries()) {
    must(event.event === event.type, `the event's name ${event.event} differs from its type ${event.type}`);
    must(event.sequence_number === index, 'sequence numbers do not count up');
  }
  must(events[0]?.type === 'response.created', 'response.created must be first');
  const last = events.at(-1)!;
  must(last.type === 'response.completed' || last.type === 'response.incomplete', 'response.completed must be last');
  const blocks: SaidBlock[] = [];
  const proofs: string[] = [];
  let streamed = '';
  let open: number | null = null;
  const done: Fields[] = [];
  for (const event of events) {
    if (event.type === 'response.output_item.added') {
      must(open === null && event.output_index === done.length, 'an item begins inside another');
      open = event.output_index;
      streamed = '';
    } else if (event.delta !== undefined) {
      must(event.output_index === open, 'a delta for an item that is not open');
      streamed += event.delta;
    } else if (event.type === 'response.output_item.done') {
      must(event.output_index === open, 'an item ends twice');
      open = null;
      const { item } = event;
      done.push(item);
      const text = item.type === 'message' ? item.content[0].text : item.type === 'reasoning' ? (item.summary[0]?.text ?? '') : item.arguments;
      must(streamed === text || (streamed === '' && text === '{}'), 'the deltas are not the item');
      if (item.encrypted_content) proofs.push(item.encrypted_content);
      blocks.push(item.type === 'function_call' ? { type: 'call', id: item.call_id, name: item.name, input: text } : { type: item.type === 'message' ? 'text' : 'reasoning', text });
    }
  }
  const { response } = last;
  must(JSON.stringify(response.output) === JSON.stringify(done), 'the response is not its items');
  const stop = response.status === 'completed' ? (blocks.some((block) => block.type === 'call') ? 'tools' : 'end') : response.incomplete_details.reason === 'content_filter' ? 'refusal' : 'length';
  const { input_tokens: input, input_tokens_details: details, output_tokens: output, output_tokens_details: spent, total_tokens: total } = response.usage;
  must(total === input + output, 'total_tokens is not the sum');
  return { blocks, stop, proofs, usage: { ...inclusive(input, details), output, reasoning: spent.reasoning_tokens } };
}
