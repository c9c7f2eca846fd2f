import type { Dialect } from '../../translation.ts';
import { toolsOrCalled } from '../called-tools.ts';
import { customParameters, toolDescription } from '../custom-tool.ts';
import { parseJson, recordOf, refuse, stated, type Fields } from '../fields.ts';
import type { Message, MediaSource, ModelRequest, Part, Tool, ToolCallPart } from '../model-request.ts';
import { outputWords } from '../output-words.ts';
import type { ToolNames } from '../tool-names.ts';
import { textOfParts } from '../tool-results.ts';
import { wrapInput } from '../wrapped-tools.ts';

/** A request as Bedrock's Converse takes it. */
export function writeConverseRequest(request: ModelRequest, names: ToolNames, dialect: Dialect): Fields {
  const system = request.messages.filter(({ role }) => role === 'system' || role === 'developer').flatMap(({ parts }): Fields[] => {
    const text = textOfParts(parts);
    return text === '' ? [] : [{ text }, ...pointAfter(parts.some(isMarked), dialect)];
  });
  const words = outputWords(request.output, true);
  if (words !== null) system.push({ text: words });
  const inference = stated({ maxTokens: request.maxOutput, temperature: request.temperature === null ? null : Math.min(request.temperature, 1), topP: request.topP, stopSequences: request.stop.length === 0 ? null : request.stop });
  const tools = toolsOrCalled(request);
  return stated({
    system: system.length === 0 ? null : system,
    messages: writeMessages(request.messages, names, dialect),
    inferenceConfig: Object.keys(inference).length === 0 ? null : inference,
    toolConfig: tools.length === 0 ? null : writeTools(request, tools, names, dialect),
  });
}

const isMarked = (part: object): boolean => 'cache' in part && part.cache != null;

/** What stands before such a point is kept in the prompt cache of models that have one. */
function pointAfter(marked: boolean, { cachePoints }: Dialect, place: 'texts' | 'all' = 'texts'): Fields[] {
  return marked && (cachePoints === 'all' || cachePoints === place) ? [{ cachePoint: { type: 'default' } }] : [];
}

function writeTools(request: ModelRequest, tools: readonly Tool[], names: ToolNames, dialect: Dialect): Fields {
  const choice = request.tools.length === 0 ? null : request.toolChoice;
  const named = choice?.type === 'tool' ? (request.tools.find((tool) => tool.name === choice.name) ?? { name: choice.name, namespace: null }) : null;
  return stated({
    tools: tools.flatMap((tool) => [{ toolSpec: stated({ name: names.spoken(tool), description: toolDescription(tool), inputSchema: { json: schemaOf(tool) } }) }, ...pointAfter(tool.cache != null, dialect, 'all')]),
    toolChoice: named ? { tool: { name: names.spoken(named) } } : choice?.type === 'required' ? { any: {} } : null,
  });
}

const schemaOf = (tool: Tool): unknown => (tool.type === 'custom' ? customParameters : { properties: {}, ...recordOf(tool.parameters), type: 'object' });

function writeMessages(messages: readonly Message[], names: ToolNames, dialect: Dialect): Fields[] {
  const written: { role: string; content: Fields[] }[] = [];
  for (const { role, parts } of messages) {
    if (role === 'system' || role === 'developer') continue;
    const content = [...parts.filter((part) => part.type === 'tool-result'), ...parts.filter((part) => part.type !== 'tool-result')].flatMap((part) => {
      const blocks = writePart(part, names);
      return blocks.length === 0 ? blocks : [...blocks, ...pointAfter(isMarked(part), dialect)];
    });
    const before = written.at(-1);
    if (before?.role === role) before.content.push(...content);
    else if (content.length > 0) written.push({ role, content });
  }
  return written;
}

function writePart(part: Part, names: ToolNames): Fields[] {
  switch (part.type) {
    case 'text': case 'refusal': return part.text === '' ? [] : [{ text: part.text }];
    case 'image': return [{ image: { format: formatOf(part.source, 'png'), source: { bytes: bytesOf(part.source) } } }];
    case 'file': return [{ document: { format: formatOf(part.source, 'pdf'), name: (part.name ?? 'document').replace(/\.\w+$/, '').replace(/[^\w\s()[\]-]/g, '-'), source: { bytes: bytesOf(part.source) } } }];
    case 'reasoning': return [];
    case 'tool-call': return [{ toolUse: { toolUseId: idOf(part.id), name: names.spoken(part), input: inputOf(part) } }];
    case 'tool-result': {
      const content = part.parts.flatMap((inner) => writePart(inner, names));
      return [{ toolResult: { toolUseId: idOf(part.id), content: content.length === 0 ? [{ text: '(nothing)' }] : content, ...(part.failed && { status: 'error' }) } }];
    }
  }
}

const idOf = (id: string): string => id.replace(/[^\w-]/g, '_').slice(0, 64);

function inputOf(part: ToolCallPart): unknown {
  return recordOf(parseJson(part.kind === 'custom' ? wrapInput(part.input) : part.input || '{}')) ?? { input: part.input };
}

function bytesOf(source: MediaSource): string {
  return source.type === 'base64' ? source.data : refuse('messages', 'this model takes pictures and documents as data only, not by address.');
}

function formatOf(source: MediaSource, otherwise: string): string {
  const kind = source.type === 'base64' ? source.mediaType.split('/')[1]?.split('+')[0] : undefined;
  return kind === undefined || kind === '' ? otherwise : kind === 'jpg' ? 'jpeg' : kind === 'plain' ? 'txt' : kind;
}
