import { flagOf, listAt, numberOf, recordOf, recordsOf, refuse, textOf, wordsOf, type Fields } from '../fields.ts';
import { emptyRequest, type Message, type ModelRequest, type ReasoningWish, type ToolChoice } from '../model-request.ts';
import { readParts } from './read-parts.ts';
import { readTools } from './read-tools.ts';

/** A line for Anthropic's own accounts that differs in every request: elsewhere it only spoils the prompt cache. */
const billing = 'x-anthropic-billing-header:';

/** A request for messages. Fields that steer only Anthropic's own services (context editing, containers, speed) end here. */
export function readAnthropicRequest(body: Fields): ModelRequest {
  const request = emptyRequest(textOf(body.model) ?? '');
  request.stream = body.stream === true;
  request.wantsUsage = true;
  if (recordsOf(body.mcp_servers).length > 0) refuse('mcp_servers', 'only Anthropic\'s own service calls MCP servers.');
  const system = readParts(body.system ?? [], 'system').filter((part) => part.type !== 'text' || !part.text.startsWith(billing));
  if (system.length > 0) request.messages.push({ role: 'system', parts: system });
  for (const [index, message] of listAt(body.messages, 'messages').entries()) request.messages.push(readMessage(message, `messages.${index}`));
  request.toolChoice = readToolChoice(body.tool_choice);
  request.tools = readTools(body.tools, request);
  const parallel = flagOf(recordOf(body.tool_choice)?.disable_parallel_tool_use);
  request.parallelTools = parallel === null ? null : !parallel;
  request.maxOutput = numberOf(body.max_tokens);
  request.temperature = numberOf(body.temperature);
  request.topP = numberOf(body.top_p);
  request.topK = numberOf(body.top_k);
  request.stop = Array.isArray(body.stop_sequences) ? body.stop_sequences.filter((entry) => typeof entry === 'string') : [];
  request.user = wordsOf(recordOf(body.metadata)?.user_id);
  const output = recordOf(body.output_config);
  request.reasoning = readReasoning(recordOf(body.thinking), wordsOf(output?.effort));
  const format = recordOf(output?.format) ?? recordOf(body.output_format);
  if (format?.type === 'json_schema') request.output = { type: 'schema', name: null, description: null, schema: format.schema, strict: true };
  return request;
}

function readMessage(message: Fields, path: string): Message {
  const { role } = message;
  if (role !== 'user' && role !== 'assistant' && role !== 'system') return refuse(`${path}.role`, 'must be user, assistant or system.');
  return { role, parts: readParts(message.content, `${path}.content`) };
}

function readReasoning(thinking: Fields | null, effort: string | null): ReasoningWish | null {
  if (thinking === null && effort === null) return null;
  const display = wordsOf(thinking?.display);
  if (thinking?.type === 'disabled') return { mode: 'off', effort, budget: null, display };
  if (thinking?.type === 'enabled') return { mode: 'budget', effort, budget: numberOf(thinking.budget_tokens), display };
  return { mode: 'adaptive', effort, budget: null, display };
}

function readToolChoice(value: unknown): ToolChoice | null {
  const choice = recordOf(value);
  if (choice?.type === 'any') return { type: 'required' };
  if (choice?.type === 'auto' || choice?.type === 'none') return { type: choice.type };
  return choice?.type === 'tool' ? { type: 'tool', name: textOf(choice.name) ?? '' } : null;
}
