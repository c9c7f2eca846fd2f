import { flagOf, recordOf, recordsOf, refuse, shown, textOf, wordsOf, type Fields } from '../fields.ts';
import type { ModelRequest, Tool } from '../model-request.ts';

/** Run by OpenAI's own service beside the answer; clients offer them to every model and work without. */
const optionalServices = /^(web_search|image_generation|tool_search|programmatic_tool_calling)/;

const localShell = {
  type: 'object', required: ['command'],
  properties: {
    command: { type: 'array', items: { type: 'string' }, description: 'The program and its arguments.' }, working_directory: { type: 'string' },
    timeout_ms: { type: 'integer' }, env: { type: 'object', additionalProperties: { type: 'string' } },
  },
};

/** The tools a model elsewhere can be given, groups flattened. */
export function readTools(tools: readonly Fields[], path: string): Tool[] {
  return tools.flatMap((tool, index) => readTool(tool, null, `${path}.${index}`));
}

function readTool(tool: Fields, namespace: string | null, path: string): Tool[] {
  const base = { namespace, name: textOf(tool.name) ?? '', description: wordsOf(tool.description), parameters: null, grammar: null, strict: null, cache: null };
  switch (tool.type) {
    case 'function': return [{ ...base, type: 'function', parameters: tool.parameters ?? null, strict: flagOf(tool.strict) }];
    case 'custom': return [{ ...base, type: 'custom', grammar: recordOf(tool.format)?.type === 'grammar' ? tool.format : null }];
    case 'namespace': return recordsOf(tool.tools).flatMap((inner, index) => readTool(inner, textOf(tool.name), `${path}.tools.${index}`));
    case 'local_shell': return [{ ...base, type: 'local-shell', name: 'local_shell', description: 'Runs a program on the user\'s machine.', parameters: localShell }];
    default: return optionalServices.test(textOf(tool.type) ?? '') ? [] : refuse(`${path}.type`, `${shown(tool.type)} is a tool of OpenAI's own service, which this model does not have.`);
  }
}

/** A choice among some of the tools leaves only these. */
export function readChoice(value: unknown, request: ModelRequest): void {
  if (value === 'auto' || value === 'none' || value === 'required') request.toolChoice = { type: value };
  const choice = recordOf(value);
  if (choice === null) return;
  if (choice.type === 'allowed_tools') {
    const names = new Set(recordsOf(choice.tools).map((tool) => textOf(tool.name) ?? textOf(tool.type) ?? ''));
    request.tools = request.tools.filter((tool) => names.has(tool.name));
    request.toolChoice = { type: choice.mode === 'required' ? 'required' : 'auto' };
  } else if (choice.type === 'function' || choice.type === 'custom') request.toolChoice = { type: 'tool', name: textOf(choice.name) ?? '' };
  else refuse('tool_choice', `this model has no ${shown(choice.type)}.`);
}
