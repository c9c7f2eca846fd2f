import type { TokenUsage } from './token-usage.ts';
import { pieces, type Turn, type TurnHeading, type TurnPart } from './turn.ts';

const stopReasons = { end: 'end_turn', 'tool-calls': 'tool_use', length: 'max_tokens' } as const;
/** Thinking must carry a signature to be sent back; this one says that nobody signed. */
const signature = 'unsigned';

function inputUsage(usage: TokenUsage): object {
  return {
    input_tokens: usage.uncachedInput, cache_read_input_tokens: usage.cacheRead, cache_creation_input_tokens: usage.cacheWrite5m + usage.cacheWrite1h,
    cache_creation: { ephemeral_5m_input_tokens: usage.cacheWrite5m, ephemeral_1h_input_tokens: usage.cacheWrite1h },
  };
}

const event = (data: { type: string; [field: string]: unknown }): string => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;

/** A turn as the events of a messages stream, small piece by small piece. */
export function* anthropicMessagesEvents(turn: Turn, heading: TurnHeading): Generator<string> {
  const usage = { ...inputUsage(turn.usage), output_tokens: 1 };
  yield event({ type: 'message_start', message: { id: heading.id, type: 'message', role: 'assistant', model: heading.model, content: [], stop_reason: null, stop_sequence: null, usage } });
  for (const [index, part] of turn.parts.entries()) {
    yield event({ type: 'content_block_start', index, content_block: emptyBlock(part) });
    const text = part.type === 'tool-call' ? part.arguments : part.text;
    for (const piece of pieces(text)) yield event({ type: 'content_block_delta', index, delta: deltaOf(part, piece) });
    if (part.type === 'reasoning') yield event({ type: 'content_block_delta', index, delta: { type: 'signature_delta', signature } });
    yield event({ type: 'content_block_stop', index });
  }
  yield event({ type: 'message_delta', delta: { stop_reason: stopReasons[turn.stop], stop_sequence: null }, usage: { output_tokens: turn.usage.output } });
  yield event({ type: 'message_stop' });
}

/** A turn as a whole message. */
export function anthropicMessagesAnswer(turn: Turn, heading: TurnHeading): object {
  const content = turn.parts.map((part) => {
    if (part.type === 'text') return { type: 'text', text: part.text, citations: null };
    if (part.type === 'reasoning') return { type: 'thinking', thinking: part.text, signature };
    return { type: 'tool_use', id: part.id, name: part.name, input: JSON.parse(part.arguments) as unknown };
  });
  return {
    id: heading.id, type: 'message', role: 'assistant', model: heading.model, content, stop_reason: stopReasons[turn.stop], stop_sequence: null,
    usage: { ...inputUsage(turn.usage), output_tokens: turn.usage.output },
  };
}

function emptyBlock(part: TurnPart): object {
  if (part.type === 'text') return { type: 'text', text: '' };
  if (part.type === 'reasoning') return { type: 'thinking', thinking: '', signature: '' };
  return { type: 'tool_use', id: part.id, name: part.name, input: {} };
}

function deltaOf(part: TurnPart, piece: string): object {
  if (part.type === 'text') return { type: 'text_delta', text: piece };
  if (part.type === 'reasoning') return { type: 'thinking_delta', thinking: piece };
  return { type: 'input_json_delta', partial_json: piece };
}
