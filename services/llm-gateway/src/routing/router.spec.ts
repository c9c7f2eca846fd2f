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
  lease: async ({ kind, most }) => ({ granted: most, endsInMs: kind === 'minute' ? 60_000 - (clock.now % 60_000) : 10_000, lease: 1 }), giveBack: async () => {}, renew: async (ids) => ({ endsInMs: 10_000, kept: new Set(ids) }),
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
      quick.deployments[index]!.end(ms);
    }
    expect(asked(quick.plan('m', size).first())).toBe('b');
    const { router: used, clock } = routerOf(entry('m', 'openai/a') + entry('m', 'openai/b'), ', routing_strategy: usage-based-routing');
    used.deployments[0]!.begin(size);
    used.deployments[0]!.end(5, 400);
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

  it('keeps to limits a minute and at once', async () => {
    const { router, clock } = routerOf(entry('m', 'openai/a', ', rpm: 2') + entry('n', 'openai/b', ', max_parallel_requests: 1') + entry('t', 'openai/c', ', tpm: 150'));
    const begin = async (model: string) => {
      const plan = router.plan(model, size);
      await plan.prepare();
      const first = plan.first();
      first?.deployment.begin(size);
      return first?.deployment ?? null;
    };
    for (let index = 0; index < 2; index++) (await begin('m'))!.end(1);
    expect(await begin('m')).toBeNull();
    clock.now += 60_001;
    expect(await begin('m')).not.toBeNull();
    const slow = await begin('n');
    expect(await begin('n')).toBeNull();
    slow!.end(1);
    expect(await begin('n')).not.toBeNull();
    expect(await begin('t')).not.toBeNull();
    expect(await begin('t')).toBeNull();
  });

  it('fills in wildcards and aliases', () => {
    const { router } = routerOf(entry('openai/*', 'openai/*') + entry('openai/gpt-special', 'openai/special') + entry('m', 'openai/a'), ', model_group_alias: { gpt-4: m }');
    expect(asked(router.plan('openai/gpt-9', size).first())).toBe('gpt-9');
    expect(asked(router.plan('openai/gpt-special', size).first())).toBe('special');
    expect(asked(router.plan('gpt-4', size).first())).toBe('a');
    expect([router.has('nothing'), router.models]).toEqual([false, ['openai/gpt-special', 'm', 'gpt-4']]);
  });

  it('checks the size before it asks, and keeps tags apart', () => {
    const sized = routerOf('  - { model_name: m, litellm_params: { model: openai/a, api_key: k }, model_info: { max_input_tokens: 50 } }\n' + entry('m', 'openai/b'), ', enable_pre_call_checks: true').router;
    for (let index = 0; index < 20; index++) expect(asked(sized.plan('m', size).first())).toBe('b');
    const tagged = routerOf(entry('m', 'openai/a', ', tags: [paid]') + entry('m', 'openai/b'), ', enable_tag_filtering: true').router;
    expect(asked(tagged.plan('m', { input: 1, tags: ['paid'] }).first())).toBe('a');
    expect(asked(tagged.plan('m', size).first())).toBe('b');
  });
});
