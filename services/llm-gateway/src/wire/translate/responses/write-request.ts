import type { Dialect } from '../../translation.ts';
import { effortOf, shortName } from '../chat/write-request.ts';
import { stated, type Fields } from '../fields.ts';
import { urlOf } from '../media.ts';
import type { Message, ModelRequest, OutputWish, Part, Tool, ToolChoice } from '../model-request.ts';
import { strictable } from '../strict-schema.ts';
import { textOfParts, toolFailed } from '../tool-results.ts';
import type { ToolNames } from '../tool-names.ts';

/** OpenAI's responses take no smaller output limit. */
export const leastOutput = 16;

/** A request as OpenAI's responses take it. Nothing is kept there; reasoning comes back encrypted and travels with the conversation. */
export function writeResponsesRequest(request: ModelRequest, names: ToolNames, dialect: Dialect): Fields {
  const [first, ...rest] = request.messages;
  const leading = first?.role === 'system' || first?.role === 'developer';
  const tools = request.tools.map((tool) => writeTool(tool, names));
  const reasons = dialect.efforts !== undefined;
  const sampling = dialect.sampling !== false;
  return stated({
    model: request.model,
    instructions: leading ? textOfParts(first.parts) || null : null,
    input: (leading ? rest : request.messages).flatMap((message) => writeMessage(message, names)),
    tools: tools.length === 0 ? null : tools,
    tool_choice: tools.length === 0 ? null : writeChoice(request.toolChoice, names, request.tools),
    parallel_tool_calls: tools.length === 0 ? null : request.parallelTools,
    max_output_tokens: request.maxOutput === null ? null : Math.max(request.maxOutput, leastOutput),
    temperature: sampling ? request.temperature : null,
    top_p: sampling ? request.topP : null,
    reasoning: reasons && request.reasoning !== null ? stated({ effort: effortOf(request.reasoning, dialect), summary: request.reasoning.mode === 'off' ? null : 'auto' }) : null,
    include: reasons ? ['reasoning.encrypted_content'] : null,
    store: false,
    text: writeText(request.output, request.verbosity),
    safety_identifier: request.user === null ? null : shortName(request.user),
    prompt_cache_key: request.cacheKey,
    prompt_cache_retention: request.cacheRetention,
    service_tier: request.serviceTier,
    stream: request.stream || null,
  });
}

function writeMessage(message: Message, names: ToolNames): Fields[] {
  if (message.role !== 'assistant') {
    const results = message.parts.flatMap((part) => (part.type === 'tool-result' ? [{ type: part.kind === 'custom' ? 'custom_tool_call_output' : 'function_call_output', call_id: part.id, output: writeResult(part.parts, part.failed) }] : []));
    const content = message.parts.flatMap(writeInput);
    return content.length === 0 ? results : [...results, { type: 'message', role: message.role, content }];
  }
  return message.parts.flatMap((part) => writeAnswerPart(part, names));
}

function writeAnswerPart(part: Part, names: ToolNames): Fields[] {
  switch (part.type) {
    case 'text': return [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: part.text, annotations: [] }] }];
    case 'refusal': return [{ type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: part.text }] }];
    case 'reasoning': return part.proof?.vendor === 'openai' ? [{ type: 'reasoning', id: part.proof.id, summary: part.text === '' ? [] : [{ type: 'summary_text', text: part.text }], encrypted_content: part.proof.encrypted }] : [];
    case 'tool-call': return [part.kind === 'custom' ? { type: 'custom_tool_call', call_id: part.id, name: names.spoken(part), input: part.input } : { type: 'function_call', call_id: part.id, name: names.spoken(part), arguments: part.input || '{}' }];
    default: return [];
  }
}

function writeInput(part: Part): Fields[] {
  if (part.type === 'text') return part.text === '' ? [] : [{ type: 'input_text', text: part.text }];
  if (part.type === 'image') return [stated({ type: 'input_image', image_url: urlOf(part.source), file_id: part.source.type === 'file' ? part.source.id : null, detail: part.detail ?? 'auto' })];
  if (part.type !== 'file') return [];
  const { source } = part;
  return [stated({ type: 'input_file', filename: source.type === 'base64' ? (part.name ?? 'document.pdf') : null, file_data: source.type === 'base64' ? urlOf(source) : null, file_url: source.type === 'url' ? source.url : null, file_id: source.type === 'file' ? source.id : null })];
}

/** A result with pictures is a list of parts, which responses take; else text. */
function writeResult(parts: readonly Part[], failed: boolean): string | Fields[] {
  if (parts.every((part) => part.type === 'text')) return (failed ? toolFailed : '') + textOfParts(parts);
  return [...(failed ? [{ type: 'input_text', text: toolFailed.trim() }] : []), ...parts.flatMap(writeInput)];
}

function writeTool(tool: Tool, names: ToolNames): Fields {
  const named = { name: names.spoken(tool), description: tool.description };
  if (tool.type === 'custom') return stated({ type: 'custom', ...named, format: tool.grammar === null ? null : { type: 'grammar', ...(tool.grammar as Fields) } });
  return { ...stated({ type: 'function', ...named, parameters: tool.parameters ?? { type: 'object', properties: {} } }), strict: tool.strict === true && strictable(tool.parameters) };
}

function writeChoice(choice: ToolChoice | null, names: ToolNames, tools: readonly Tool[]): unknown {
  if (choice?.type !== 'tool') return choice?.type ?? null;
  const tool = tools.find((candidate) => candidate.name === choice.name);
  return { type: tool?.type === 'custom' ? 'custom' : 'function', name: names.spoken(tool ?? { name: choice.name, namespace: null }) };
}

function writeText(output: OutputWish | null, verbosity: string | null): Fields | null {
  if (output === null) return verbosity === null ? null : { verbosity };
  const format = output.type === 'json' ? { type: 'json_object' } : stated({ type: 'json_schema', name: output.name ?? 'answer', description: output.description, schema: output.schema, strict: output.strict === true ? strictable(output.schema) : output.strict });
  return stated({ format, verbosity });
}
