import { createHash } from 'node:crypto';
import { DeclaredError } from '@deskhand/contracts';
import { isOverAllProviders, splitModel } from '../upstreams/upstream-of.ts';
import type { DeploymentParameters } from '../upstreams/upstream.ts';
import type { ModelEntry } from './gateway-file.ts';
import type { Place } from './yaml-place.ts';

/** Takes note of something that is there and does nothing here. */
export type Note = (place: Place, words?: string) => void;

const textParameters = [
  'custom_llm_provider', 'api_base', 'api_key', 'api_version', 'organization', 'aws_access_key_id', 'aws_secret_access_key', 'aws_session_token', 'aws_region_name', 'aws_bedrock_runtime_endpoint',
  'aws_bearer_token_bedrock', 'vertex_project', 'vertex_location', 'base_model', 'azure_ad_token', 'tenant_id', 'client_id', 'client_secret',
] as const satisfies readonly (keyof DeploymentParameters)[];
const otherParameters = [
  'model', 'extra_headers', 'vertex_credentials', 'base_url', 'rpm', 'tpm', 'max_parallel_requests', 'timeout', 'stream_timeout', 'max_retries', 'weight', 'order', 'tags', 'drop_params',
  'input_cost_per_token', 'output_cost_per_token', 'cache_read_input_token_cost', 'cache_creation_input_token_cost', 'cache_creation_input_token_cost_above_1hr',
];
const numberDefaults = ['temperature', 'top_p', 'top_k', 'max_tokens', 'max_completion_tokens', 'seed'] as const;
/** Penalties may be negative; the others are words, lists or objects. */
const otherDefaults = ['presence_penalty', 'frequency_penalty', 'stop', 'reasoning_effort', 'thinking'] as const;
const parameterNames = new Set<string>([...textParameters, ...otherParameters, ...numberDefaults, ...otherDefaults]);
const infoNames = new Set(['id', 'mode', 'base_model', 'max_tokens', 'max_input_tokens', 'max_output_tokens', 'input_cost_per_token', 'output_cost_per_token', 'cache_read_input_token_cost', 'cache_creation_input_token_cost', 'cache_creation_input_token_cost_above_1hr', 'description', 'health_check_model']);

/** Reads one entry of `model_list`; null when it lacks what makes it one. What cannot be followed is a problem of its place. */
export function readModel(item: Place, note: Note): ModelEntry | null {
  const group = item.field('model_name').text();
  const parameters = item.field('litellm_params');
  const info = item.field('model_info');
  const model = parameters.field('model').text();
  if (group === null) item.problem('needs a model_name');
  if (model === null) item.problem('needs litellm_params with a model');
  if (group === null || model === null) return null;
  for (const place of item.fields()) if (!['model_name', 'litellm_params', 'model_info'].includes(place.key)) note(place);
  for (const place of parameters.fields()) if (!parameterNames.has(place.key)) note(place);
  for (const place of info.fields()) {
    if (place.key === 'access_groups') note(place, 'has no effect here: a key, user or team names its models themselves, or by patterns like openai/*');
    else if (!infoNames.has(place.key) && !place.key.startsWith('supports_')) note(place);
  }
  try {
    const given = parameters.field('custom_llm_provider').text() ?? undefined;
    if (!isOverAllProviders(group, { model, custom_llm_provider: given })) splitModel(model, given);
  } catch (error) {
    if (!(error instanceof DeclaredError)) throw error;
    parameters.field('model').problem(`cannot be used: ${error.message}`);
  }
  const cost = (name: string): number | null => parameters.field(name).number() ?? info.field(name).number();
  const read: DeploymentParameters = { model };
  for (const name of textParameters) {
    const value = parameters.field(name).text();
    if (value !== null) read[name] = value;
  }
  read.api_base ??= parameters.field('base_url').text() ?? undefined;
  if (read.api_base === undefined) delete read.api_base;
  const credentials = parameters.field('vertex_credentials');
  if (!credentials.isAbsent) read.vertex_credentials = typeof credentials.value === 'string' ? (credentials.text() ?? '') : JSON.stringify(credentials.value);
  const headers = parameters.field('extra_headers').fields();
  if (headers.length > 0) read.extra_headers = Object.fromEntries(headers.map((place) => [place.key, place.text() ?? '']));
  const drops = parameters.field('drop_params').boolean();
  if (drops !== null) read.drop_params = drops;
  const baseModel = info.field('base_model').text() ?? read.base_model ?? null;
  if (baseModel !== null) read.base_model = baseModel;
  const defaults = readDefaults(parameters);
  return {
    id: info.field('id').text() ?? createHash('sha256').update(JSON.stringify([group, read, ...(Object.keys(defaults).length > 0 ? [defaults] : [])])).digest('hex').slice(0, 32), defaults,
    group, parameters: read, baseModel, mode: info.field('mode').text(), line: item.line, info: asRecord(info.value),
    limits: {
      rpm: parameters.field('rpm').number(), tpm: parameters.field('tpm').number(), maxParallelRequests: parameters.field('max_parallel_requests').number(), timeout: parameters.field('timeout').number(),
      streamTimeout: parameters.field('stream_timeout').number(), maxRetries: parameters.field('max_retries').number(), weight: parameters.field('weight').number(), order: parameters.field('order').number(),
      tags: parameters.field('tags').texts(), maxInputTokens: info.field('max_input_tokens').number(),
    },
    prices: { input: cost('input_cost_per_token'), output: cost('output_cost_per_token'), cacheRead: cost('cache_read_input_token_cost'), cacheWrite: cost('cache_creation_input_token_cost'), cacheWriteHour: cost('cache_creation_input_token_cost_above_1hr') },
  };
}

function readDefaults(parameters: Place): Record<string, unknown> {
  const values = [...numberDefaults.map((name) => [name, parameters.field(name).number()]), ...otherDefaults.map((name) => [name, parameters.field(name).value])] as [string, unknown][];
  return Object.fromEntries(values.filter(([, value]) => value !== null));
}

const asRecord = (value: unknown): Record<string, unknown> => (typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {});
