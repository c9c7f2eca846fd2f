import type { IncomingHttpHeaders } from 'node:http';
import type { ApiFormat } from '../wire/formats.ts';
import { isRecord } from '../wire/token-usage.ts';
import { WireError } from '../wire/wire-format.ts';

/** What a request says to the gateway alone, by LiteLLM's names. */
export interface RoutingControls {
  /** Which of a model's deployments it is for. */
  tags: readonly string[];
  /** Whether the body held anything of it. */
  taken: boolean;
}

const noControls: RoutingControls = { tags: [], taken: false };

/** Fields of a body that LiteLLM keeps to itself; vendors refuse most of them. Of these only tags are followed. */
const ownFields: ReadonlySet<string> = new Set([
  'tags', 'litellm_metadata', 'fallbacks', 'context_window_fallbacks', 'content_policy_fallbacks', 'context_window_fallback_dict', 'disable_fallbacks', 'num_retries', 'max_retries', 'timeout', 'request_timeout', 'stream_timeout',
  'litellm_session_id', 'litellm_trace_id', 'litellm_call_id', 'litellm_params', 'caching', 'no-log', 'drop_params', 'additional_drop_params', 'allowed_openai_params', 'enable_json_schema_validation', 'merge_reasoning_content_in_choices',
  'guardrails', 'guardrail_config', 'prompt_id', 'prompt_variables',
]);

/** Those that would lead a call elsewhere, or to nobody: left out in silence they would cost somebody else's money. */
const refusedFields: ReadonlySet<string> = new Set(['api_key', 'api_base', 'base_url', 'user_config', 'mock_response', 'mock_tool_calls', 'mock_timeout', 'mock_testing_fallbacks', 'mock_testing_context_fallbacks', 'mock_testing_content_policy_fallbacks', 'mock_testing_rate_limit_error']);

/** Takes the gateway's own fields out of a body: no provider gets them. Most requests have none. Throws `WireError` for what cannot be left out. */
export function takeRoutingControls(body: Record<string, unknown>, headers: IncomingHttpHeaders, format: ApiFormat | 'openai-embeddings'): RoutingControls {
  const header = headers['x-litellm-tags'];
  const present = Object.keys(body).filter((name) => ownFields.has(name) || refusedFields.has(name));
  const metadata = isRecord(body.metadata) ? body.metadata : null;
  const passed = metadata && vendorsMetadata(metadata, format, body.store === true);
  if (header === undefined && passed === metadata && present.length === 0) return noControls;
  const refused = present.find((name) => refusedFields.has(name) && body[name] != null && body[name] !== false);
  if (refused !== undefined) throw new WireError('bad-request', `${refused}: a request cannot say that here.`, refused, 'not_supported');
  const own = isRecord(body.litellm_metadata) ? body.litellm_metadata : {};
  const tags = [...tagsIn(header), ...tagsIn(body.tags), ...tagsIn(metadata?.tags), ...tagsIn(own.tags)];
  for (const name of present) delete body[name];
  const changed = passed !== metadata;
  if (changed && passed === null) delete body.metadata;
  else if (changed) body.metadata = passed;
  return { tags: [...new Set(tags)], taken: changed || present.length > 0 };
}

/**
 * What a vendor gets of `metadata`, where LiteLLM's clients put words for its logs: Anthropic refuses all but the user, and OpenAI what comes with a
 * chat completion that it is not to store. Null: nothing.
 */
function vendorsMetadata(metadata: Readonly<Record<string, unknown>>, format: ApiFormat | 'openai-embeddings', stored: boolean): Readonly<Record<string, unknown>> | null {
  if (format !== 'openai-responses' && format !== 'anthropic-messages' && !stored) return null;
  const names = Object.keys(metadata);
  const passed = names.filter((name) => name !== 'tags' && (format !== 'anthropic-messages' || name === 'user_id'));
  if (passed.length === names.length) return metadata;
  return passed.length === 0 ? null : Object.fromEntries(passed.map((name) => [name, metadata[name]]));
}

/** Asks for a stream's usage where a client of chat completions says nothing of it; whether that changed the body. */
export function addUsage(body: Record<string, unknown>, format: ApiFormat): boolean {
  if (body.stream !== true || body.stream_options != null || (format !== 'openai-chat' && format !== 'openai-completions')) return false;
  body.stream_options = { include_usage: true };
  return true;
}

/** Writes the model that a request's path names into its body; whether that changed it. */
export function takeName(body: Record<string, unknown>, named: string | null): boolean {
  if (named === null || body.model === named) return false;
  body.model = named;
  return true;
}

/** A list of texts, or one text with commas between them. */
function tagsIn(value: unknown): string[] {
  const list: unknown[] = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [];
  return list.flatMap((tag) => (typeof tag === 'string' && tag.trim() !== '' ? [tag.trim()] : []));
}
