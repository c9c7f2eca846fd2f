import type { WireFormat } from '@deskhand/contracts';
import { isRecord } from '../wire/token-usage.ts';

export interface SeenCall {
  id: string;
  name: string;
  arguments: Record<string, unknown>;
}

export type Entry =
  | { kind: 'user'; text: string }
  /** What the agent was told of happenings around the conversation. */
  | { kind: 'notice'; text: string }
  | { kind: 'assistant'; text: string; calls: readonly SeenCall[] }
  | { kind: 'result'; callId: string; text: string; isError: boolean };

/** What a scripted model sees of a request, whichever format it came in. System prompts and parameters do not count. */
export interface ConversationView {
  entries: readonly Entry[];
  /** Names of the tools on offer. */
  tools: ReadonlySet<string>;
}

type Fields = Record<string, unknown>;
const records = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isRecord) : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function textOf(content: unknown): string {
  return typeof content === 'string' ? content : records(content).map((part) => text(part.text)).filter(Boolean).join('\n');
}

export function viewConversation(format: WireFormat, body: Fields): ConversationView {
  const messages = records(body.messages);
  if (format === 'anthropic-messages') return { entries: messages.flatMap(anthropicEntries), tools: new Set(records(body.tools).map((tool) => text(tool.name))) };
  const tools = records(body.tools).map((tool) => (isRecord(tool.function) ? text(tool.function.name) : ''));
  return { entries: messages.flatMap(openaiEntries), tools: new Set(tools) };
}

function openaiEntries(message: Fields): Entry[] {
  const said = textOf(message.content);
  if (message.role === 'user') return isOfResults(message) ? [] : [saidEntry(said)];
  if (message.role === 'tool') return [{ kind: 'result', callId: text(message.tool_call_id), text: said, isError: looksLikeError(said) }];
  if (message.role !== 'assistant') return [];
  const calls = records(message.tool_calls).map((call): SeenCall => {
    const called = isRecord(call.function) ? call.function : {};
    return { id: text(call.id), name: text(called.name), arguments: parseArguments(text(called.arguments)) };
  });
  return [{ kind: 'assistant', text: said, calls }];
}

function anthropicEntries(message: Fields): Entry[] {
  const blocks: Fields[] = typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : records(message.content);
  const texts = blocks.filter((block) => block.type === 'text').map((block) => text(block.text));
  if (message.role === 'assistant') {
    const calls = blocks.filter((block) => block.type === 'tool_use').map((block): SeenCall => ({ id: text(block.id), name: text(block.name), arguments: isRecord(block.input) ? block.input : {} }));
    return [{ kind: 'assistant', text: texts.join('\n'), calls }];
  }
  if (message.role !== 'user') return [];
  const results = blocks
    .filter((block) => block.type === 'tool_result')
    .map((block): Entry => ({ kind: 'result', callId: text(block.tool_use_id), text: textOf(block.content), isError: block.is_error === true }));
  const notices = texts.map(saidEntry).filter((entry) => entry.kind === 'notice');
  const said = texts.filter((part) => saidEntry(part).kind === 'user').join('\n');
  return said !== '' || results.length + notices.length === 0 ? [...results, ...notices, { kind: 'user', text: said }] : [...results, ...notices];
}

/** Pictures of results come in a message of their own, which nobody said. */
function isOfResults(message: Fields): boolean {
  const parts = records(message.content);
  return parts.some((part) => part.type === 'image_url') && parts.every((part) => part.type === 'image_url' || /^\[Picture of the result of call \w+\]$/.test(text(part.text)));
}

function saidEntry(said: string): Entry {
  const notice = /^\[Notice from Deskhand: ([^]*)\]$/.exec(said)?.[1];
  return notice === undefined ? { kind: 'user', text: said } : { kind: 'notice', text: notice };
}

/** The OpenAI format has no field for it: a failed call is known by how its text begins. */
function looksLikeError(result: string): boolean {
  return /^\W*(error|denied|interrupted|failed|unavailable|not executed|this call was not run)\b|\[(exit code (?!0\])\d+|interrupted\b[^\]]*)\]\s*$/i.test(result);
}

function parseArguments(json: string): Fields {
  try {
    const value: unknown = JSON.parse(json);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}
