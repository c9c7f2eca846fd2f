import { createHash } from 'node:crypto';
import type { ChatCompletionChunk, ChatCompletionContentPart, ChatCompletionCreateParamsStreaming, ChatCompletionMessageParam } from 'openai/resources/chat/completions';
import type { ModelEvent, ModelMessage, ModelRequest, ModelToolResult } from '../loop/model.ts';

type Delta = ChatCompletionChunk.Choice['delta'];
type CallDelta = NonNullable<Delta['tool_calls']>[number];
/** Fields in which servers of this format send a model's thinking; OpenAI itself sends none. */
const reasoningFields = ['reasoning_content', 'reasoning'] as const;
interface ReasoningOpaque { format: 'openai-chat'; field: (typeof reasoningFields)[number] }

/** A request in the OpenAI chat format. */
export function openAiChatBody(request: ModelRequest, model: string): ChatCompletionCreateParamsStreaming {
  const lastUser = request.messages.findLastIndex((message) => message.role === 'user');
  return {
    model,
    stream: true,
    // Without it the gateway would have to guess what the call cost.
    stream_options: { include_usage: true },
    messages: [{ role: 'system', content: request.system }, ...request.messages.flatMap((message, index) => wireMessages(message, index > lastUser, request.pictures))],
    ...(request.tools.length > 0 && { tools: request.tools.map((tool) => ({ type: 'function', function: { name: tool.name, description: tool.description, parameters: tool.parameters } })) }),
  };
}

function wireMessages(message: ModelMessage, ofThisTurn: boolean, pictures: ModelRequest['pictures']): ChatCompletionMessageParam[] {
  if (message.role === 'user') return [{ role: 'user', content: message.text }];
  if (message.role === 'tool') return [...message.results.map(toolMessage), ...pictureMessages(message.results, pictures)];
  const text = message.blocks.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('');
  const calls = message.blocks.flatMap((block) => (block.type === 'tool_call'
    ? [{ id: shortCallId(block.tool_call_id), type: 'function' as const, function: { name: block.name, arguments: JSON.stringify(block.arguments) } }]
    : []));
  if (text === '' && calls.length === 0) return [];
  return [{
    role: 'assistant',
    content: text === '' ? null : text,
    ...(calls.length > 0 && { tool_calls: calls }),
    // Models that think between calls want their thoughts of this turn back, and refuse older ones.
    ...(ofThisTurn && reasoningOf(message)),
  }];
}

/** The format has no mark for a failed call, so its words say it. */
function toolMessage(result: ModelToolResult): ChatCompletionMessageParam {
  return { role: 'tool', tool_call_id: shortCallId(result.tool_call_id), content: result.is_error ? `Error: ${result.text}` : result.text };
}

/** Results of this format are text; what they show follows them in a message of its own. */
function pictureMessages(results: readonly ModelToolResult[], pictures: ModelRequest['pictures'] = new Map()): ChatCompletionMessageParam[] {
  const parts = results.flatMap(({ tool_call_id: id, images = [] }): ChatCompletionContentPart[] => images.flatMap((image): ChatCompletionContentPart[] => [
    { type: 'text', text: `[Picture of the result of call ${shortCallId(id)}]` },
    { type: 'image_url', image_url: { url: `data:${image.media_type};base64,${pictures.get(image.blob) ?? ''}` } },
  ]));
  return parts.length === 0 ? [] : [{ role: 'user', content: parts }];
}

function reasoningOf(message: Extract<ModelMessage, { role: 'assistant' }>): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const block of message.blocks) {
    if (block.type !== 'reasoning') continue;
    const opaque = block.opaque as Partial<ReasoningOpaque> | undefined;
    const field = opaque?.format === 'openai-chat' ? reasoningFields.find((name) => name === opaque.field) : undefined;
    if (field !== undefined) fields[field] = (fields[field] ?? '') + block.text;
  }
  return fields;
}

/** A call's id as the strictest server of this format takes it: nine letters or digits, the same for the same call. */
export function shortCallId(id: string): string {
  return createHash('sha256').update(id).digest().readUIntBE(0, 6).toString(36).slice(-9).padStart(9, '0');
}

/** What a stream of this format says, whatever pieces it comes in. It never says `end` unless the upstream did. */
export async function* decodeOpenAiChat(chunks: AsyncIterable<ChatCompletionChunk>): AsyncIterable<ModelEvent> {
  const places = new OpenAiPlaces();
  for await (const chunk of chunks) {
    const choice = chunk.choices?.[0];
    if (choice === undefined) continue;
    const delta = (choice.delta ?? {}) as Delta & Partial<Record<(typeof reasoningFields)[number], string | null>>;
    for (const field of reasoningFields) {
      const text = delta[field];
      if (typeof text !== 'string' || text === '') continue;
      const { index, fresh } = places.growing('reasoning');
      if (fresh) yield { type: 'reasoning-opaque', index, opaque: { format: 'openai-chat', field } satisfies ReasoningOpaque };
      yield { type: 'reasoning', index, text };
      break;
    }
    for (const text of [delta.content, delta.refusal]) if (typeof text === 'string' && text !== '') yield { type: 'text', index: places.growing('text').index, text };
    for (const call of delta.tool_calls ?? []) yield* callEvents(call, places);
    if (typeof choice.finish_reason === 'string') yield { type: 'end', reason: endReason(choice.finish_reason) };
  }
}

function* callEvents(call: CallDelta, places: OpenAiPlaces): Iterable<ModelEvent> {
  const { index, fresh } = places.call(call.index, call.id);
  if (fresh) yield { type: 'tool-call', index, name: call.function?.name ?? '' };
  const text = call.function?.arguments;
  if (typeof text === 'string' && text !== '') yield { type: 'tool-arguments', index, text };
}

function endReason(reason: string): Extract<ModelEvent, { type: 'end' }>['reason'] {
  if (reason === 'tool_calls' || reason === 'function_call') return 'tool-calls';
  if (reason === 'length') return 'length';
  return reason === 'content_filter' ? 'refused' : 'stop';
}

/** Gives what the format does not number a place in the answer. */
class OpenAiPlaces {
  private next = 0;
  private current: { kind: 'text' | 'reasoning'; index: number } | null = null;
  private readonly calls = new Map<number, { id: string; index: number }>();

  growing(kind: 'text' | 'reasoning'): { index: number; fresh: boolean } {
    if (this.current?.kind === kind) return { index: this.current.index, fresh: false };
    this.current = { kind, index: this.next++ };
    return { index: this.current.index, fresh: true };
  }

  /** Some servers give parallel calls one number and tell them apart by id, some leave numbers out, most repeat no id. */
  call(number: number | undefined, id: string | undefined): { index: number; fresh: boolean } {
    const key = number ?? 0;
    const known = this.calls.get(key);
    if (known !== undefined && (!id || id === known.id)) return { index: known.index, fresh: false };
    this.current = null;
    const place = { id: id ?? '', index: this.next++ };
    this.calls.set(key, place);
    return { index: place.index, fresh: true };
  }
}
