import { describe, expect, it } from 'vitest';
import { patternOf, readGatewayFile } from './read-gateway-file.ts';

const whole = `
environment_variables:
  HERE: from the file
model_list:
  - model_name: fast
    litellm_params:
      model: openai/gpt-5.4-mini
      api_key: os.environ/KEY_ONE
      rpm: 60
      weight: 2
  - model_name: fast
    litellm_params:
      model: azure/mini
      api_base: https://x.openai.azure.com
      api_key: os.environ/HERE
      api_version: 2025-10-01
      timeout: 30
    model_info:
      id: second
      base_model: azure/gpt-5.4-mini
      input_cost_per_token: 0.000001
  - model_name: "claude/*"
    litellm_params:
      model: "anthropic/*"
      api_key: k
router_settings:
  routing_strategy: least-busy
  num_retries: 1
  cooldown_time: 30
  retry_policy: { RateLimitErrorRetries: 4 }
  fallbacks: [{ fast: ["claude/haiku"] }]
  model_group_alias: { gpt-4: fast }
litellm_settings:
  num_retries: 9
  drop_params: true
  request_timeout: 60
  success_callback: [langfuse]
general_settings:
  master_key: sk-1234
  alerting: [slack]
`;

describe('LiteLLM\'s configuration file (LLM-2)', () => {
  const file = readGatewayFile(whole, { KEY_ONE: 'sk-one' });

  it('reads models with their parameters, variables filled in', () => {
    expect(file.models.map(({ group, parameters }) => [group, parameters])).toEqual([
      ['fast', { model: 'openai/gpt-5.4-mini', api_key: 'sk-one', drop_params: true }],
      ['fast', { model: 'azure/mini', api_base: 'https://x.openai.azure.com', api_key: 'from the file', api_version: '2025-10-01', base_model: 'azure/gpt-5.4-mini', drop_params: true }],
      ['claude/*', { model: 'anthropic/*', api_key: 'k', drop_params: true }],
    ]);
    expect(file.models[0]).toMatchObject({ limits: { rpm: 60, weight: 2, tpm: null }, line: 5 });
    expect(file.models[1]).toMatchObject({ id: 'second', limits: { timeout: 30 }, prices: { input: 0.000001, output: null }, baseModel: 'azure/gpt-5.4-mini' });
    const priced = readGatewayFile('model_list: [{ model_name: a, litellm_params: { model: anthropic/x, api_key: k, cache_creation_input_token_cost: 0.00000125, cache_creation_input_token_cost_above_1hr: 0.000002 } }]', {});
    expect([priced.models[0]!.prices, priced.notes]).toMatchObject([{ cacheWrite: 0.00000125, cacheWriteHour: 0.000002 }, []]);
    expect(file.models[0]!.id).toBe(readGatewayFile(whole, { KEY_ONE: 'sk-one' }).models[0]!.id);
    expect(file.masterKey).toBe('sk-1234');
  });

  it('reads how calls are routed; router_settings win over litellm_settings', () => {
    expect(file.router).toMatchObject({ strategy: 'least-busy', retries: 1, cooldown: 30, timeout: 60, retryPolicy: { RateLimitError: 4 }, fallbacks: { fast: ['claude/haiku'] }, aliases: { 'gpt-4': 'fast' } });
  });

  it('reads what is for all models together, and lets the router\'s time win', () => {
    const { router, models, keyHeader, maximumBodyBytes, notes } = readGatewayFile(`${whole.replace('  num_retries: 1\n', '  timeout: 20\n  max_fallbacks: 2\n  retry_after: 3\n  default_max_parallel_requests: 7\n').replace('least-busy', 'usage-based-routing-v2')}  litellm_key_header_name: X-Team-Key\n  max_request_size_mb: 2\n`, { KEY_ONE: 'k' });
    expect(router).toMatchObject({ strategy: 'usage-based-routing', timeout: 20, maxFallbacks: 2, retryAfter: 3 });
    expect(models.map(({ limits }) => limits.maxParallelRequests)).toEqual([7, 7, 7]);
    expect([keyHeader, maximumBodyBytes, notes.length]).toEqual(['x-team-key', 2 * 1024 * 1024, 2]);
    expect(() => readGatewayFile('litellm_settings: { default_key_generate_params: { rpm_limit: 1.5 }, upperbound_key_generate_params: { duration: soon } }', {})).toThrow(/line 1: .*default_key_generate_params\.rpm_limit must be a whole number; line 1: .*duration must be like 30s/);
    expect(readGatewayFile('litellm_settings: { default_key_generate_params: { max_budget: 5, tags: [a] }, upperbound_key_generate_params: { models: [a] } }', {}).notes).toEqual([
      'line 1: litellm_settings.default_key_generate_params.tags has no effect here', 'line 1: litellm_settings.upperbound_key_generate_params.models has no effect here',
    ]);
    expect(readGatewayFile('litellm_settings: { max_budget: 5 }', {}).notes).toEqual(['line 1: litellm_settings.max_budget has no effect here: give keys, users or teams a budget']);
    expect(() => readGatewayFile('general_settings: { litellm_key_header_name: "a b" }', {})).toThrow(/line 1: general_settings\.litellm_key_header_name must be the name of a header/);
  });

  it('names with its line what it does not follow', () => {
    expect(file.notes).toEqual(['line 37: litellm_settings.success_callback has no effect here', 'line 40: general_settings.alerting has no effect here']);
  });

  it('needs no variables of what has no effect here', () => {
    const text = 'litellm_settings: { cache: true, cache_params: { type: redis, host: os.environ/REDIS_HOST } }\nrouter_settings: { redis_password: os.environ/REDIS_PASSWORD }\ngeneral_settings: { database_url: os.environ/DATABASE_URL }';
    expect(readGatewayFile(text, {}).notes).toHaveLength(4);
    expect(() => readGatewayFile('general_settings:\n  master_key: os.environ/KEY\nrouter_settings:\n  num_retries: os.environ/TIMES', { KEY: '' })).toThrow(/usable: line 2: the variable KEY is not set; line 4: the variable TIMES is not set$/);
    expect(() => readGatewayFile('model_list:\n  - model_name: a\n    litellm_params: { model: vertex_ai/x, vertex_credentials: os.environ/NONE }', {})).toThrow(/line 3: the variable NONE is not set/);
  });

  it.each([
    ['an unknown provider', 'model_list:\n  - model_name: a\n    litellm_params:\n      model: cohere/command', /line 4: .*litellm_params\.model cannot be used: The provider "cohere".* is not known/],
    ['a variable that is not set', 'model_list:\n  - model_name: a\n    litellm_params: { model: openai/x, api_key: os.environ/NOT_THERE }', /line 3: the variable NOT_THERE is not set/],
    ['no model', 'model_list:\n  - model_name: a\n    litellm_params: {}', /line 2: model_list\[0\] needs litellm_params with a model/],
    ['a strategy that is not there', 'router_settings:\n  routing_strategy: cost-based-routing', /line 2: router_settings\.routing_strategy must be one of simple-shuffle/],
    ['a word for a number', 'router_settings:\n  num_retries: many', /line 2: router_settings\.num_retries must be a number/],
    ['an alias of nothing', 'model_list:\n  - { model_name: "openai/*", litellm_params: { model: "openai/*", api_key: k } }\nrouter_settings:\n  model_group_alias: { a: openai/x, b: constructor }', /: the alias "b" stands for "constructor", which is no model of model_list$/],
    ['a star for a provider under one name', 'model_list:\n  - { model_name: a, litellm_params: { model: "*" } }', /line 2: .*litellm_params\.model cannot be used/],
    ['a fallback to nothing', 'model_list:\n  - model_name: a\n    litellm_params: { model: openai/x, api_key: k }\nrouter_settings:\n  fallbacks: [{ a: [b] }]', /the fallback "b" of "a" is no model/],
    ['text that is not YAML', 'model_list: [', /line \d+: this is not YAML/],
    ['a list where a mapping belongs', 'router_settings: [1]', /line 1: router_settings must be a mapping/],
  ])('stops at %s, with its line', (_, text, words) => {
    expect(() => readGatewayFile(text, {})).toThrow(words);
  });

  it('never shows the value of a key', () => {
    try {
      readGatewayFile('model_list:\n  - model_name: a\n    litellm_params: { model: cohere/x, api_key: os.environ/K, rpm: secret-word }', { K: 'sk-very-secret' });
      expect.unreachable();
    } catch (error) {
      expect(String(error)).not.toMatch(/sk-very-secret|secret-word/);
    }
  });

  it('reads the paths that lead elsewhere', () => {
    const { passThrough, notes } = readGatewayFile('general_settings:\n  pass_through_endpoints:\n    - { path: /claude/, target: https://api.anthropic.com, forward_headers: true, auth: false }\n    - { path: /v1/rerank, target: https://x.y/v2, headers: { Authorization: os.environ/K }, cost_per_request: 1 }', { K: 'bearer k' });
    expect(passThrough).toEqual([
      { path: '/claude', target: 'https://api.anthropic.com', headers: {}, forwardHeaders: true, subpaths: false, withoutKey: true, line: 3 },
      { path: '/v1/rerank', target: 'https://x.y/v2', headers: { Authorization: 'bearer k' }, forwardHeaders: false, subpaths: false, withoutKey: false, line: 4 },
    ]);
    expect(notes).toEqual(['line 4: general_settings.pass_through_endpoints[1].cost_per_request has no effect here']);
  });

  it.each([['path: claude, target: https://x.y', /line 3: .* needs a path like/], ['path: /a, target: x.y', /line 3: .* needs a target like/], ['path: /a, target: "https://u:p@x.y"', /needs a target like/]])('stops at a path that leads nowhere: %s', (fields, words) => {
    expect(() => readGatewayFile(`general_settings:\n  pass_through_endpoints:\n    - { ${fields} }`, {})).toThrow(words);
  });

  it('reads how answers are kept', () => {
    const cacheOf = (settings: string) => {
      const { cache, notes } = readGatewayFile(`litellm_settings:\n  cache: true\n${settings}`, {});
      return { cache, notes };
    };
    const formats = new Set(['openai-chat', 'anthropic-messages', 'openai-responses', 'openai-completions', 'openai-embeddings']);
    expect(cacheOf('  cache_params: { type: local, ttl: 30, namespace: n, mode: default_off, supported_call_types: [acompletion, aembedding] }')).toEqual({ cache: { shared: false, ttl: 30, namespace: 'n', always: false, formats: new Set(['openai-chat', 'anthropic-messages', 'openai-embeddings']) }, notes: [] });
    expect(cacheOf('')).toEqual({ cache: { shared: true, ttl: 600, namespace: '', always: true, formats }, notes: [] });
    expect(cacheOf('  cache_params:\n    type: redis\n    host: h')).toMatchObject({ cache: { shared: true }, notes: [expect.stringMatching(/^line 4: .*"redis": answers are kept in what/), expect.stringMatching(/^line 5: .*host has no effect/)] });
    expect(cacheOf('  cache_params:\n    type: qdrant-semantic')).toMatchObject({ cache: null, notes: [expect.stringMatching(/^line 4: .*"qdrant-semantic", which is not there: answers are not cached/)] });
    expect(readGatewayFile('litellm_settings:\n  cache_params: { type: local }', {})).toMatchObject({ cache: null, notes: [expect.stringContaining('cache is not true')] });
    expect(() => cacheOf('  cache_params: { mode: sometimes }')).toThrow(/line 3: .*mode must be default_on or default_off/);
  });

  it('keeps names whole that have dots in them', () => {
    const { router, models } = readGatewayFile(`
environment_variables: { my.key: sk-dotted }
model_list:
  - { model_name: gpt-3.5-turbo, litellm_params: { model: openai/a, api_key: os.environ/my.key, extra_headers: { X-Api.Version: "1" } } }
  - { model_name: big, litellm_params: { model: openai/b, api_key: k } }
router_settings:
  fallbacks: [{ gpt-3.5-turbo: [big] }]
  model_group_alias: { gpt-4.1: big }
`, {});
    expect([router.fallbacks, router.aliases]).toEqual([{ 'gpt-3.5-turbo': ['big'] }, { 'gpt-4.1': 'big' }]);
    expect(models[0]!.parameters).toMatchObject({ api_key: 'sk-dotted', extra_headers: { 'X-Api.Version': '1' } });
  });

  it('follows anchors, aliases and merges', () => {
    const { models, router, notes } = readGatewayFile(`
x-defaults: &defaults
  model: openai/a
  api_key: os.environ/KEY
  rpm: 5
x-slow: &slow { timeout: 600, rpm: 1 }
model_list:
  - { model_name: a, litellm_params: *defaults }
  - model_name: b
    litellm_params: { <<: *defaults, model: openai/b }
  - model_name: c
    litellm_params:
      <<: [*slow, *defaults]
      weight: 2
router_settings:
  fallbacks: &all [{ a: &names [b, c] }]
  context_window_fallbacks: *all
  default_fallbacks: *names
`, { KEY: 'sk-1' });
    expect(models.map(({ parameters, limits: { rpm, timeout, weight } }) => [parameters, rpm, timeout, weight])).toEqual([
      [{ model: 'openai/a', api_key: 'sk-1' }, 5, null, null], [{ model: 'openai/b', api_key: 'sk-1' }, 5, null, null], [{ model: 'openai/a', api_key: 'sk-1' }, 1, 600, 2],
    ]);
    expect([router.fallbacks, router.contextWindowFallbacks, router.defaultFallbacks, notes]).toEqual([{ a: ['b', 'c'] }, { a: ['b', 'c'] }, ['b', 'c'], []]);
    expect(() => readGatewayFile('x: &x { model: openai/a, api_key: os.environ/NONE }\nmodel_list:\n  - { model_name: a, litellm_params: *x }\n  - { model_name: b, litellm_params: *x }', {})).toThrow(/usable: line 1: the variable NONE is not set$/);
  });

  it.each([
    ['one that stands for nothing', 'model_list: *nothing', /line 1: .*nothing/],
    ['one that is in itself', 'model_list: &all [*all]', /line 1: \*all stands for something that it is in/],
    ['a bomb', `a: &a [${'x, '.repeat(9)}x]\n${['b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name, index) => `${name}: &${name} [${`*${'abcdefg'[index]}, `.repeat(9)}*${'abcdefg'[index]}]`).join('\n')}`, /line 1: is larger than 100000 values with its aliases/],
    ['a merge of no mapping', 'a: &a [1]\nb: { <<: *a }', /<< must be a mapping/],
  ])('stops at aliases that cannot be followed: %s', (_, text, words) => {
    expect(() => readGatewayFile(text, {})).toThrow(words);
  });

  it('reads what is dropped, and says of access groups that they are not followed', () => {
    const entry = (name: string, more: string, info = ''): string => `  - { model_name: ${name}, litellm_params: { model: openai/a, api_key: k${more} }, model_info: { id: ${name}${info} } }\n`;
    const { models, notes } = readGatewayFile(`model_list:\n${entry('a', '')}${entry('b', ', drop_params: false')}${entry('c', '', ', access_groups: [beta]')}litellm_settings: { drop_params: true }`, {});
    expect(models.map(({ parameters }) => parameters.drop_params)).toEqual([true, false, true]);
    expect(notes).toEqual(['line 4: model_list[2].model_info.access_groups has no effect here: a key, user or team names its models themselves, or by patterns like openai/*']);
  });

  it('takes an empty file as nothing', () => {
    expect(readGatewayFile('', {})).toMatchObject({ models: [], masterKey: null, notes: [] });
  });

  it('knows what a star stands for', () => {
    expect(patternOf('openai/*').exec('openai/gpt-5.5')?.[1]).toBe('gpt-5.5');
    expect(patternOf('openai/*').test('openaix/gpt')).toBe(false);
    expect(patternOf('a.b').test('axb')).toBe(false);
  });
});
