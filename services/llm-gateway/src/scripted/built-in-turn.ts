import { randomBytes } from 'node:crypto';
import type { WireFormat } from '@deskhand/contracts';
import { noUsage } from '../wire/token-usage.ts';
import type { Turn, TurnHeading, TurnPart } from '../wire/turn.ts';
import type { BuiltInModel } from './built-in-models.ts';
import { viewConversation } from './conversation-view.ts';

const tokens = (text: string): number => Math.ceil(text.length / 4);

/** What a built-in model answers to a request; `requestBytes` stands for the size of its input. */
export function builtInTurn(model: BuiltInModel, format: WireFormat, body: Record<string, unknown>, requestBytes: number): Turn {
  const beat = model.answer(viewConversation(format, body));
  const prefix = format === 'openai-chat' ? 'call_' : 'toolu_';
  const calls = beat.calls ?? [];
  const parts: TurnPart[] = [];
  if (beat.reasoning !== undefined) parts.push({ type: 'reasoning', text: beat.reasoning });
  if (beat.text !== '') parts.push({ type: 'text', text: beat.text });
  for (const call of calls) parts.push({ type: 'tool-call', id: prefix + randomBytes(12).toString('hex'), name: call.name, arguments: JSON.stringify(call.arguments) });
  const reasoning = tokens(beat.reasoning ?? '');
  const output = reasoning + parts.reduce((sum, part) => sum + (part.type === 'text' ? tokens(part.text) : part.type === 'tool-call' ? tokens(part.arguments) + 4 : 0), 0);
  return { parts, stop: calls.length > 0 ? 'tool-calls' : 'end', usage: { ...noUsage, uncachedInput: Math.ceil(requestBytes / 4), output, reasoning } };
}

export function builtInHeading(model: BuiltInModel, format: WireFormat): TurnHeading {
  const prefix = format === 'openai-chat' ? 'chatcmpl-' : 'msg_';
  return { id: prefix + randomBytes(12).toString('hex'), model: `${model.provider}/${model.name}`, created: Math.floor(Date.now() / 1_000) };
}
