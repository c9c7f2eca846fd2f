import { ConfigurationError } from '@deskhand/platform';
import { LineCounter, parseDocument, visit } from 'yaml';
import { defaultRouter, policyKinds, type Fallbacks, type PolicyKind, type GatewayFile, type PassThroughEntry, type RouterSettings, routingStrategies, type RoutingStrategy } from './gateway-file.ts';
import { KeyRules } from '../keys/key-rules.ts';
import { readKeyRules } from './read-key-rules.ts';
import { readModel, type Note } from './read-model.ts';
import { readCache } from './read-cache.ts';
import { followAliases } from './yaml-aliases.ts';
import { FileProblems, Place, variablePrefix } from './yaml-place.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Settings that change nothing here because they are always so, or because they are about LiteLLM's own machinery. */
const needless = new Set(['set_verbose', 'json_logs', 'telemetry', 'turn_off_message_logging', 'store_model_in_db', 'database_connection_pool_limit', 'proxy_batch_write_at', 'redact_user_api_key_info']);

/**
 * Reads LiteLLM's `config.yaml`. `os.environ/NAME` stands for a variable wherever it is. Throws `ConfigurationError` with one
 * line for each thing that cannot be followed; what is merely not supported is in `notes`.
 */
export function readGatewayFile(text: string, environment: Environment): GatewayFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const problems = new FileProblems();
  for (const error of document.errors) problems.add(error.linePos?.[0].line ?? lines.linePos(error.pos[0]).line, `this is not YAML: ${error.message}`);
  if (problems.list.length > 0) throw unusable(problems);
  followAliases(document, (at, words) => problems.add(lines.linePos(at.range?.[0] ?? 0).line, words));
  if (problems.list.length > 0) throw unusable(problems);
  const notes: string[] = [];
  const note = (place: Place, words = 'has no effect here'): void => void notes.push(`line ${place.line}: ${place.name} ${words}`);
  const given = new Place(document.contents, '', lines, problems).field('environment_variables').fields();
  const variables: Environment = { ...Object.fromEntries(given.map((place) => [place.key, place.text() ?? undefined])), ...environment };
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value !== 'string' || !node.value.startsWith(variablePrefix)) return;
      const value = variables[node.value.slice(variablePrefix.length)];
      if (value !== undefined && value !== '') node.value = value;
    },
  });
  const root = new Place(document.contents, '', lines, problems);
  const file: GatewayFile = { models: [], router: { ...defaultRouter }, masterKey: null, keyHeader: null, maximumBodyBytes: null, alwaysUsage: false, passThrough: [], cache: null, keyRules: new KeyRules(), notes };
  for (const section of root.fields()) {
    if (section.name === 'model_list') file.models = section.items().flatMap((item) => readModel(item, note) ?? []);
    else if (section.name === 'general_settings') readGeneral(section, file, note);
    else if (section.name === 'router_settings') readRouter(section, file.router, note);
    else if (section.name === 'litellm_settings') {
      const ruled = root.field('router_settings').fields().map(({ key }) => (key === 'timeout' ? ['timeout', 'request_timeout'] : [key]));
      readRouter(section, file.router, note, [...ruled.flat(), 'drop_params', 'cache', 'cache_params', 'default_key_generate_params', 'upperbound_key_generate_params']);
      file.cache = readCache(section, note);
      file.keyRules = readKeyRules(section, note);
    }
    // What has an anchor is there for its aliases.
    else if (section.name !== 'environment_variables' && section.node?.anchor === undefined) note(section);
  }
  const drops = root.field('litellm_settings').field('drop_params').boolean() === true;
  // One that says otherwise itself stays so.
  if (drops) for (const { parameters } of file.models) parameters.drop_params ??= true;
  const together = root.field('router_settings').field('default_max_parallel_requests').number();
  for (const { limits } of file.models) limits.maxParallelRequests ??= together;
  checkReferences(file, root, problems);
  if (problems.list.length > 0) throw unusable(problems);
  return file;
}

const unusable = ({ list }: FileProblems): ConfigurationError => new ConfigurationError(`The model gateway's configuration (LITELLM_CONFIG) is not usable: ${list.join('; ')}`);

function readGeneral(section: Place, file: GatewayFile, note: Note): void {
  for (const place of section.fields()) {
    if (place.key === 'pass_through_endpoints') file.passThrough = place.items().flatMap((item) => readPassThrough(item, note) ?? []);
    else if (place.key === 'database_url') note(place, 'has no effect: keys and usage are kept in DESKHAND_DATABASE_URL');
    else if (place.key === 'litellm_key_header_name') file.keyHeader = readHeaderName(place);
    else if (place.key === 'always_include_stream_usage') file.alwaysUsage = place.boolean() === true;
    else if (place.key === 'max_request_size_mb') file.maximumBodyBytes = (place.number() ?? 64) * 1024 * 1024;
    else if (place.key !== 'master_key' && !needless.has(place.key)) note(place);
  }
  file.masterKey = section.field('master_key').text();
}

function readHeaderName(place: Place): string | null {
  const name = place.text()?.toLowerCase() ?? null;
  if (name === null || name === 'authorization') return null;
  if (/^[\w-]{1,100}$/.test(name)) return name;
  place.problem('must be the name of a header');
  return null;
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
      case 'max_fallbacks': router.maxFallbacks = place.number() ?? router.maxFallbacks; break;
      case 'retry_after': router.retryAfter = place.number() ?? router.retryAfter; break;
      case 'default_max_parallel_requests': break;
      case 'max_budget': case 'budget_duration': note(place, 'has no effect here: give keys, users or teams a budget'); break;
      case 'model_group_alias':
        router.aliases = Object.fromEntries(place.fields().map((alias) => [alias.key, (alias.isMapping ? alias.field('model') : alias).text() ?? '']));
        router.hiddenAliases = place.fields().flatMap((alias) => (alias.isMapping && alias.field('hidden').boolean() === true ? [alias.key] : []));
        break;
      case 'enable_pre_call_checks': router.preCallChecks = place.boolean() === true; break;
      case 'enable_tag_filtering': router.tagFiltering = place.boolean() === true; break;
      case 'tag_filtering_match_any': router.anyTag = place.boolean() !== false; break;
      default: if (!needless.has(place.key)) note(place);
    }
  }
}

function readStrategy(place: Place): RoutingStrategy | null {
  const name = place.text();
  if (name === null) return null;
  // LiteLLM's second version of it means the same.
  const found = routingStrategies.find((strategy) => strategy === name.replace(/^(usage-based-routing)-v2$/, '$1'));
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
  const served = (name: string): boolean => models.some(({ group }) => group === name || (group.includes('*') && patternOf(group).test(name)));
  const known = (name: string): boolean => served(name) || Object.hasOwn(router.aliases, name);
  const line = root.field('router_settings').line;
  for (const [from, to] of [...Object.entries(router.fallbacks), ...Object.entries(router.contextWindowFallbacks), ...Object.entries(router.contentPolicyFallbacks)]) {
    for (const name of to) if (!known(name)) problems.add(line, `the fallback "${name}" of "${from}" is no model of model_list`);
  }
  for (const name of router.defaultFallbacks) if (!known(name)) problems.add(line, `the fallback "${name}" is no model of model_list`);
  for (const [alias, name] of Object.entries(router.aliases)) if (!served(name)) problems.add(line, `the alias "${alias}" stands for "${name}", which is no model of model_list`);
}

/** A name with `*` in it as a pattern; the part that `*` stands for is its first group. */
export function patternOf(name: string): RegExp {
  const known = patterns.get(name);
  if (known) return known;
  const pattern = new RegExp(`^${name.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('(.*)')}$`, 's');
  if (patterns.size >= 1_000) patterns.clear();
  patterns.set(name, pattern);
  return pattern;
}

/** Calls ask for the same few again and again. */
const patterns = new Map<string, RegExp>();

