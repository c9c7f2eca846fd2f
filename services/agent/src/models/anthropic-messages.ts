import type { ContentBlockParam, ImageBlockParam, MessageCreateParamsStreaming, RawMessageStreamEvent } from '@anthropic-ai/sdk/resources/messages';
import type { ModelEvent, ModelMessage, ModelRequest, ModelToolResult } from '../loop/model.ts';

interface WireMessage {
  role: 'user' | 'assistant';
  content: ContentBlockParam[];
}

type ReasoningOpaque = { format: 'anthropic-messages'; signature: string } | { format: 'anthropic-messages'; redacted: string };

/** A request in the Anthropic messages format. Marked so that the provider keeps what the next step repeats. */
export function anthropicMessagesBody(request: ModelRequest, model: string): MessageCreateParamsStreaming {
  const messages = alternating(request.messages.map((message) => wireMessage(message, request.pictures)));
  const lastBlock = messages.at(-1)?.content.at(-1);
  if (lastBlock !== undefined && (lastBlock.type === 'text' || lastBlock.type === 'tool_result')) lastBlock.cache_control = { type: 'ephemeral' };
  return {
    model,
    stream: true,
    max_tokens: answerTokens(model),
    system: [{ type: 'text', text: request.system, cache_control: { type: 'ephemeral' } }],
    messages,
    ...(request.tools.length > 0 && { tools: request.tools.map((tool) => ({ name: tool.name, description: tool.description, input_schema: { type: 'object', ...tool.parameters } })) }),
  };
}

/** The format wants a limit, and refuses one that is higher than the model's own. */
function answerTokens(model: string): number {
  if (/claude-3-(opus|sonnet|haiku)/.test(model)) return 4_096;
  return /claude-3/.test(model) ? 8_192 : 16_384;
}

function wireMessage(message: ModelMessage, pictures: ModelRequest['pictures'] = new Map()): WireMessage {
  if (message.role === 'user') return { role: 'user', content: textual(message.text) };
  if (message.role === 'tool') {
    return { role: 'user', content: message.results.map((result) => ({ type: 'tool_result', tool_use_id: result.tool_call_id, content: [...textual(result.text), ...imageBlocks(result, pictures)], ...(result.is_error && { is_error: true }) })) };
  }
  return {
    role: 'assistant',
    content: message.blocks.flatMap((block): ContentBlockParam[] => {
      if (block.type === 'text') return textual(block.text);
      if (block.type === 'tool_call') return [{ type: 'tool_use', id: block.tool_call_id, name: block.name, input: block.arguments }];
      const opaque = block.opaque as Partial<{ format: string; signature: string; redacted: string }> | undefined;
      // A thought that this format did not sign would be refused.
      if (opaque?.format !== 'anthropic-messages') return [];
      if (opaque.redacted !== undefined) return [{ type: 'redacted_thinking', data: opaque.redacted }];
      return opaque.signature === undefined ? [] : [{ type: 'thinking', thinking: block.text, signature: opaque.signature }];
    }),
  };
}

function imageBlocks({ images = [] }: ModelToolResult, pictures: ReadonlyMap<string, string>): ImageBlockParam[] {
  return images.map((image) => ({ type: 'image', source: { type: 'base64', media_type: image.media_type, data: pictures.get(image.blob) ?? '' } }));
}

/** Blank text blocks are refused. */
function textual(text: string): { type: 'text'; text: string }[] {
  return text.trim() === '' ? [] : [{ type: 'text', text }];
}

/** One message a turn: results of calls and what the person said after them go together, results first. */
function alternating(messages: readonly WireMessage[]): WireMessage[] {
  const merged: WireMessage[] = [];
  for (const { role, content } of messages) {
    if (content.length === 0) continue;
    const previous = merged.at(-1);
    if (previous?.role === role) previous.content.push(...content);
    else merged.push({ role, content: [...content] });
  }
  return merged;
}

interface Place {
  index: number;
  kind: 'text' | 'reasoning' | 'tool-call' | 'other';
  /** A call's input as far as it came with its start; counts only when nothing else comes. */
  initial: string | null;
  signature: string;
}

/** What a stream of this format says. It never says `end` unless the upstream gave a reason to stop. */
export async function* decodeAnthropicMessages(events: AsyncIterable<RawMessageStreamEvent>): AsyncIterable<ModelEvent> {
  const places = new Map<number, Place>();
  let next = 0;
  for await (const event of events) {
    if (event.type === 'content_block_start') {
      const place: Place = { index: next++, kind: kindOf(event.content_block.type), initial: null, signature: '' };
      places.set(event.index, place);
      yield* started(event.content_block, place);
    } else if (event.type === 'content_block_delta') {
      const place = places.get(event.index);
      if (place !== undefined) yield* grown(event.delta, place);
    } else if (event.type === 'content_block_stop') {
      const place = places.get(event.index);
      if (place !== undefined) yield* stopped(place);
      places.delete(event.index);
    } else if (event.type === 'message_delta' && typeof event.delta.stop_reason === 'string') {
      // Some upstreams leave block ends out.
      for (const place of places.values()) yield* stopped(place);
      places.clear();
      yield { type: 'end', reason: endReason(event.delta.stop_reason) };
    }
  }
}

type StartedBlock = Extract<RawMessageStreamEvent, { type: 'content_block_start' }>['content_block'];
type BlockDelta = Extract<RawMessageStreamEvent, { type: 'content_block_delta' }>['delta'];

function kindOf(type: string): Place['kind'] {
  if (type === 'text') return 'text';
  if (type === 'thinking' || type === 'redacted_thinking') return 'reasoning';
  return type === 'tool_use' ? 'tool-call' : 'other';
}

function* started(block: StartedBlock, place: Place): Iterable<ModelEvent> {
  const { index } = place;
  if (block.type === 'tool_use') {
    yield { type: 'tool-call', index, name: block.name };
    if (typeof block.input === 'object' && block.input !== null && Object.keys(block.input).length > 0) place.initial = JSON.stringify(block.input);
  } else if (block.type === 'text' && block.text) yield { type: 'text', index, text: block.text };
  else if (block.type === 'thinking') {
    if (block.thinking) yield { type: 'reasoning', index, text: block.thinking };
    place.signature = block.signature ?? '';
  } else if (block.type === 'redacted_thinking') yield { type: 'reasoning-opaque', index, opaque: { format: 'anthropic-messages', redacted: block.data } satisfies ReasoningOpaque };
}

function* grown(delta: BlockDelta, place: Place): Iterable<ModelEvent> {
  const { index, kind } = place;
  if (delta.type === 'text_delta' && kind === 'text') yield { type: 'text', index, text: delta.text };
  else if (delta.type === 'thinking_delta' && kind === 'reasoning') yield { type: 'reasoning', index, text: delta.thinking };
  else if (delta.type === 'signature_delta' && kind === 'reasoning') place.signature += delta.signature;
  else if (delta.type === 'input_json_delta' && kind === 'tool-call' && delta.partial_json !== '') {
    place.initial = null;
    yield { type: 'tool-arguments', index, text: delta.partial_json };
  }
}

function* stopped(place: Place): Iterable<ModelEvent> {
  if (place.initial !== null) yield { type: 'tool-arguments', index: place.index, text: place.initial };
  if (place.signature !== '') yield { type: 'reasoning-opaque', index: place.index, opaque: { format: 'anthropic-messages', signature: place.signature } satisfies ReasoningOpaque };
  place.initial = null;
  place.signature = '';
}

function endReason(reason: string): Extract<ModelEvent, { type: 'end' }>['reason'] {
  if (reason === 'tool_use') return 'tool-calls';
  if (reason === 'max_tokens' || reason === 'model_context_window_exceeded') return 'length';
  return reason === 'refusal' ? 'refused' : 'stop';
}
