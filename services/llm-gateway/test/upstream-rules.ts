import type { IncomingHttpHeaders } from 'node:http';
import type { WireFormat } from '@deskhand/contracts';
import { isRecord } from '../src/wire/token-usage.ts';

type Fields = Record<string, unknown>;
const list = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isRecord) : []);

/** Why the real vendor would answer 400, in about its words; null when it would not. */
export function brokenRule(format: WireFormat, headers: IncomingHttpHeaders, body: Fields, mistral: boolean): string | null {
  const messages = list(body.messages);
  const foreign = mistral ? ['stream_options', 'max_completion_tokens', 'store'].find((name) => name in body) : undefined;
  if (foreign !== undefined) return `body.${foreign}: Extra inputs are not permitted`;
  if (messages.length === 0) return 'messages: at least one message is required';
  return format === 'openai-chat' ? openaiRule(messages) : anthropicRule(headers, body, messages);
}

function openaiRule(messages: readonly Fields[]): string | null {
  let owed: string[] = [];
  for (const [index, message] of messages.entries()) {
    if (message.role === 'tool') {
      if (!owed.includes(String(message.tool_call_id))) return `messages.[${index}]: a tool message must follow the assistant message with its tool_calls`;
      owed = owed.filter((id) => id !== message.tool_call_id);
    } else {
      if (owed.length > 0) return `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. Missing: ${owed.join(', ')}`;
      owed = list(message.tool_calls).map((call) => String(call.id));
      if (message.role === 'assistant' && message.content == null && owed.length === 0) return `messages.[${index}]: content may be null only with tool_calls`;
    }
    for (const call of list(message.tool_calls)) if (!isRecord(call.function) || typeof call.function.arguments !== 'string') return `messages.[${index}]: function.arguments must be a string`;
  }
  return owed.length > 0 ? `tool_call_ids without responses: ${owed.join(', ')}` : null;
}

function anthropicRule(headers: IncomingHttpHeaders, body: Fields, messages: readonly Fields[]): string | null {
  if (headers['anthropic-version'] === undefined) return 'anthropic-version: header is required';
  if (typeof body.max_tokens !== 'number' || body.max_tokens < 1) return 'max_tokens: Field required';
  let owed: string[] = [];
  for (const [index, message] of messages.entries()) {
    const blocks = list(message.content);
    if (Array.isArray(message.content) && blocks.length === 0 && index < messages.length - 1) return `messages.${index}: content must not be empty`;
    const results = blocks.filter((block) => block.type === 'tool_result').map((block) => String(block.tool_use_id));
    const stray = results.find((id) => !owed.includes(id));
    if (stray !== undefined) return `messages.${index}: unexpected tool_use_id found in tool_result blocks: ${stray}`;
    const missing = owed.filter((id) => !results.includes(id));
    if (missing.length > 0) return `messages.${index}: tool_use ids were found without tool_result blocks immediately after: ${missing.join(', ')}`;
    if (blocks.some((block) => block.type === 'text' && block.text === '')) return `messages.${index}: text content blocks must be non-empty`;
    owed = blocks.filter((block) => block.type === 'tool_use').map((block) => String(block.id));
  }
  return owed.length > 0 ? `tool_use ids without tool_result blocks: ${owed.join(', ')}` : null;
}
