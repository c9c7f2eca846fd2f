import type { Benchmark } from './benchmark.ts';
import { percentile, scaled } from './benchmark.ts';
import type { Client } from '../e2e/client/client.ts';
import type { PartName, RunningProduct } from '../e2e/product.ts';
import { effect, effectsOf } from './support/effects.ts';
import { randomNumbers, surroundings } from './support/surroundings.ts';
import { Watcher } from './support/watcher.ts';

const parts: readonly PartName[] = ['agent', 'conversations', 'sandbox-manager', 'llm-gateway', 'gateway', 'auth', 'nats-server', 'agent', 'conversations', 'supervisor'];
const lanes = 8;
const stepsWithEffect = 3;
/** What was shown this long before a kill must have been saved. */
const savedAfterMs = 1_500;

export const benchmark: Benchmark = {
  name: 'crash',
  figures: [
    { name: 'kills', unit: 'kills', how: 'kill -9 of a service, the supervisor or nats-server at a random moment, 8 runs with side effects at work all the time', least: 1 },
    { name: 'lost', unit: 'messages', how: 'messages that were accepted and are missing, runs that never ended, and effects that a tool result reports and that did not happen', most: 0 },
    { name: 'doubled', unit: 'effects', how: 'lines in the workspaces that a tool call left more than once', most: 0 },
    { name: 'completed_percent', unit: '%', how: 'runs that ended as completed', least: 80 },
    { name: 'resume_p95_s', unit: 's', how: 'kill to the next event of each run that was at work, 95th percentile', most: 30 },
    { name: 'old_words_lost', unit: 'answers', how: 'cut answers of which something shown more than 1.5 s before the kill is not in the saved part', most: 0 },
  ],
  run: async ({ size, say }) => {
    const kills = scaled(200, { size }, 8);
    const random = randomNumbers(11);
    await using place = await surroundings(({ step, userText }) => {
      const name = /effects-\S+/.exec(userText)?.[0] ?? 'none';
      return step < stepsWithEffect ? { text: `Step ${step} of ${name}.`, toolCalls: [effect(`${name}-${step}`)], paceMs: 10 } : { text: `The end of ${name}. ${'word '.repeat(150)}`, paceMs: 20 };
    });
    const { product } = place;
    let going = true;
    const watchers: Watcher[] = [];
    const work = Array.from({ length: lanes }, async (_, lane) => {
      const client = await place.user();
      const watcher = await Watcher.start(client);
      watchers.push(watcher);
      for (let turn = 0; going; turn++) await watcher.turn(`please do effects-${lane}-${turn}`);
    });
    while (watchers.length < lanes) await new Promise((resolve) => setTimeout(resolve, 100));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const waits: number[] = [];
    for (let kill = 0; kill < kills; kill++) {
      await new Promise((resolve) => setTimeout(resolve, random() * 1_500));
      const part = parts[Math.floor(random() * parts.length)]!;
      waits.push(...(await killAndWait(product, part, watchers)));
      if (kill % 10 === 9) say(`${kill + 1} kills, p95 to progress ${percentile(waits, 0.95).toFixed(1)} s`);
    }
    going = false;
    await Promise.all(work);
    await product.untilWell();
    const tally = { runs: 0, completed: 0, lost: 0, doubled: 0, words: 0 };
    for (const watcher of watchers) {
      tally.runs += watcher.reasons.length;
      tally.completed += watcher.reasons.filter((reason) => reason === 'completed').length;
      tally.lost += await watcher.lost();
      tally.words += watcher.oldWordsLost;
      const lines = effectsOf(product, await computerOf(watcher.client, watcher.conversation));
      tally.doubled += lines.length - new Set(lines).size;
      tally.lost += watcher.reported.filter((name) => !lines.includes(name)).length;
    }
    return { kills, lost: tally.lost, doubled: tally.doubled, completed_percent: (100 * tally.completed) / tally.runs, resume_p95_s: percentile(waits, 0.95), old_words_lost: tally.words };
  },
};

/** Kills one part; seconds until each run that was at work shows something new. */
async function killAndWait(product: RunningProduct, part: PartName, watchers: readonly Watcher[]): Promise<number[]> {
  const at = performance.now();
  for (const watcher of watchers) watcher.killedAt(at, savedAfterMs, part === 'agent' || part === 'supervisor');
  product.kill(part);
  if (part === 'supervisor') await product.restart();
  const waits = await Promise.all(watchers.map(async (watcher) => watcher.progressAfter(at)));
  await product.untilWell();
  return waits;
}

async function computerOf(client: Client, conversation: string): Promise<string> {
  return (await client.request<{ computer_id: string }>('GET', `/api/conversations/${conversation}/sandbox`)).computer_id;
}
