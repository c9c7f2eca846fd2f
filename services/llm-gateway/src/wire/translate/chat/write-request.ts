import { createHash } from 'node:crypto';
import type { Dialect } from '../../translation.ts';
import { customParameters, toolDescription } from '../custom-tool.ts';
import { nearestEffort } from '../efforts.ts';
import { stated, type Fields } from '../fields.ts';
import type { ModelRequest, OutputWish, ReasoningWish, Tool, ToolChoice } from '../model-request.ts';
import { strictable } from '../strict-schema.ts';
import type { ToolNames } from '../tool-names.ts';
import { writeChatMessages } from './write-messages.ts';

/** A request as chat completions take it. */
export function writeChatRequest(request: ModelRequest, names: ToolNames, dialect: Dialect): Fields {
  const tools = request.tools.map((tool) => writeTool(tool, names));
  const sampling = dialect.sampling !== false;
  // Fields that only OpenAI's own models take; others answer 400 to what they do not know.
  const openai = dialect.developerRole === true;
  return stated({
    model: request.model,
    messages: writeChatMessages(request.messages, names, dialect),
    tools: tools.length === 0 ? null : tools,
    tool_choice: tools.length === 0 ? null : writeChoice(request.toolChoice, names, request.tools),
    parallel_tool_calls: tools.length === 0 ? null : request.parallelTools,
    [dialect.maxTokensField ?? 'max_completion_tokens']: request.maxOutput,
    temperature: sampling ? request.temperature : null,
    top_p: sampling ? request.topP : null,
    stop: request.stop.length === 0 || !sampling ? null : request.stop,
    seed: request.seed,
    frequency_penalty: sampling ? request.frequencyPenalty : null,
    presence_penalty: sampling ? request.presencePenalty : null,
    reasoning_effort: effortOf(request.reasoning, dialect),
    response_format: writeOutput(request.output),
    user: request.user === null ? null : shortName(request.user),
    prompt_cache_key: openai ? request.cacheKey : null,
    prompt_cache_retention: openai ? request.cacheRetention : null,
    service_tier: openai ? request.serviceTier : null,
    verbosity: openai && dialect.efforts !== undefined ? request.verbosity : null,
    stream: request.stream || null,
    stream_options: request.stream && dialect.streamUsage !== false ? { include_usage: true } : null,
  });
}

/** OpenAI takes 64 letters. */
export const shortName = (user: string): string => (user.length <= 64 ? user : createHash('sha256').update(user).digest('hex'));

/** A budget in tokens as the effort it comes nearest to; what a model likes to do itself needs no word. */
export function effortOf(wish: ReasoningWish | null, dialect: Dialect): string | null {
  if (wish === null || dialect.efforts === undefined) return null;
  if (wish.mode === 'off') return nearestEffort('none', dialect.efforts);
  if (wish.effort !== null) return nearestEffort(wish.effort, dialect.efforts);
  if (wish.budget === null) return null;
  return nearestEffort(wish.budget < 4_096 ? 'low' : wish.budget < 16_384 ? 'medium' : 'high', dialect.efforts);
}

function writeTool(tool: Tool, names: ToolNames): Fields {
  const parameters = tool.type === 'custom' ? customParameters : (tool.parameters ?? { type: 'object', properties: {} });
  return { type: 'function', function: stated({ name: names.spoken(tool), description: toolDescription(tool), parameters, strict: tool.strict === true ? true : null }) };
}

function writeChoice(choice: ToolChoice | null, names: ToolNames, tools: readonly Tool[]): unknown {
  if (choice?.type !== 'tool') return choice?.type ?? null;
  return { type: 'function', function: { name: names.spoken(tools.find((tool) => tool.name === choice.name) ?? { name: choice.name, namespace: null }) } };
}

function writeOutput(output: OutputWish | null): Fields | null {
  if (output === null) return null;
  if (output.type === 'json') return { type: 'json_object' };
  return { type: 'json_schema', json_schema: stated({ name: output.name ?? 'answer', description: output.description, schema: output.schema, strict: output.strict === true ? strictable(output.schema) : output.strict }) };
}
