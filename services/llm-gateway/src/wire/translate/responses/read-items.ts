import { isRecord } from '../../token-usage.ts';
import { listAt, recordOf, recordsOf, refuse, shown, textOf, wordsOf, type Fields } from '../fields.ts';
import { file, image, sourceOfUrl } from '../media.ts';
import type { Message, Part, Proof, Role, Tool, ToolCallPart } from '../model-request.ts';
import { unwrapProof } from '../proof.ts';
import { readTools } from './read-tools.ts';

/** What OpenAI's own services did during an answer, kept by clients: nobody else can go on from it. */
const servicesOwn = new Set(['web_search_call', 'file_search_call', 'image_generation_call', 'code_interpreter_call', 'mcp_call', 'mcp_list_tools', 'mcp_approval_request', 'mcp_approval_response', 'tool_search_call', 'tool_search_output', 'configuration_update']);

/** The items of a request; what a model said one after the other becomes one message, as do the results that follow. Tools that come along are added. */
export function readItems(input: unknown, tools: Tool[]): Message[] {
  if (typeof input === 'string') return [{ role: 'user', parts: [{ type: 'text', text: input }] }];
  const messages: Message[] = [];
  const add = (role: Role, parts: Part[]): void => {
    const before = messages.at(-1);
    const results = (list: readonly Part[]): boolean => list.every((part) => part.type === 'tool-result');
    if (before?.role === role && (role === 'assistant' || (role === 'user' && results(before.parts) && results(parts)))) before.parts.push(...parts);
    else messages.push({ role, parts });
  };
  for (const [index, item] of listAt(input, 'input').entries()) {
    const path = `input.${index}`;
    switch (item.type) {
      case undefined: case 'message': add(readRole(item, path), readContent(item.content, `${path}.content`)); break;
      case 'reasoning': add('assistant', [readReasoning(item)]); break;
      case 'function_call': case 'custom_tool_call': case 'local_shell_call': add('assistant', [readCall(item)]); break;
      case 'function_call_output': case 'custom_tool_call_output': case 'local_shell_call_output':
        add('user', [{ type: 'tool-result', kind: item.type === 'custom_tool_call_output' ? 'custom' : 'function', id: textOf(item.call_id) ?? textOf(item.id) ?? '', parts: readContent(item.output, `${path}.output`), failed: false }]);
        break;
      case 'additional_tools': tools.push(...readTools(recordsOf(item.tools), `${path}.tools`)); break;
      case 'item_reference': refuse(`${path}.id`, `the item ${shown(item.id)} is not kept here. Send it whole, as clients do that state "store": false.`); break;
      default: if (!servicesOwn.has(textOf(item.type) ?? '')) refuse(`${path}.type`, `an item of the type ${shown(item.type)} cannot be translated for this model.`);
    }
  }
  return messages;
}

function readRole(item: Fields, path: string): Role {
  const { role } = item;
  if (role === 'user' || role === 'assistant' || role === 'system' || role === 'developer') return role;
  return refuse(`${path}.role`, 'must be user, assistant, system or developer.');
}

function readCall(item: Fields): ToolCallPart {
  const id = textOf(item.call_id) ?? textOf(item.id) ?? '';
  if (item.type === 'local_shell_call') {
    const { type: _, ...action } = recordOf(item.action) ?? {};
    return { type: 'tool-call', kind: 'local-shell', id, name: 'local_shell', namespace: null, input: JSON.stringify(action) };
  }
  const custom = item.type === 'custom_tool_call';
  return { type: 'tool-call', kind: custom ? 'custom' : 'function', id, name: textOf(item.name) ?? '', namespace: wordsOf(item.namespace), input: textOf(custom ? item.input : item.arguments) ?? '' };
}

function readReasoning(item: Fields): Part {
  const texts = [...recordsOf(item.summary), ...recordsOf(item.content)].flatMap((part) => textOf(part.text) ?? []);
  return { type: 'reasoning', text: texts.join('\n\n'), proof: proofOf(item) };
}

export function proofOf(item: Fields): Proof | null {
  const encrypted = wordsOf(item.encrypted_content);
  if (encrypted === null) return null;
  return unwrapProof(encrypted) ?? { vendor: 'openai', id: textOf(item.id) ?? '', encrypted };
}

function readContent(content: unknown, path: string): Part[] {
  if (content == null || content === '') return [];
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) return refuse(path, 'must be text or a list of parts.');
  return content.flatMap((part: unknown, index) => (isRecord(part) ? readPart(part, `${path}.${index}`) : refuse(`${path}.${index}`, 'must be an object.')));
}

function readPart(part: Fields, path: string): Part[] {
  switch (part.type) {
    case 'input_text': case 'output_text': case 'text': case 'summary_text': return part.text === '' ? [] : [{ type: 'text', text: textOf(part.text) ?? refuse(`${path}.text`, 'must be text.') }];
    case 'refusal': return [{ type: 'refusal', text: textOf(part.refusal) ?? '' }];
    case 'input_image':
      if (typeof part.image_url === 'string') return [image(sourceOfUrl(part.image_url), wordsOf(part.detail), null)];
      return typeof part.file_id === 'string' ? [image({ type: 'file', id: part.file_id }, wordsOf(part.detail), null)] : refuse(path, 'must have an image_url or a file_id.');
    case 'input_file': {
      const name = wordsOf(part.filename);
      if (typeof part.file_id === 'string') return [file({ type: 'file', id: part.file_id }, name, null)];
      const url = wordsOf(part.file_data) ?? wordsOf(part.file_url);
      return url === null ? refuse(path, 'must have file_data, a file_url or a file_id.') : [file(sourceOfUrl(url), name, null)];
    }
    default: return refuse(`${path}.type`, `a part of the type ${shown(part.type)} cannot be translated for this model.`);
  }
}
