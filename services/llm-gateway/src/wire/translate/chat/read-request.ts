import { flagOf, listAt, numberOf, recordOf, recordsOf, refuse, shown, textOf, wordsOf, type Fields } from '../fields.ts';
import { emptyRequest, type ModelRequest, type OutputWish, type Tool, type ToolChoice } from '../model-request.ts';
import { readChatMessages } from './read-messages.ts';
import { readSampling } from './read-sampling.ts';

/** A request for a chat completion. What changes the answer and cannot be said elsewhere is refused; mere hints end here. */
export function readChatRequest(body: Fields): ModelRequest {
  const request = emptyRequest(textOf(body.model) ?? '');
  request.stream = body.stream === true;
  request.wantsUsage = recordOf(body.stream_options)?.include_usage === true;
  if ((numberOf(body.n) ?? 1) > 1) refuse('n', 'this model gives one answer a call.');
  if (body.logprobs === true) refuse('logprobs', 'this model does not tell probabilities.');
  if (Array.isArray(body.modalities) && body.modalities.includes('audio')) refuse('modalities', 'this model does not speak.');
  request.messages = readChatMessages(listAt(body.messages, 'messages'));
  request.tools = [...recordsOf(body.tools).map(readTool), ...recordsOf(body.functions).map((tool) => readTool({ type: 'function', function: tool }, 0))];
  narrow(request, body.tool_choice ?? body.function_call);
  request.parallelTools = flagOf(body.parallel_tool_calls);
  request.maxOutput = numberOf(body.max_completion_tokens) ?? numberOf(body.max_tokens);
  readSampling(request, body);
  request.topK = numberOf(body.top_k);
  request.user = wordsOf(body.safety_identifier) ?? wordsOf(body.user);
  request.cacheKey = wordsOf(body.prompt_cache_key);
  request.cacheRetention = wordsOf(body.prompt_cache_retention);
  request.verbosity = wordsOf(body.verbosity);
  request.serviceTier = wordsOf(body.service_tier);
  request.output = readOutput(recordOf(body.response_format));
  request.reasoning = readReasoning(body);
  return request;
}

function readReasoning(body: Fields): ModelRequest['reasoning'] {
  const thinking = recordOf(body.thinking);
  if (thinking?.type === 'enabled') return { mode: 'budget', effort: wordsOf(body.reasoning_effort), budget: numberOf(thinking.budget_tokens), display: null };
  if (thinking?.type === 'disabled') return { mode: 'off', effort: null, budget: null, display: null };
  const effort = wordsOf(body.reasoning_effort) ?? wordsOf(recordOf(body.reasoning)?.effort);
  if (effort === null) return thinking?.type === 'adaptive' ? { mode: 'adaptive', effort: null, budget: null, display: null } : null;
  return { mode: effort === 'none' ? 'off' : 'adaptive', effort: effort === 'none' ? null : effort, budget: null, display: null };
}

function readOutput(format: Fields | null): OutputWish | null {
  if (format?.type === 'json_object') return { type: 'json' };
  const schema = recordOf(format?.json_schema);
  if (format?.type !== 'json_schema' || schema === null) return null;
  return { type: 'schema', name: textOf(schema.name), description: textOf(schema.description), schema: schema.schema ?? {}, strict: flagOf(schema.strict) };
}

function readTool(tool: Fields, index: number): Tool {
  const base = { namespace: null, grammar: null, strict: null, cache: tool.cache_control ?? null };
  const custom = recordOf(tool.custom);
  if (tool.type === 'custom' && custom) return { ...base, type: 'custom', name: textOf(custom.name) ?? '', description: textOf(custom.description), parameters: null, grammar: grammarOf(custom.format) };
  const named = recordOf(tool.function);
  if (named === null || !wordsOf(named.name)) return refuse(`tools.${index}`, `a tool of the type ${shown(tool.type)} cannot be translated for this model.`);
  return { ...base, type: 'function', name: String(named.name), description: textOf(named.description), parameters: named.parameters ?? null, strict: flagOf(named.strict), cache: named.cache_control ?? base.cache };
}

function grammarOf(value: unknown): unknown {
  const format = recordOf(value);
  return format?.type === 'grammar' ? (recordOf(format.grammar) ?? format) : null;
}

/** A choice among some of the tools leaves only these. */
function narrow(request: ModelRequest, value: unknown): void {
  const allowed = recordOf(recordOf(value)?.allowed_tools);
  if (allowed === null) {
    request.toolChoice = readChoice(value);
    return;
  }
  const names = new Set(recordsOf(allowed.tools).map((tool) => nameOf(tool)));
  request.tools = request.tools.filter((tool) => names.has(tool.name));
  request.toolChoice = { type: allowed.mode === 'required' ? 'required' : 'auto' };
}

const nameOf = (tool: Fields): string => textOf((recordOf(tool.function) ?? recordOf(tool.custom) ?? tool).name) ?? '';

function readChoice(value: unknown): ToolChoice | null {
  if (value === 'auto' || value === 'none' || value === 'required') return { type: value };
  const choice = recordOf(value);
  return choice === null ? null : { type: 'tool', name: nameOf(choice) };
}
