import { createHash } from 'node:crypto';
import type { Dialect } from '../../translation.ts';
import { toolsOrCalled } from '../called-tools.ts';
import { customParameters, toolDescription } from '../custom-tool.ts';
import { stated, type Fields } from '../fields.ts';
import { nearestEffort } from '../efforts.ts';
import { outputWords } from '../output-words.ts';
import type { ModelRequest, Part, ReasoningWish, Tool, ToolChoice } from '../model-request.ts';
import type { ToolNames } from '../tool-names.ts';
import { writeMessages } from './write-messages.ts';

const defaultLimit = 32_000;
const smallestBudget = 1_024;
const budgets: Record<string, number> = { minimal: smallestBudget, low: 2_048, medium: 8_192, high: 16_384, xhigh: 24_576, max: 30_000 };
/** What current models take. */
const currentEfforts = ['low', 'medium', 'high', 'xhigh', 'max'];

/** A request as Anthropic's messages take it. */
export function writeAnthropicRequest(request: ModelRequest, names: ToolNames, dialect: Dialect): Fields {
  const { system, messages } = writeMessages(request.messages, names, dialect);
  const words = outputWords(request.output, dialect.schemas === false);
  if (words !== null) system.push({ type: 'text', text: words });
  const choice = writeToolChoice(request.tools.length === 0 ? { type: 'none' } : request.toolChoice, request.parallelTools, names, request.tools);
  const tools = toolsOrCalled(request).map((tool) => writeTool(tool, names, dialect));
  const maxTokens = request.maxOutput ?? dialect.outputLimit ?? defaultLimit;
  const { thinking, effort } = writeReasoning(request.reasoning, maxTokens, dialect, choice, unprovenCalls(request));
  const sampling = dialect.sampling !== false && thinking?.type !== 'enabled' && thinking?.type !== 'adaptive';
  return stated({
    model: request.model,
    max_tokens: maxTokens,
    system: system.length === 0 ? null : system,
    messages,
    tools: tools.length === 0 ? null : tools,
    tool_choice: tools.length === 0 ? null : choice,
    thinking,
    output_config: outputConfig(request, effort, dialect),
    // Anthropic's ends at 1 where OpenAI's ends at 2, and newer models take only one of the two.
    temperature: sampling && request.temperature !== null ? Math.min(request.temperature, 1) : null,
    top_p: sampling && request.temperature === null ? request.topP : null,
    top_k: sampling ? request.topK : null,
    stop_sequences: request.stop.some((entry) => entry.trim() !== '') ? request.stop.filter((entry) => entry.trim() !== '') : null,
    metadata: request.user === null ? null : { user_id: request.user.length <= 256 ? request.user : createHash('sha256').update(request.user).digest('hex') },
    stream: request.stream || null,
  });
}

function outputConfig(request: ModelRequest, effort: string | null, { schemas }: Dialect): Fields | null {
  const format = request.output?.type === 'schema' && schemas !== false ? { type: 'json_schema', schema: request.output.schema } : null;
  return effort === null && format === null ? null : stated({ effort, format });
}

function writeReasoning(wish: ReasoningWish | null, maxTokens: number, dialect: Dialect, choice: Fields | null, unproven: boolean): { thinking: Fields | null; effort: string | null } {
  if (wish === null || dialect.thinking === 'never') return { thinking: null, effort: null };
  if (wish.mode === 'off') return { thinking: { type: 'disabled' }, effort: null };
  // Thinking and a forced tool exclude each other.
  const forced = choice?.type === 'any' || choice?.type === 'tool';
  if (dialect.thinking !== 'budget') return { thinking: forced ? null : { type: 'adaptive', display: wish.display ?? 'summarized' }, effort: nearestEffort(wish.effort, dialect.efforts ?? currentEfforts) };
  const budget = Math.min(wish.budget ?? budgets[wish.effort ?? 'medium'] ?? 8_192, maxTokens - 1);
  // An answer that called tools must begin with its thinking, proof included; where a client lost it, there is none.
  if (forced || unproven || budget < smallestBudget) return { thinking: null, effort: null };
  return { thinking: { type: 'enabled', budget_tokens: budget }, effort: null };
}

/** Whether the turn at work has calls of tools without the thinking before them. */
function unprovenCalls(request: ModelRequest): boolean {
  const begin = request.messages.findLastIndex((message) => message.role === 'user' && message.parts.some((part) => part.type !== 'tool-result'));
  return request.messages.slice(begin + 1).some((message) => message.role === 'assistant' && has(message.parts, 'tool-call') && !message.parts.some((part) => part.type === 'reasoning' && part.proof?.vendor === 'anthropic'));
}

const has = (parts: readonly Part[], type: Part['type']): boolean => parts.some((part) => part.type === type);

function writeTool(tool: Tool, names: ToolNames, { schemas }: Dialect): Fields {
  return stated({ name: names.spoken(tool), description: toolDescription(tool), input_schema: tool.type === 'custom' ? customParameters : objectSchema(tool.parameters), strict: tool.strict === true && schemas !== false ? true : null, cache_control: tool.cache });
}

/** Anthropic demands an object's schema; OpenAI lets functions have none. */
function objectSchema(schema: unknown): unknown {
  const fields = (schema ?? {}) as Fields;
  return fields.type === 'object' ? fields : { properties: {}, ...fields, type: 'object' };
}

function writeToolChoice(choice: ToolChoice | null, parallel: boolean | null, names: ToolNames, tools: readonly Tool[]): Fields | null {
  const one = parallel === false ? { disable_parallel_tool_use: true } : {};
  if (choice === null) return parallel === false ? { type: 'auto', ...one } : null;
  if (choice.type === 'none') return { type: 'none' };
  if (choice.type === 'tool') return { type: 'tool', name: names.spoken(tools.find((tool) => tool.name === choice.name) ?? { name: choice.name, namespace: null }), ...one };
  return { type: choice.type === 'required' ? 'any' : 'auto', ...one };
}

