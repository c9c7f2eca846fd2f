import { flagOf, numberOf, recordOf, recordsOf, refuse, textOf, wordsOf, type Fields } from '../fields.ts';
import { emptyRequest, type ModelRequest, type OutputWish, type ReasoningWish } from '../model-request.ts';
import { readItems } from './read-items.ts';
import { readChoice, readTools } from './read-tools.ts';

/** A request for a response. Whatever leans on what OpenAI's service keeps is refused: here nothing is kept. */
export function readResponsesRequest(body: Fields): ModelRequest {
  for (const name of ['previous_response_id', 'conversation', 'prompt']) if (body[name] != null) refuse(name, 'this model keeps nothing between calls: send the whole conversation as input.');
  const request = emptyRequest(textOf(body.model) ?? '');
  request.stream = body.stream === true;
  request.wantsUsage = true;
  request.tools = readTools(recordsOf(body.tools), 'tools');
  if (wordsOf(body.instructions)) request.messages.push({ role: 'system', parts: [{ type: 'text', text: String(body.instructions) }] });
  request.messages.push(...readItems(body.input, request.tools));
  readChoice(body.tool_choice, request);
  request.parallelTools = flagOf(body.parallel_tool_calls);
  request.maxOutput = numberOf(body.max_output_tokens);
  request.temperature = numberOf(body.temperature);
  request.topP = numberOf(body.top_p);
  request.user = wordsOf(body.safety_identifier) ?? wordsOf(body.user);
  request.cacheKey = wordsOf(body.prompt_cache_key);
  request.cacheRetention = wordsOf(body.prompt_cache_retention);
  request.serviceTier = wordsOf(body.service_tier);
  const text = recordOf(body.text);
  request.verbosity = wordsOf(text?.verbosity);
  request.output = readOutput(recordOf(text?.format));
  request.reasoning = readReasoning(recordOf(body.reasoning));
  return request;
}

function readReasoning(reasoning: Fields | null): ReasoningWish | null {
  const effort = wordsOf(reasoning?.effort);
  if (effort === null) return null;
  return effort === 'none' ? { mode: 'off', effort: null, budget: null, display: null } : { mode: 'adaptive', effort, budget: null, display: null };
}

function readOutput(format: Fields | null): OutputWish | null {
  if (format?.type === 'json_object') return { type: 'json' };
  if (format?.type !== 'json_schema') return null;
  return { type: 'schema', name: textOf(format.name), description: textOf(format.description), schema: format.schema ?? {}, strict: flagOf(format.strict) };
}
