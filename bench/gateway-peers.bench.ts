import type { Benchmark } from './benchmark.ts';
import { scaled } from './benchmark.ts';
import { median, put } from './support/load.ts';
import { startGateway } from './support/model-gateway.ts';
import { streamRequest, wholeRequest } from './support/model-requests.ts';
import { startLitellm, startPortkey } from './support/peers.ts';
import { cores, startProgram } from './support/pinned-program.ts';

const models = { whole: 'bench-model', burst: 'burst-model' } as const;
const conditions = 'each gateway alone on one core, upstream and callers on the other, medians of interleaved rounds; Deskhand with a virtual key, a budget and usage';

export const benchmark: Benchmark = {
  name: 'gateway-peers',
  // Installs programs that nothing else needs.
  onlyWhenAsked: true,
  figures: [
    { name: 'rps_vs_portkey', unit: 'x', how: `whole answers a second at 32 callers, against Portkey's gateway 1.15.2 (without keys and usage); ${conditions}` },
    { name: 'rps_vs_litellm', unit: 'x', how: 'the same against LiteLLM 1.108.7 (one worker, its master key, no database)' },
    { name: 'streams_vs_portkey', unit: 'x', how: 'streams of 100 events a second at 16 callers, against Portkey' },
    { name: 'streams_vs_litellm', unit: 'x', how: 'the same against LiteLLM' },
  ],
  run: async ({ size, say }) => {
    await using upstream = await startProgram('upstream', cores.others, [], true);
    const host = `127.0.0.1:${(upstream.hello as { port: number }).port}`;
    await using load = await startProgram('load', cores.others, [], false);
    say('starting Portkey and LiteLLM; the first time they are installed, which takes some minutes');
    await using portkey = await startPortkey(`http://${host}`);
    await using litellm = await startLitellm(`http://${host}`, models);
    await using gateway = await startGateway(host, Object.entries(models).map(([way, name]) => ({ name, apiBase: `http://${host}/${way}/v1` })));
    const targets = { deskhand: { port: gateway.port, headers: () => ({ authorization: `Bearer ${gateway.key}` }) }, portkey, litellm } as const;
    const names = Object.keys(targets) as (keyof typeof targets)[];
    const rates: Record<string, number[]> = {};
    const measure = async (name: keyof typeof targets, way: keyof typeof models, seconds: number): Promise<number> => {
      const { port, headers } = targets[name];
      const body = way === 'whole' ? wholeRequest(models.whole) : streamRequest(models.burst);
      const { calls, seconds: took } = await put(load, { port, path: '/v1/chat/completions', headers: headers(way), body, width: way === 'whole' ? 32 : 16, seconds, leastBytes: 300 });
      return calls / took;
    };
    const seconds = Math.max(1, 4 * size);
    for (const name of names) for (const way of ['whole', 'burst'] as const) await measure(name, way, seconds / 2);
    for (let round = 0; round < scaled(3, { size }); round++) {
      for (let turn = 0; turn < names.length; turn++) {
        const name = names[(turn + round) % names.length]!;
        for (const way of ['whole', 'burst'] as const) (rates[`${name} ${way}`] ??= []).push(await measure(name, way, seconds));
      }
    }
    const rate = (name: string, way: string): number => median(rates[`${name} ${way}`]!);
    for (const name of names) say(`${name}: ${rate(name, 'whole').toFixed(0)} calls/s, ${rate(name, 'burst').toFixed(1)} streams/s`);
    const times = (other: string, way: string): number => median(rates[`deskhand ${way}`]!.map((value, round) => value / rates[`${other} ${way}`]![round]!));
    return { rps_vs_portkey: times('portkey', 'whole'), rps_vs_litellm: times('litellm', 'whole'), streams_vs_portkey: times('portkey', 'burst'), streams_vs_litellm: times('litellm', 'burst') };
  },
};
