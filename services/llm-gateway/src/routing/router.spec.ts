import { describe, expect, it } from 'vitest';
import { readGatewayFile } from '../configuration/read-gateway-file.ts';
import type { LimitLeases } from '../limits/limit.ts';
import { LimitLedger } from '../limits/limit-ledger.ts';
import type { AttemptFailure } from './failure.ts';
import { RoutePlan } from './route-plan.ts';
import { Router } from './router.ts';

const services = { outgoing: {} as never, environment: {} };
const size = { input: 100, tags: [] };
const failure = (kind: AttemptFailure['kind'], retryAfterMs: number | null = null): AttemptFailure => ({ kind, retryAfterMs });
const entry = (name: string, model: string, more = ''): string => `  - { model_name: "${name}", litellm_params: { model: "${model}", api_key: k${more} } }\n`;

/** Of an instance that is alone. */
const unshared = (clock: { now: number }): LimitLeases => ({
  lease: async ({ kind, most }) => ({ granted: most, endsInMs: kind === 'minute' ? 60_000 - (clock.now % 60_000) : 10_000, lease: kind === 'minute' ? Math.floor(clock.now / 60_000) : 1 }), giveBack: async () => {}, renew: async (ids) => ({ endsInMs: 10_000, kept: new Set(ids) }),
});

function routerOf(models: string, settings = ''): { router: Router; clock: { now: number } } {
  const clock = { now: 1_000_000 };
  return { router: new Router(readGatewayFile(`model_list:\n${models}router_settings: { num_retries: 2 ${settings} }\n`, {}), services, new LimitLedger({ leases: unshared(clock), peers: { count: 0, recall: async () => 0 }, failed: (error) => { throw error; }, now: () => clock.now }), () => clock.now), clock };
}

const asked = (attempt: ReturnType<RoutePlan['first']>): string | null => attempt?.upstream.model ?? null;

describe('routing (LLM-3)', () => {
  it('has a stream\'s time for streams and the whole answer\'s for others, the deployment\'s own before the router\'s', () => {
    const times = (entryMore: string, settings: string): number[] => {
      const { firstByteMs, wholeMs } = routerOf(entry('m', 'openai/a', entryMore), settings).router.plan('m', size).first()!;
      return [firstByteMs, wholeMs];
    };
    expect(times('', '')).toEqual([600_000, 600_000]);
    expect(times('', ', timeout: 30, stream_timeout: 5')).toEqual([5_000, 30_000]);
    expect(times(', timeout: 20', ', timeout: 30, stream_timeout: 5')).toEqual([20_000, 20_000]);
    expect(times(', stream_timeout: 3', ', timeout: 30')).toEqual([3_000, 30_000]);
    // A timer that is set for longer would go off at once.
    expect(times('', ', timeout: 99999999, stream_timeout: 0')).toEqual([2_147_483_647, 2_147_483_647]);
  });

  it('says when one may be asked again where all rest', () => {
    const { router } = routerOf(entry('m', 'openai/a') + entry('m', 'openai/b'));
    for (const [index, deployment] of router.deployments.entries()) deployment.cool(12_500 + index * 10_000);
    const plan = router.plan('m', size);
    expect(plan.first()).toBeNull();
    expect(plan.nobody).toMatchObject({ kind: 'rate-limited', code: 'no_deployments_available', retryAfterSeconds: 13, message: 'No deployment of m can be asked at the moment. Try again in 13 s.' });
  });

  it('shares the load by weight', () => {
    const { router } = routerOf(entry('m', 'openai/a', ', weight: 3') + entry('m', 'openai/b', ', weight: 1'));
    const counts = new Map<string, number>();
    for (let index = 0; index < 4_000; index++) {
      const model = asked(router.plan('m', size).first())!;
      counts.set(model, (counts.get(model) ?? 0) + 1);
    }
    expect(counts.get('a')! / counts.get('b')!).toBeGreaterThan(2.4);
    expect(counts.get('a')! / counts.get('b')!).toBeLessThan(3.7);
  });

  it('asks the least busy, or the fastest, and keeps to the order', () => {
    const busy = routerOf(entry('m', 'openai/a') + entry('m', 'openai/b'), ', routing_strategy: least-busy').router;
    busy.deployments[0]!.begin(size);
    expect(asked(busy.plan('m', size).first())).toBe('b');
    const quick = routerOf(entry('m', 'openai/a') + entry('m', 'openai/b'), ', routing_strategy: latency-based-routing').router;
    for (const [index, ms] of [50, 20].entries()) {
      quick.deployments[index]!.begin(size);
      quick.deployments[index]!.end(ms, 0, 0);
    }
    expect(asked(quick.plan('m', size).first())).toBe('b');
    const { router: used, clock } = routerOf(entry('m', 'openai/a') + entry('m', 'openai/b'), ', routing_strategy: usage-based-routing');
    used.deployments[0]!.begin(size);
    used.deployments[0]!.end(5, 400, 0);
    used.deployments[1]!.begin(size);
    expect(asked(used.plan('m', size).first())).toBe('b');
    clock.now += 60_000;
    used.deployments[1]!.begin(size);
    expect(asked(used.plan('m', size).first())).toBe('a');
    const ordered = routerOf(entry('m', 'openai/a', ', order: 2') + entry('m', 'openai/b', ', order: 1')).router;
    for (let index = 0; index < 20; index++) expect(asked(ordered.plan('m', size).first())).toBe('b');
  });

  it('retries elsewhere first and at once, then with a wait, then gives up', () => {
    const { router } = routerOf(entry('m', 'openai/a') + entry('m', 'openai/b'), ', disable_cooldowns: true');
    const plan = router.plan('m', size);
    const first = plan.first()!;
    const second = plan.after(failure('overloaded'))!;
    expect([second.deployment === first.deployment, second.waitMs]).toEqual([false, 0]);
    const third = plan.after(failure('overloaded'))!;
    expect(third.waitMs).toBeGreaterThan(100);
    expect(plan.after(failure('overloaded'))).toBeNull();
    expect(plan.attemptedRetries).toBe(2);
  });

  it('waits before the same one as long as it is told to, and falls back no more often than that', () => {
    const alone = routerOf(entry('m', 'openai/a'), ', retry_after: 7').router.plan('m', size);
    alone.first();
    expect(alone.after(failure('overloaded'))!.waitMs).toBe(7_000);
    const names = ['m', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const groupsWith = (settings: string): string[] => {
      const plan = routerOf(names.map((name) => entry(name, `openai/${name}`)).join(''), `, fallbacks: [{ m: [${names.slice(1).join(', ')}] }]${settings}`).router.plan('m', size);
      const groups = new Set<string>();
      for (let next = plan.first(); next !== null; next = plan.after(failure('overloaded'))) groups.add(next.group);
      return [...groups];
    };
    expect(groupsWith('')).toEqual(['m', 'b', 'c', 'd', 'e', 'f']);
    expect(groupsWith(', max_fallbacks: 1')).toEqual(['m', 'b']);
  });

  it('does not repeat what only the client can change', () => {
    const { router } = routerOf(entry('m', 'openai/a') + entry('m', 'openai/b') + entry('big', 'openai/c'), ', fallbacks: [{ m: [big] }]');
    const plan = router.plan('m', size);
    plan.first();
    expect(plan.after(failure('bad-request'))).toBeNull();
    const only = routerOf(entry('m', 'openai/a')).router.plan('m', size);
    only.first();
    expect(only.after(failure('unauthenticated'))).toBeNull();
  });

  it('falls back by the reason: general, context window, content policy, default', () => {
    const models = ['m', 'general', 'large', 'mild', 'last'].map((name) => entry(name, `openai/${name}`)).join('');
    const { router } = routerOf(models, ', num_retries: 0, fallbacks: [{ m: [general] }], context_window_fallbacks: [{ m: [large] }], content_policy_fallbacks: [{ m: [mild] }], default_fallbacks: [last]'.replace(', num_retries: 0', ''));
    const after = (kind: AttemptFailure['kind']): string | null => {
      const plan = router.plan('m', size);
      plan.first();
      let next = plan.after(failure(kind));
      while (next !== null && next.group === 'm') next = plan.after(failure(kind));
      return asked(next);
    };
    expect([after('context-window'), after('content-policy'), after('overloaded'), after('bad-request')]).toEqual(['large', 'mild', 'general', null]);
    const plan = router.plan('m', size);
    plan.first();
    const groups: string[] = [];
    for (let next = plan.after(failure('unreachable')); next !== null; next = plan.after(failure('unreachable'))) groups.push(next.group);
    expect([...new Set(groups)]).toEqual(['m', 'general', 'last']);
  });

  it('cools a deployment that is rate limited, and lets it come back', () => {
    const { router, clock } = routerOf(entry('m', 'openai/a') + entry('m', 'openai/b'), ', cooldown_time: 10');
    const plan = router.plan('m', size);
    const limited = plan.first()!.deployment;
    plan.after(failure('rate-limited', 20_000));
    for (let index = 0; index < 20; index++) expect(router.plan('m', size).first()!.deployment).not.toBe(limited);
    clock.now += 20_001;
    const again = new Set(Array.from({ length: 50 }, () => router.plan('m', size).first()!.deployment));
    expect(again.has(limited)).toBe(true);
  });

  it('goes on elsewhere, and cools nothing, where only words of a refused request say why', () => {
    const { router } = routerOf(entry('m', 'openai/a') + entry('m', 'openai/b'));
    const plan = router.plan('m', size);
    const first = plan.first()!.deployment;
    expect(plan.after({ ...failure('quota'), byWords: true })!.deployment).not.toBe(first);
    expect(router.resting()).toEqual([]);
    const certain = router.plan('m', size);
    certain.first();
    certain.after(failure('quota'));
    expect(router.resting()).toHaveLength(1);
  });

  it('cools only after the allowed failures, and never the only one', () => {
    const { router } = routerOf(entry('m', 'openai/a') + entry('m', 'openai/b'), ', allowed_fails: 2');
    const fails = (count: number): void => {
      for (let index = 0; index < count; index++) {
        const plan = router.plan('m', size);
        while (plan.first()!.deployment !== router.deployments[0]) continue;
        plan.after(failure('internal'));
      }
    };
    fails(2);
    expect(router.deployments[0]!.isCooled).toBe(false);
    fails(1);
    expect(router.deployments[0]!.isCooled).toBe(true);
    const single = routerOf(entry('m', 'openai/a')).router;
    for (let index = 0; index < 10; index++) {
      const plan = single.plan('m', size);
      plan.first();
      plan.after(failure('rate-limited'));
    }
    expect(single.deployments[0]!.isCooled).toBe(false);
  });

  it('follows policies for what else is never tried again, and never cooled', () => {
    const tries = (kind: AttemptFailure['kind'], policy: string, models = entry('m', 'openai/a')): number => {
      const plan = routerOf(models, `, retry_policy: { ${policy} }, disable_cooldowns: true`).router.plan('m', size);
      let count = 0;
      for (let next = plan.first(); next !== null; next = plan.after(failure(kind))) count++;
      return count;
    };
    expect([tries('bad-request', ''), tries('bad-request', 'BadRequestErrorRetries: 3'), tries('content-policy', 'ContentPolicyViolationErrorRetries: 1'), tries('unauthenticated', 'AuthenticationErrorRetries: 2')]).toEqual([1, 4, 2, 3]);
    expect([tries('bad-request', 'BadRequestErrorRetries: 0'), tries('quota', 'RateLimitErrorRetries: 3'), tries('content-policy', 'BadRequestErrorRetries: 3'), tries('context-window', 'BadRequestErrorRetries: 3')]).toEqual([1, 1, 1, 1]);
    const { router } = routerOf(entry('m', 'openai/a', ', order: 1') + entry('m', 'openai/b', ', order: 2'), ', allowed_fails: 0, allowed_fails_policy: { BadRequestErrorAllowedFails: 2 }');
    const told: number[] = [];
    router.tell = ({ failures }) => void told.push(failures);
    const refused = (kind: AttemptFailure['kind']): boolean => {
      const plan = router.plan('m', size);
      plan.first();
      plan.after(failure(kind));
      return router.deployments[0]!.isCooled;
    };
    expect([refused('bad-request'), refused('bad-request'), refused('content-policy'), refused('bad-request')]).toEqual([false, false, false, true]);
    // Other instances hear that it rests, and of no failure of its own.
    expect(told).toEqual([0]);
  });

  it('keeps to limits a minute and at once', async () => {
    const { router, clock } = routerOf(entry('m', 'openai/a', ', rpm: 2') + entry('n', 'openai/b', ', max_parallel_requests: 1') + entry('t', 'openai/c', ', tpm: 150'));
    const begin = async (model: string) => {
      const plan = router.plan(model, size);
      await plan.prepare();
      const first = plan.first();
      first?.deployment.begin(size);
      return first?.deployment ?? null;
    };
    for (let index = 0; index < 2; index++) (await begin('m'))!.end(1, 0, 0);
    expect(await begin('m')).toBeNull();
    clock.now += 60_001;
    expect(await begin('m')).not.toBeNull();
    const slow = await begin('n');
    expect(await begin('n')).toBeNull();
    slow!.end(1, 0, 0);
    expect(await begin('n')).not.toBeNull();
    expect(await begin('t')).not.toBeNull();
    expect(await begin('t')).toBeNull();
  });

  it('gives back what a call did not take of its minute\'s tokens', async () => {
    const { router, clock } = routerOf(entry('t', 'openai/c', ', tpm: 150'));
    const begin = async () => {
      const plan = router.plan('t', size);
      await plan.prepare();
      const deployment = plan.first()?.deployment;
      return deployment && { deployment, minute: deployment.begin(size) };
    };
    const first = (await begin())!;
    expect(await begin()).toBeUndefined();
    first.deployment.end(1, -60, first.minute);
    expect(first.deployment.tokensThisMinute).toBe(40);
    const second = (await begin())!;
    clock.now += 60_000;
    const third = (await begin())!;
    // That minute is over: this one's are in use.
    second.deployment.end(1, -100, second.minute);
    expect(await begin()).toBeUndefined();
    third.deployment.end(1, -100, third.minute);
    expect(await begin()).toBeDefined();
  });

  it('fills in wildcards and aliases', () => {
    const { router } = routerOf(entry('openai/*', 'openai/*') + entry('openai/gpt-special', 'openai/special') + entry('m', 'openai/a'), ', model_group_alias: { gpt-4: m }');
    expect(asked(router.plan('openai/gpt-9', size).first())).toBe('gpt-9');
    expect(asked(router.plan('openai/gpt-special', size).first())).toBe('special');
    expect(asked(router.plan('gpt-4', size).first())).toBe('a');
    expect([router.has('nothing'), router.models]).toEqual([false, ['openai/gpt-special', 'm', 'gpt-4']]);
  });

  it('lists no alias that is hidden, and of wildcards what they stand for', () => {
    const { router } = routerOf(entry('openai/*', 'openai/*') + entry('corp/*', 'openai/gpt-*') + entry('m', 'openai/a'), ', model_group_alias: { shown: { model: m }, secret: { model: m, hidden: true } }');
    expect([router.models, router.has('secret')]).toEqual([['m', 'shown'], true]);
    const names = router.namesOf(['openai/gpt-9', 'openai/o9', 'anthropic/claude-9']);
    expect(names).toEqual(['openai/gpt-9', 'openai/o9', 'corp/9']);
    expect(asked(router.plan('corp/9', size).first())).toBe('gpt-9');
  });

  it('fills every star of a wildcard', () => {
    const { router } = routerOf(entry('fo::*:static::*', 'openai/fo-*-s-*') + entry('a/*/b-*', 'openai/*'), ', model_group_alias: { nick: a/x/b-y }');
    expect(['fo::hi::static::hey', 'fo::1:static::2', 'a/deep/b-er', 'nick'].map((name) => asked(router.plan(name, size).first()))).toEqual(['fo-hi:-s-hey', 'fo-1-s-2', 'deep', 'x']);
  });

  it('has every provider of whom there is a key behind a catch-all', () => {
    const file = readGatewayFile('model_list:\n  - { model_name: "*", litellm_params: { model: "*" } }\n  - { model_name: "groq/*", litellm_params: { model: "groq/llama-*", api_key: own } }\n', {});
    const router = new Router(file, { ...services, environment: { OPENAI_API_KEY: 'sk-o', ANTHROPIC_API_KEY: 'sk-a', GROQ_API_KEY: 'sk-g' } });
    const way = (name: string): (string | undefined)[] => {
      const upstream = router.plan(name, size).first()?.upstream;
      return [upstream?.provider, upstream?.model, upstream?.secrets[0]];
    };
    expect([way('openai/gpt-5.5'), way('gpt-5.5'), way('anthropic/claude-haiku-4-5'), way('groq/x')]).toEqual([['openai', 'gpt-5.5', 'sk-o'], ['openai', 'gpt-5.5', 'sk-o'], ['anthropic', 'claude-haiku-4-5', 'sk-a'], ['groq', 'llama-x', 'own']]);
    // No key, no such provider, no provider at all.
    expect(['mistral/large', 'scripted/demo', 'nothing'].map((name) => router.has(name))).toEqual([false, false, false]);
  });

  const sized = (name: string, model: string, window: number): string => `  - { model_name: ${name}, litellm_params: { model: openai/${model}, api_key: k }, model_info: { max_input_tokens: ${window}, max_output_tokens: 7, max_tokens: 7 } }\n`;
  const checked = ', enable_pre_call_checks: true';

  it('checks the size before it asks', () => {
    const { router } = routerOf(sized('m', 'a', 50) + entry('m', 'openai/b'), checked);
    for (let index = 0; index < 20; index++) expect(asked(router.plan('m', size).first())).toBe('b');
    // What a model puts out at most says nothing of what it takes in.
    const { router: output } = routerOf('  - { model_name: m, litellm_params: { model: openai/a, api_key: k }, model_info: { max_tokens: 7 } }\n', checked);
    expect(asked(output.plan('m', size).first())).toBe('a');
  });

  it('gives a call that is too long for all to the context window fallbacks, and their own ones', () => {
    const models = sized('m', 'a', 50) + sized('m', 'b', 60) + sized('longer', 'c', 90) + entry('longest', 'openai/d') + entry('general', 'openai/e');
    const { router } = routerOf(models, `${checked}, fallbacks: [{ m: [general] }], context_window_fallbacks: [{ m: [longer] }, { longer: [longest] }]`);
    const plan = router.plan('m', size);
    expect([asked(plan.first()), plan.attemptedFallbacks]).toEqual(['d', 1]);
    const nowhere = routerOf(models, checked).router.plan('m', size);
    expect(nowhere.first()).toBeNull();
    expect(nowhere.nobody).toMatchObject({ kind: 'bad-request', code: 'context_length_exceeded', message: 'prompt is too long: 100 tokens > 60 maximum. No deployment of m takes in more.' });
    // Several texts are as long as the longest of them.
    expect(asked(router.plan('m', { ...size, longest: 55 }).first())).toBe('b');
  });

  it('knows windows of models whose entry does not state one', async () => {
    const { router } = routerOf(entry('m', 'openai/a') + sized('m', 'b', 1_000), checked);
    router.useWindows(async ({ sample }) => (sample!.model === 'a' ? 10 : 20));
    await Promise.resolve();
    for (let index = 0; index < 20; index++) expect(asked(router.plan('m', size).first())).toBe('b');
  });

  it('says when the minute is over whose limit is used up, and nothing of trying again where a call is larger than it', async () => {
    const { router, clock } = routerOf(entry('m', 'openai/a', ', rpm: 1') + entry('t', 'openai/c', ', tpm: 150'));
    const refusal = async (model: string, input = 100) => {
      const plan = router.plan(model, { ...size, input });
      await plan.prepare();
      const first = plan.first();
      first?.deployment.begin({ ...size, input });
      return first === null ? plan.nobody : null;
    };
    clock.now = 1_000_000 * 60 + 18_000;
    expect([await refusal('m'), await refusal('t')]).toEqual([null, null]);
    expect([await refusal('m'), await refusal('t')]).toMatchObject([{ kind: 'rate-limited', retryAfterSeconds: 42 }, { kind: 'rate-limited', retryAfterSeconds: 42 }]);
    expect(await refusal('t', 151)).toMatchObject({ kind: 'too-large', code: 'request_too_large', retryAfterSeconds: null, message: expect.stringContaining('151 tokens, and their tpm is 150') as string });
  });

  const tagged = (settings = '', ...tags: string[]): ((...call: string[]) => string | null) => {
    const { router } = routerOf(tags.map((tag) => entry('m', `openai/${tag.replaceAll(/\W/g, '-')}`, tag === 'none' ? '' : `, tags: [${tag}]`)).join('') + entry('other', 'openai/other', ', tags: [default]'), `, enable_tag_filtering: true, fallbacks: [{ m: [other] }]${settings}`);
    return (...call) => {
      const found = new Set(Array.from({ length: 60 }, () => asked(router.plan('m', { input: 1, tags: call }).first())));
      return [...found].sort().join(' ');
    };
  };

  it('keeps tags apart as LiteLLM does', () => {
    const tiers = tagged('', 'free', 'paid', 'default', 'none');
    expect([tiers('paid'), tiers('paid', 'free'), tiers(), tiers('unheard-of')]).toEqual(['paid', 'free paid', 'default', 'default']);
    expect([tiers('!paid'), tiers('paid', 'free', '!paid')]).toEqual(['default', 'free']);
    const open = tagged('', 'free', 'paid', 'none');
    expect([open(), open('!paid'), open('unheard-of')]).toEqual(['free none paid', 'free none', 'other']);
    const strict = tagged(', tag_filtering_match_any: false', 'a, b', 'a');
    expect([strict('a', 'b'), strict('a')]).toEqual(['a--b', 'a a--b']);
  });

  it('names the tags that no deployment is for', () => {
    const { router } = routerOf(entry('m', 'openai/a', ', tags: [paid]'), ', enable_tag_filtering: true');
    const plan = router.plan('m', { input: 1, tags: ['free', 'team-a'] });
    expect(plan.first()).toBeNull();
    expect(plan.nobody).toMatchObject({ kind: 'bad-request', message: 'No deployment of m is for the tags free, team-a.' });
    expect(router.plan('gone', size).nobody).toMatchObject({ kind: 'not-found' });
    expect(asked(routerOf(entry('m', 'openai/a', ', tags: [paid]')).router.plan('m', { input: 1, tags: ['free'] }).first())).toBe('a');
  });
});
