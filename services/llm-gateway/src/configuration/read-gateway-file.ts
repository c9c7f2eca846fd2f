import { createHash } from 'node:crypto';
import { DeclaredError } from '@deskhand/contracts';
import { ConfigurationError } from '@deskhand/platform';
import { LineCounter, parseDocument, visit } from 'yaml';
import { splitModel } from '../upstreams/upstream-of.ts';
import type { DeploymentParameters } from '../upstreams/upstream.ts';
import { defaultRouter, policyKinds, type Fallbacks, type PolicyKind, type GatewayFile, type ModelEntry, type PassThroughEntry, type RouterSettings, routingStrategies, type RoutingStrategy } from './gateway-file.ts';
import { FileProblems, Place } from './yaml-place.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const textParameters = [
  'custom_llm_provider', 'api_base', 'api_key', 'api_version', 'organization', 'aws_access_key_id', 'aws_secret_access_key', 'aws_session_token', 'aws_region_name', 'aws_bedrock_runtime_endpoint',
  'aws_bearer_token_bedrock', 'vertex_project', 'vertex_location', 'base_model', 'azure_ad_token', 'tenant_id', 'client_id', 'client_secret',
] as const satisfies readonly (keyof DeploymentParameters)[];
const otherParameters = [
  'model', 'extra_headers', 'vertex_credentials', 'base_url', 'rpm', 'tpm', 'max_parallel_requests', 'timeout', 'stream_timeout', 'max_retries', 'weight', 'order', 'tags',
  'input_cost_per_token', 'output_cost_per_token', 'cache_read_input_token_cost', 'cache_creation_input_token_cost',
];
const parameterNames = new Set<string>([...textParameters, ...otherParameters]);
const infoNames = new Set(['id', 'mode', 'base_model', 'max_tokens', 'max_input_tokens', 'max_output_tokens', 'input_cost_per_token', 'output_cost_per_token', 'cache_read_input_token_cost', 'cache_creation_input_token_cost', 'description', 'access_groups', 'health_check_model']);
/** Settings that change nothing here because they are always so, or because they are about LiteLLM's own machinery. */
const needless = new Set(['drop_params', 'set_verbose', 'json_logs', 'telemetry', 'turn_off_message_logging', 'store_model_in_db', 'database_connection_pool_limit', 'proxy_batch_write_at', 'redact_user_api_key_info']);

/**
 * Reads LiteLLM's `config.yaml`. `os.environ/NAME` stands for a variable wherever it is. Throws `ConfigurationError` with one
 * line for each thing that cannot be followed; what is merely not supported is in `notes`.
 */
export function readGatewayFile(text: string, environment: Environment): GatewayFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems = new FileProblems();
  for (const error of document.errors) problems.add(error.linePos?.[0].line ?? lines.linePos(error.pos[0]).line, `this is not YAML: ${error.message}`);
  if (problems.list.length > 0) throw unusable(problems);
  const notes: string[] = [];
  const note = (place: Place, words = 'has no effect here'): void => void notes.push(`line ${place.line}: ${place.name} ${words}`);
  const given = new Place(document.contents, '', lines, problems).field('environment_variables').fields();
  const variables: Environment = { ...Object.fromEntries(given.map((place) => [place.key, place.text() ?? undefined])), ...environment };
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value !== 'string' || !node.value.startsWith('os.environ/')) return;
      const name = node.value.slice('os.environ/'.length);
      const value = variables[name];
      if (value === undefined || value === '') problems.add(lines.linePos(node.range?.[0] ?? 0).line, `the variable ${name} is not set`);
      else node.value = value;
    },
  });
  const root = new Place(document.contents, '', lines, problems);
  const file: GatewayFile = { models: [], router: { ...defaultRouter }, masterKey: null, passThrough: [], notes };
  for (const section of root.fields()) {
    if (section.name === 'model_list') file.models = section.items().flatMap((item) => readModel(item, note) ?? []);
    else if (section.name === 'general_settings') readGeneral(section, file, note);
    else if (section.name === 'router_settings') readRouter(section, file.router, note);
    else if (section.name === 'litellm_settings') readRouter(section, file.router, note, root.field('router_settings').fields().map(({ key }) => key));
    else if (section.name !== 'environment_variables') note(section);
  }
  checkReferences(file, root, problems);
  if (problems.list.length > 0) throw unusable(problems);
  return file;
}

type Note = (place: Place, words?: string) => void;

const unusable = ({ list }: FileProblems): ConfigurationError => new ConfigurationError(`The model gateway's configuration (LITELLM_CONFIG) is not usable: ${list.join('; ')}`);

function readModel(item: Place, note: Note): ModelEntry | null {
  const group = item.field('model_name').text();
  const parameters = item.field('litellm_params');
  const info = item.field('model_info');
  const model = parameters.field('model').text();
  if (group === null) item.problem('needs a model_name');
  if (model === null) item.problem('needs litellm_params with a model');
  if (group === null || model === null) return null;
  for (const place of item.fields()) if (!['model_name', 'litellm_params', 'model_info'].includes(place.key)) note(place);
  for (const place of parameters.fields()) if (!parameterNames.has(place.key)) note(place);
  for (const place of info.fields()) if (!infoNames.has(place.key) && !place.key.startsWith('supports_')) note(place);
  try {
    splitModel(model, parameters.field('custom_llm_provider').text() ?? undefined);
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
  if (!credentials.isAbsent) read.vertex_credentials = typeof credentials.value === 'string' ? credentials.value : JSON.stringify(credentials.value);
  const headers = parameters.field('extra_headers').fields();
  if (headers.length > 0) read.extra_headers = Object.fromEntries(headers.map((place) => [place.key, place.text() ?? '']));
  const baseModel = info.field('base_model').text() ?? read.base_model ?? null;
  if (baseModel !== null) read.base_model = baseModel;
  return {
    id: info.field('id').text() ?? createHash('sha256').update(JSON.stringify([group, read])).digest('hex').slice(0, 32),
    group, parameters: read, baseModel, mode: info.field('mode').text(), line: item.line,
    limits: {
      rpm: parameters.field('rpm').number(), tpm: parameters.field('tpm').number(), maxParallelRequests: parameters.field('max_parallel_requests').number(), timeout: parameters.field('timeout').number(),
      streamTimeout: parameters.field('stream_timeout').number(), maxRetries: parameters.field('max_retries').number(), weight: parameters.field('weight').number(), order: parameters.field('order').number(),
      tags: parameters.field('tags').texts(), maxInputTokens: info.field('max_input_tokens').number() ?? info.field('max_tokens').number(),
    },
    prices: { input: cost('input_cost_per_token'), output: cost('output_cost_per_token'), cacheRead: cost('cache_read_input_token_cost'), cacheWrite: cost('cache_creation_input_token_cost') },
  };
}

function readGeneral(section: Place, file: GatewayFile, note: Note): void {
  for (const place of section.fields()) {
    if (place.key === 'pass_through_endpoints') file.passThrough = place.items().flatMap((item) => readPassThrough(item, note) ?? []);
    else if (place.key === 'database_url') note(place, 'has no effect: keys and usage are kept in DESKHAND_DATABASE_URL');
    else if (place.key !== 'master_key' && !needless.has(place.key)) note(place);
  }
  file.masterKey = section.field('master_key').text();
}

const passThroughNames = new Set(['path', 'target', 'headers', 'forward_headers', 'include_subpath', 'auth']);

function readPassThrough(item: Place, note: Note): PassThroughEntry | null {
  for (const place of item.fields()) if (!passThroughNames.has(place.key)) note(place);
  const path = item.field('path').text()?.replace(/\/+$/, '') ?? '';
  const target = item.field('target').text() ?? '';
  if (!/^(\/[\w.~-]+)+$/.test(path)) item.problem('needs a path like /claude');
  if (!/^https?:\/\//i.test(target) || !URL.canParse(target) || /[?#@]/.test(target)) item.problem('needs a target like https://api.example.com, without a user name, query or fragment');
  else return {
    path, target, headers: Object.fromEntries(item.field('headers').fields().map((place) => [place.key, place.text() ?? ''])), forwardHeaders: item.field('forward_headers').boolean() === true,
    subpaths: item.field('include_subpath').boolean() === true, withoutKey: item.field('auth').boolean() === false, line: item.line,
  };
  return null;
}

/** `litellm_settings` may hold some of the router's settings too; those of `router_settings` win. */
function readRouter(section: Place, router: RouterSettings, note: Note, overruled: readonly string[] = []): void {
  for (const place of section.fields()) {
    if (overruled.includes(place.key)) continue;
    switch (place.key) {
      case 'routing_strategy': router.strategy = readStrategy(place) ?? router.strategy; break;
      case 'num_retries': router.retries = place.number() ?? router.retries; break;
      case 'timeout': case 'request_timeout': router.timeout = place.number() ?? router.timeout; break;
      case 'stream_timeout': router.streamTimeout = place.number(); break;
      case 'allowed_fails': router.allowedFails = place.number() ?? router.allowedFails; break;
      case 'cooldown_time': router.cooldown = place.number() ?? router.cooldown; break;
      case 'disable_cooldowns': router.cooldowns = place.boolean() !== true; break;
      case 'retry_policy': router.retryPolicy = readPolicy(place, 'Retries', note); break;
      case 'allowed_fails_policy': router.allowedFailsPolicy = readPolicy(place, 'AllowedFails', note); break;
      case 'fallbacks': router.fallbacks = readFallbacks(place); break;
      case 'context_window_fallbacks': router.contextWindowFallbacks = readFallbacks(place); break;
      case 'content_policy_fallbacks': router.contentPolicyFallbacks = readFallbacks(place); break;
      case 'default_fallbacks': router.defaultFallbacks = place.texts(); break;
      case 'model_group_alias': router.aliases = Object.fromEntries(place.fields().map((alias) => [alias.key, (alias.isMapping ? alias.field('model') : alias).text() ?? ''])); break;
      case 'enable_pre_call_checks': router.preCallChecks = place.boolean() === true; break;
      case 'enable_tag_filtering': router.tagFiltering = place.boolean() === true; break;
      default: if (!needless.has(place.key)) note(place);
    }
  }
}

function readStrategy(place: Place): RoutingStrategy | null {
  const name = place.text();
  if (name === null) return null;
  const found = routingStrategies.find((strategy) => strategy === name);
  if (!found) place.problem(`must be one of ${routingStrategies.join(', ')}`);
  return found ?? null;
}

function readPolicy(place: Place, ending: string, note: Note): Partial<Record<PolicyKind, number>> {
  const policy: Partial<Record<PolicyKind, number>> = {};
  for (const field of place.fields()) {
    const kind = policyKinds.find((name) => field.key === `${name}${ending}`);
    const count = field.number();
    if (kind === undefined) note(field);
    else if (count !== null) policy[kind] = count;
  }
  return policy;
}

/** A list of `{model: [models]}`. */
function readFallbacks(place: Place): Fallbacks {
  return Object.fromEntries(place.items().flatMap((item) => item.fields().map((group) => [group.key, group.texts()])));
}

/** Everything that is fallen back to must be there. */
function checkReferences({ models, router }: GatewayFile, root: Place, problems: FileProblems): void {
  const known = (name: string): boolean => models.some(({ group }) => group === name || (group.includes('*') && patternOf(group).test(name))) || name in router.aliases;
  const line = root.field('router_settings').line;
  for (const [from, to] of [...Object.entries(router.fallbacks), ...Object.entries(router.contextWindowFallbacks), ...Object.entries(router.contentPolicyFallbacks)]) {
    for (const name of to) if (!known(name)) problems.add(line, `the fallback "${name}" of "${from}" is no model of model_list`);
  }
  for (const name of router.defaultFallbacks) if (!known(name)) problems.add(line, `the fallback "${name}" is no model of model_list`);
  for (const [alias, name] of Object.entries(router.aliases)) if (!models.some(({ group }) => group === name)) problems.add(line, `the alias "${alias}" stands for "${name}", which is no model of model_list`);
}

/** A name with `*` in it as a pattern; the part that `*` stands for is its first group. */
export function patternOf(name: string): RegExp {
  return new RegExp(`^${name.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('(.*)')}$`, 's');
}

