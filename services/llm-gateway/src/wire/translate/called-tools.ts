import type { ModelRequest, Tool } from './model-request.ts';

/**
 * The tools of a request; where it offers none, those that its conversation tells of, as when an agent asks for a summary: Claude's
 * providers refuse calls and results of tools that nobody defines.
 */
export function toolsOrCalled({ tools, messages }: ModelRequest): readonly Tool[] {
  if (tools.length > 0) return tools;
  const called = new Map<string, Tool>();
  for (const part of messages.flatMap(({ parts }) => parts)) {
    if (part.type === 'tool-call') called.set(`${part.namespace ?? ''} ${part.name}`, { type: 'function', name: part.name, namespace: part.namespace, description: 'Not available any more.', parameters: { type: 'object', properties: {} }, grammar: null, strict: null, cache: null });
  }
  return [...called.values()];
}
