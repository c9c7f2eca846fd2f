import { isRecord } from '../../token-usage.ts';
import { recordOf, recordsOf, refuse, shown, textOf, wordsOf, type Fields } from '../fields.ts';
import { file, image, sourceOfUrl } from '../media.ts';
import type { Message, Part, Role, ToolResultPart } from '../model-request.ts';
import { proofOfRedacted, proofOfSignature } from '../proof.ts';

/** Messages of a chat completion; the results that follow one answer become parts of one user's message. */
export function readChatMessages(list: readonly Fields[]): Message[] {
  const messages: Message[] = [];
  const kinds = new Map<string, 'custom'>();
  for (const [index, message] of list.entries()) {
    const path = `messages.${index}`;
    if (message.role === 'tool' || message.role === 'function') {
      const id = textOf(message.tool_call_id) ?? textOf(message.name) ?? '';
      const result: ToolResultPart = { type: 'tool-result', kind: kinds.get(id) ?? 'function', id, parts: readContent(message.content, path), failed: false, ...(message.cache_control != null && { cache: message.cache_control }) };
      const before = messages.at(-1);
      if (before?.role === 'user' && before.parts.every((part) => part.type === 'tool-result')) before.parts.push(result);
      else messages.push({ role: 'user', parts: [result] });
      continue;
    }
    if (!['system', 'developer', 'user', 'assistant'].includes(textOf(message.role) ?? '')) refuse(`${path}.role`, 'must be system, developer, user, assistant or tool.');
    const role = message.role as Role;
    messages.push({ role, parts: role === 'assistant' ? readAnswer(message, path, kinds) : kept(readContent(message.content, path), message.cache_control) });
  }
  return messages;
}

/** A whole message that is to be kept in a prompt cache, as LiteLLM's clients say it: up to its last text. */
function kept(parts: Part[], cache: unknown): Part[] {
  const last = parts.at(-1);
  return cache == null || last?.type !== 'text' ? parts : [...parts.slice(0, -1), { ...last, cache }];
}

function readAnswer(message: Fields, path: string, kinds: Map<string, 'custom'>): Part[] {
  const parts = readThinking(message);
  parts.push(...readContent(message.content, path));
  if (wordsOf(message.refusal)) parts.push({ type: 'refusal', text: String(message.refusal) });
  for (const call of recordsOf(message.tool_calls)) parts.push(...readCall(call, kinds));
  const old = recordOf(message.function_call);
  if (old) parts.push({ type: 'tool-call', kind: 'function', id: textOf(old.name) ?? '', name: textOf(old.name) ?? '', namespace: null, input: textOf(old.arguments) ?? '' });
  return parts;
}

function readCall(call: Fields, kinds: Map<string, 'custom'>): Part[] {
  const id = textOf(call.id) ?? '';
  const custom = recordOf(call.custom);
  if (call.type === 'custom' && custom) {
    kinds.set(id, 'custom');
    return [{ type: 'tool-call', kind: 'custom', id, name: textOf(custom.name) ?? '', namespace: null, input: textOf(custom.input) ?? '' }];
  }
  const named = recordOf(call.function) ?? {};
  const signature = wordsOf(recordOf(recordOf(call.extra_content)?.google)?.thought_signature);
  return [
    ...(signature === null ? [] : [{ type: 'reasoning' as const, text: '', proof: { vendor: 'google' as const, call: id, signature } }]),
    { type: 'tool-call', kind: 'function', id, name: textOf(named.name) ?? '', namespace: null, input: textOf(named.arguments) ?? '', ...(call.cache_control != null && { cache: call.cache_control }) },
  ];
}

/** Thinking as LiteLLM's clients keep it (`thinking_blocks`), as OpenRouter's do, or plain. */
function readThinking(message: Fields): Part[] {
  const blocks = recordsOf(message.thinking_blocks);
  if (blocks.length > 0) {
    return blocks.map((block) => ({ type: 'reasoning', text: textOf(block.thinking) ?? '', proof: block.type === 'redacted_thinking' ? proofOfRedacted(block.data) : proofOfSignature(block.signature) }));
  }
  const text = wordsOf(message.reasoning_content) ?? wordsOf(message.reasoning);
  const details = Array.isArray(message.reasoning_details) && message.reasoning_details.length > 0 ? message.reasoning_details : null;
  if (text === null && details === null) return [];
  return [{ type: 'reasoning', text: text ?? '', proof: details === null ? null : { vendor: 'details', details } }];
}

function readContent(content: unknown, path: string): Part[] {
  if (content == null || content === '') return [];
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) return refuse(`${path}.content`, 'must be text or a list of parts.');
  return content.flatMap((part: unknown, index) => (isRecord(part) ? readPart(part, `${path}.content.${index}`) : refuse(`${path}.content.${index}`, 'must be an object.')));
}

function readPart(part: Fields, path: string): Part[] {
  const cache = part.cache_control ?? undefined;
  if (part.type === 'text') return part.text === '' ? [] : [{ type: 'text', text: textOf(part.text) ?? refuse(`${path}.text`, 'must be text.'), ...(cache !== undefined && { cache }) }];
  if (part.type === 'refusal') return [{ type: 'refusal', text: textOf(part.refusal) ?? '' }];
  if (part.type === 'image_url') {
    const picture = typeof part.image_url === 'string' ? { url: part.image_url } : recordOf(part.image_url);
    if (typeof picture?.url !== 'string') return refuse(`${path}.image_url.url`, 'must be a URL.');
    return [image(sourceOfUrl(picture.url), wordsOf((picture as Fields).detail), cache)];
  }
  const held = recordOf(part.file);
  if (part.type === 'file' && held) {
    if (typeof held.file_id === 'string') return [file({ type: 'file', id: held.file_id }, wordsOf(held.filename), cache)];
    if (typeof held.file_data === 'string') return [file(sourceOfUrl(held.file_data), wordsOf(held.filename), cache)];
  }
  return refuse(`${path}.type`, `a part of the type ${shown(part.type)} cannot be translated for this model.`);
}
