import { recordOf, textOf } from './fields.ts';
import type { Tool } from './model-request.ts';

/** The arguments of the function that stands for a custom tool. */
export const customParameters = { type: 'object', properties: { input: { type: 'string', description: 'The whole input of the tool, as plain text.' } }, required: ['input'], additionalProperties: false };

/** What a tool is for; with a custom tool, the grammar that its text follows. */
export function toolDescription(tool: Tool): string | null {
  const grammar = tool.type === 'custom' ? recordOf(tool.grammar) : null;
  if (grammar === null) return tool.description;
  return `${tool.description ?? ''}\n\nThe input must follow this ${textOf(grammar.syntax) ?? ''} grammar:\n${textOf(grammar.definition) ?? ''}`.trim();
}
