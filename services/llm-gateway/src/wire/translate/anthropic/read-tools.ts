import { flagOf, recordsOf, refuse, textOf, type Fields } from '../fields.ts';
import type { Message, ModelRequest, Part, Tool } from '../model-request.ts';

/** Run by Anthropic's own service beside the answer; a model elsewhere works without them. */
const optionalServices = /^(web_search_|web_fetch_|tool_search_tool_|code_execution_)/;

/** How a tool that was found is told to a model elsewhere. */
const [foundBegin, foundEnd] = ['The tool ', ' is available now.'];
export const foundWords = (name: string): string => foundBegin + name + foundEnd;

/** The tools a model elsewhere can be given. Tools that are only to be found by a search are left out until they were found. */
export function readTools(value: unknown, request: Pick<ModelRequest, 'toolChoice' | 'messages'>): Tool[] {
  if (value == null) return [];
  const forced = request.toolChoice?.type === 'tool' ? request.toolChoice.name : null;
  const found = foundTools(request.messages);
  return recordsOf(value).flatMap((tool, index): Tool[] => {
    const name = textOf(tool.name) ?? '';
    const type = textOf(tool.type);
    if (type !== null && type !== 'custom') {
      if (optionalServices.test(type) && forced !== name) return [];
      return refuse(`tools.${index}.type`, `${type.slice(0, 60)} is a tool of Anthropic's own service, which this model does not have.`);
    }
    if (tool.defer_loading === true && forced !== name && !found.has(name)) return [];
    return [readTool(tool, name)];
  });
}

/** Names of the tools that results of searches have told. */
function foundTools(messages: readonly Message[]): ReadonlySet<string> {
  const names = new Set<string>();
  const walk = (part: Part): void => {
    if (part.type === 'tool-result') part.parts.forEach(walk);
    else if (part.type === 'text' && part.text.startsWith(foundBegin) && part.text.endsWith(foundEnd)) names.add(part.text.slice(foundBegin.length, -foundEnd.length));
  };
  for (const { parts } of messages) parts.forEach(walk);
  return names;
}

function readTool(tool: Fields, name: string): Tool {
  return { type: 'function', name, namespace: null, description: textOf(tool.description), parameters: tool.input_schema ?? { type: 'object', properties: {} }, grammar: null, strict: flagOf(tool.strict), cache: tool.cache_control ?? null };
}
