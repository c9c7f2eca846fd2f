import type { Benchmark, BenchmarkOptions } from './benchmark.ts';
import { percentile, scaled } from './benchmark.ts';
import { median, put, type LoadOrder } from './support/load.ts';
import { burst, events, whole } from './support/model-answers.ts';
import { startGateway, type MeasuredGateway } from './support/model-gateway.ts';
import { anthropicRequest, longRequest, streamRequest, wholeRequest } from './support/model-requests.ts';
import { cores, cpuSeconds, startProgram, type Program } from './support/pinned-program.ts';

const model = { whole: 'bench-model', burst: 'burst-model', paced: 'paced-model' } as const;
const streamsAtOnce = 100;

type TargetName = 'direct' | 'bare' | 'deskhand';

interface Target {
  name: TargetName;
  port: number;
  /** Null: there is no program between. */
  pid: number | null;
  headers: Record<string, string>;
  /** Where it takes a call that the upstream answers in that way. */
  path(way: 'whole' | 'burst' | 'paced'): string;
}

/** Every sample of one target, a value a round. */
class Samples {
  readonly #values = new Map<string, number[]>();

  add(target: TargetName, measure: string, value: number): void {
    const key = `${target} ${measure}`;
    this.#values.set(key, [...(this.#values.get(key) ?? []), value]);
  }

  of(target: TargetName, measure: string): number {
    return median(this.#values.get(`${target} ${measure}`) ?? []);
  }

  /** The median of what two targets gave in the same round. */
  pairs(one: TargetName, other: TargetName, measure: string, combine: (one: number, other: number) => number): number {
    const others = this.#values.get(`${other} ${measure}`) ?? [];
    return median((this.#values.get(`${one} ${measure}`) ?? []).map((value, round) => combine(value, others[round]!)));
  }
}

const perCent = (value: number): string => `${(value * 100).toFixed(0)} %`;
const over = (value: number, base: number): number => value - base;
const times = (value: number, base: number): number => value / base;

export const benchmark: Benchmark = {
  name: 'gateway',
  figures: [
    { name: 'rps_vs_bare', unit: 'x', how: 'whole answers a second at 32 callers, against a proxy of node:http and undici that only parses and writes anew both bodies; gateway on one core with a virtual key, a budget and usage, upstream and callers on the other, medians of interleaved rounds', least: 0.02 },
    { name: 'streams_vs_bare', unit: 'x', how: 'streams of 100 events a second at 16 callers, against the same', least: 0.05 },
    { name: 'added_p50_ms', unit: 'ms', how: 'whole answers at one connection, median over that of the bare proxy', most: 30 },
    { name: 'added_p99_ms', unit: 'ms', how: 'the same, 99th percentile', most: 200 },
    { name: 'first_byte_ms', unit: 'ms', how: 'first byte of a stream at one connection, median over that without anything between', most: 60 },
    { name: 'cpu_chunk_us', unit: 'us', how: `processor time a relayed event, ${streamsAtOnce} streams with events 5 ms apart`, most: 500 },
    { name: 'long_first_byte_ms', unit: 'ms', how: 'a streamed call with 411 KB of conversation, first byte at one connection, median over that without anything between', most: 200 },
    { name: 'translated_cpu', unit: 'x', how: 'processor time of streams from OpenAI\'s format into Anthropic\'s against passed ones, both at 5 ms an event', most: 10 },
  ],
  run: async (options) => {
    await using upstream = await startProgram('upstream', cores.others, [], true);
    const upstreamPort = (upstream.hello as { port: number }).port;
    const host = `127.0.0.1:${upstreamPort}`;
    await using bare = await startProgram('bare-proxy', cores.measured, [`http://${host}`], true);
    await using gateway = await startGateway(host, [{ name: model.whole, apiBase: `http://${host}/whole/v1` }, { name: model.burst, apiBase: `http://${host}/burst/v1` }, { name: model.paced, apiBase: `http://${host}/paced/v1` }]);
    await using load = await startProgram('load', cores.others, [], false);
    const targets = targetsOf(upstreamPort, bare, gateway);
    const samples = new Samples();
    const rounds = scaled(5, options);
    // What is compiled while it runs is fast only then; a smoke test does not wait for that.
    if (options.size > 0.1) for (const target of targets) await measure(target, load, { ...options, size: options.size / 2 }, new Samples());
    for (let round = 0; round < rounds; round++) {
      // Nobody is always first.
      for (let turn = 0; turn < targets.length; turn++) await measure(targets[(turn + round) % targets.length]!, load, options, samples);
      options.say(`round ${round + 1} of ${rounds}: ${perCent(samples.pairs('deskhand', 'bare', 'rps', times))} of the bare proxy's calls, ${perCent(samples.pairs('deskhand', 'bare', 'streams', times))} of its streams`);
    }
    report(samples, options.say);
    const cpuPassed = samples.of('deskhand', 'cpu a chunk');
    return {
      rps_vs_bare: samples.pairs('deskhand', 'bare', 'rps', times), streams_vs_bare: samples.pairs('deskhand', 'bare', 'streams', times),
      added_p50_ms: samples.pairs('deskhand', 'bare', 'p50', over), added_p99_ms: samples.pairs('deskhand', 'bare', 'p99', over), first_byte_ms: samples.pairs('deskhand', 'direct', 'first byte', over),
      cpu_chunk_us: cpuPassed, long_first_byte_ms: samples.pairs('deskhand', 'direct', 'long first byte', over), translated_cpu: samples.of('deskhand', 'cpu a translated chunk') / cpuPassed,
    };
  },
};

function targetsOf(upstreamPort: number, bare: Program, gateway: MeasuredGateway): readonly Target[] {
  const path = (way: string): string => `/${way}/v1/chat/completions`;
  return [
    { name: 'direct', port: upstreamPort, pid: null, headers: {}, path },
    { name: 'bare', port: (bare.hello as { port: number }).port, pid: bare.pid, headers: { authorization: `Bearer ${gateway.key}` }, path },
    { name: 'deskhand', port: gateway.port, pid: gateway.pid, headers: { authorization: `Bearer ${gateway.key}` }, path: () => '/v1/chat/completions' },
  ];
}

/** One round of one target. */
async function measure(target: Target, load: Program, options: BenchmarkOptions, samples: Samples): Promise<void> {
  const add = (name: string, value: number): void => samples.add(target.name, name, value);
  const order = (way: 'whole' | 'burst' | 'paced', body: string, more: Pick<LoadOrder, 'width' | 'calls' | 'seconds'>): LoadOrder => ({
    port: target.port, headers: target.headers, path: target.path(way), body, leastBytes: (way === 'whole' ? whole.length : burst.length) / 3, ...more,
  });
  const cpu = (): number => (target.pid === null ? 0 : cpuSeconds(target.pid));
  const seconds = Math.max(0.3, 3 * options.size);

  const alone = await put(load, order('whole', wholeRequest(model.whole), { width: 1, calls: scaled(3_000, options, 300) }));
  add('p50', percentile(alone.wholeMs, 0.5));
  add('p99', percentile(alone.wholeMs, 0.99));

  let before = cpu();
  const many = await put(load, order('whole', wholeRequest(model.whole), { width: 32, seconds }));
  add('rps', many.calls / many.seconds);
  add('cpu a call', ((cpu() - before) / many.calls) * 1e6);

  const first = await put(load, order('burst', streamRequest(model.burst), { width: 1, calls: scaled(1_000, options, 100) }));
  add('first byte', percentile(first.firstByteMs, 0.5));

  before = cpu();
  const streams = await put(load, order('burst', streamRequest(model.burst), { width: 16, seconds }));
  add('streams', streams.calls / streams.seconds);
  add('cpu a stream', ((cpu() - before) / streams.calls) * 1e6);

  const long = await put(load, order('burst', longRequest(model.burst), { width: 1, calls: scaled(150, options, 20) }));
  add('long first byte', percentile(long.firstByteMs, 0.5));
  if (target.pid === null) return;

  const calls = scaled(4, options) * streamsAtOnce;
  before = cpu();
  await put(load, order('paced', streamRequest(model.paced), { width: streamsAtOnce, calls }));
  add('cpu a chunk', ((cpu() - before) / calls / events.length) * 1e6);
  if (target.name !== 'deskhand') return;

  before = cpu();
  await put(load, { ...order('paced', anthropicRequest(model.paced), { width: streamsAtOnce, calls }), path: '/v1/messages' });
  add('cpu a translated chunk', ((cpu() - before) / calls / events.length) * 1e6);
}

function report(samples: Samples, say: (text: string) => void): void {
  for (const name of ['direct', 'bare', 'deskhand'] as const) {
    const show = (measure: string, digits: number): string => samples.of(name, measure).toFixed(digits);
    const between = name === 'direct' ? '' : `, cpu ${show('cpu a call', 0)} us a call, ${show('cpu a stream', 0)} us a stream, ${show('cpu a chunk', 1)} us a paced event`;
    say(`${name}: p50 ${show('p50', 3)} ms, p99 ${show('p99', 2)} ms, ${show('rps', 0)} calls/s, first byte ${show('first byte', 3)} ms, ${show('streams', 0)} streams/s, 411 KB first byte ${show('long first byte', 2)} ms${between}`);
  }
}
