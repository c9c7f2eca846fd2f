import { createHash } from 'node:crypto';
import type { Dialect } from '../../translation.ts';
import { parseJson, stated, type Fields } from '../fields.ts';
import { anthropicDocument, anthropicSource } from '../media.ts';
import type { Message, Part, ToolCallPart } from '../model-request.ts';
import { thinkingBlock } from '../proof.ts';
import type { ToolNames } from '../tool-names.ts';
import { wrapInput } from '../wrapped-tools.ts';

interface Written {
  system: Fields[];
  messages: Fields[];
}

/**
 * Messages as Anthropic takes them: one user's and one assistant's message in turn, results of tools first, instructions
 * outside (or in place, after a user's turn, where the model reads them there).
 */
export function writeMessages(messages: readonly Message[], names: ToolNames, dialect: Dialect): Written {
  const written: Written = { system: [], messages: [] };
  for (const [index, message] of messages.entries()) {
    if (message.role === 'system' || message.role === 'developer') {
      const blocks = message.parts.flatMap((part) => writePart(part, names));
      const inPlace = dialect.systemInPlace === true && messages[index - 1]?.role === 'user' && messages[index + 1]?.role !== 'user';
      if (inPlace && blocks.length > 0) written.messages.push({ role: 'system', content: blocks });
      else written.system.push(...blocks);
      continue;
    }
    const blocks = message.parts.flatMap((part) => writePart(part, names));
    const before = written.messages.at(-1);
    if (before?.role === message.role) (before.content as Fields[]).push(...blocks);
    else if (blocks.length > 0) written.messages.push({ role: message.role, content: blocks });
  }
  for (const message of written.messages) if (message.role === 'user') message.content = resultsFirst(message.content as Fields[]);
  trimLast(written.messages.at(-1));
  return written;
}

function writePart(part: Part, names: ToolNames): Fields[] {
  const cache = 'cache' in part ? part.cache : null;
  switch (part.type) {
    case 'text': return part.text === '' ? [] : [stated({ type: 'text', text: part.text, cache_control: cache })];
    case 'refusal': return part.text === '' ? [] : [{ type: 'text', text: part.text }];
    case 'image': return [stated({ type: 'image', source: anthropicSource(part.source), cache_control: cache })];
    case 'file': return [stated({ type: 'document', source: anthropicDocument(part.source), title: part.name, cache_control: cache })];
    // Anthropic refuses thinking that it did not sign.
    case 'reasoning': return part.proof?.vendor === 'anthropic' ? [thinkingBlock(part.text, part.proof)] : [];
    case 'tool-call': return [stated({ type: 'tool_use', id: callId(part.id), name: names.spoken(part), input: inputOf(part), cache_control: cache })];
    case 'tool-result': return [stated({ type: 'tool_result', tool_use_id: callId(part.id), content: part.parts.flatMap((inner) => writePart(inner, names)), is_error: part.failed || null, cache_control: cache })];
  }
}

function inputOf(part: ToolCallPart): unknown {
  const input = parseJson(part.kind === 'custom' ? wrapInput(part.input) : part.input.trim() || '{}');
  return typeof input === 'object' && input !== null && !Array.isArray(input) ? input : { input: part.input };
}

/** Anthropic takes letters, digits, `_` and `-`; the same other id becomes the same one each time. */
function callId(id: string): string {
  if (/^[\w-]+$/.test(id)) return id;
  return `${id.replace(/[^\w-]/g, '_')}_${createHash('sha256').update(id).digest('hex').slice(0, 8)}`;
}

function resultsFirst(blocks: Fields[]): Fields[] {
  const results = blocks.filter((block) => block.type === 'tool_result');
  return results.length === 0 ? blocks : [...results, ...blocks.filter((block) => block.type !== 'tool_result')];
}

/** An answer that is to be continued may not end in blanks. */
function trimLast(message: Fields | undefined): void {
  if (message?.role !== 'assistant') return;
  const blocks = message.content as Fields[];
  const last = blocks.at(-1);
  if (last?.type !== 'text') return;
  last.text = String(last.text).trimEnd();
  if (last.text === '' && blocks.length > 1) blocks.pop();
}
