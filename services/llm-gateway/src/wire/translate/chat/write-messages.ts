import { createHash } from 'node:crypto';
import type { Dialect } from '../../translation.ts';
import { stated, type Fields } from '../fields.ts';
import { urlOf } from '../media.ts';
import type { FilePart, ImagePart, Message, Part, TextPart, ToolResultPart } from '../model-request.ts';
import type { ToolNames } from '../tool-names.ts';
import { textOfParts, toolFailed } from '../tool-results.ts';
import { wrapInput } from '../wrapped-tools.ts';

/** Messages as chat completions take them. */
export function writeChatMessages(messages: readonly Message[], names: ToolNames, dialect: Dialect): Fields[] {
  const id = dialect.nineLetterCallIds === true ? nineLetters : (value: string): string => value;
  return messages.flatMap((message) => {
    if (message.role === 'assistant') return writeAnswer(message.parts, names, dialect, id);
    if (message.role === 'user') return writeUser(message.parts, dialect, id);
    const text = textOfParts(message.parts);
    const marked = dialect.cacheControl === true && message.parts.some((part) => part.type === 'text' && part.cache !== undefined);
    const content = marked ? message.parts.flatMap((part) => (part.type === 'text' ? [writeText(part, dialect)] : [])) : text;
    return text === '' ? [] : [{ role: message.role === 'developer' && dialect.developerRole === true ? 'developer' : 'system', content }];
  });
}

function writeAnswer(parts: readonly Part[], names: ToolNames, dialect: Dialect, id: (value: string) => string): Fields[] {
  const text = textOfParts(parts);
  const reasoning = parts.flatMap((part) => (part.type === 'reasoning' ? [part] : []));
  const signatures = new Map(reasoning.flatMap(({ proof }) => (proof?.vendor === 'google' ? [[proof.call, proof.signature]] : [])));
  const details = reasoning.flatMap(({ proof }) => (proof?.vendor === 'details' && Array.isArray(proof.details) ? (proof.details as unknown[]) : []));
  const calls = parts.flatMap((part) => {
    if (part.type !== 'tool-call') return [];
    const signature = signatures.get(part.id);
    return [{
      id: id(part.id), type: 'function', function: { name: names.spoken(part), arguments: part.kind === 'custom' ? wrapInput(part.input) : part.input || '{}' },
      ...(signature !== undefined && { extra_content: { google: { thought_signature: signature } } }),
    }];
  });
  if (text === '' && calls.length === 0) return [];
  const thought = dialect.reasoningEcho === true ? reasoning.map((part) => part.text).join('') : '';
  return [stated({ role: 'assistant', content: text === '' && calls.length > 0 ? null : text, tool_calls: calls.length === 0 ? null : calls, reasoning_content: thought || null, reasoning_details: details.length === 0 ? null : details })];
}

/** Results first, each a message of its own; what their pictures show follows in a user's message, because they cannot hold any. */
function writeUser(parts: readonly Part[], dialect: Dialect, id: (value: string) => string): Fields[] {
  const results = parts.filter((part) => part.type === 'tool-result');
  const written: Fields[] = results.map((result) => ({ role: 'tool', tool_call_id: id(result.id), content: resultText(result) }));
  const content: Fields[] = [];
  for (const result of results) {
    const media = result.parts.filter((part) => part.type === 'image' || part.type === 'file');
    if (media.length > 0) content.push({ type: 'text', text: `[${media.some((part) => part.type === 'image') ? 'Picture' : 'Document'} of the result of call ${id(result.id)}]` }, ...media.map(writeMedia));
  }
  for (const part of parts) {
    if (part.type === 'text') content.push(writeText(part, dialect));
    else if (part.type === 'image' || part.type === 'file') content.push(writeMedia(part));
  }
  if (content.length === 0) return written;
  const plain = content.every((part) => part.type === 'text' && part.cache_control === undefined);
  return [...written, { role: 'user', content: plain ? content.map((part) => part.text).join('\n\n') : content }];
}

const writeText = (part: TextPart, dialect: Dialect): Fields => ({ type: 'text', text: part.text, ...(dialect.cacheControl === true && part.cache !== undefined && { cache_control: part.cache }) });

function resultText(result: ToolResultPart): string {
  const text = textOfParts(result.parts);
  const shown = text === '' && result.parts.length > 0 ? 'The result follows as media in the next message.' : text;
  return result.failed ? toolFailed + shown : shown;
}

function writeMedia(part: ImagePart | FilePart): Fields {
  const url = urlOf(part.source);
  if (part.type === 'image' && url !== null) return { type: 'image_url', image_url: stated({ url, detail: part.detail }) };
  if (part.type === 'image') return { type: 'text', text: '(a picture that only its own provider has)' };
  if (part.source.type === 'file') return { type: 'file', file: { file_id: part.source.id } };
  return part.source.type === 'url' ? { type: 'text', text: `Document: ${part.source.url}` } : { type: 'file', file: { filename: part.name ?? 'document.pdf', file_data: url } };
}

/** Mistral takes ids of nine letters and digits; the same id becomes the same nine each time. */
function nineLetters(id: string): string {
  if (/^[a-zA-Z0-9]{9}$/.test(id)) return id;
  const digits = BigInt(`0x${createHash('sha256').update(id).digest('hex').slice(0, 16)}`).toString(36);
  return digits.padStart(9, '0').slice(-9);
}
