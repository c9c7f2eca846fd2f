import type { Benchmark } from './benchmark.ts';
import { percentile, scaled } from './benchmark.ts';
import type { Client } from '../e2e/client/client.ts';
import { inParallel, surroundings } from './support/surroundings.ts';

export const benchmark: Benchmark = {
  name: 'first-token',
  figures: [
    { name: 'p50_ms', unit: 'ms', how: 'POST of a message to the first text-delta at an SSE client that follows the conversation, upstream answering at once, one conversation at a time', most: 300 },
    { name: 'p95_ms', unit: 'ms', how: 'the same, 95th percentile', most: 800 },
    { name: 'p95_16_ms', unit: 'ms', how: 'the same while 16 other conversations stream (a chunk every 20 ms each)', most: 2_000 },
  ],
  run: async ({ size, say }) => {
    await using place = await surroundings(({ userText }) => (userText.startsWith('long') ? { text: 'word '.repeat(1_500), paceMs: 20 } : { text: 'pong' }));
    const client = await place.user();
    const { id } = await client.conversation();
    const measure = async (count: number): Promise<number[]> => {
      const samples: number[] = [];
      for (let index = 0; index < count; index++) samples.push(await firstToken(client, id));
      return samples;
    };
    await measure(5);
    const alone = await measure(scaled(200, { size }, 10));
    say(`alone: p50 ${percentile(alone, 0.5).toFixed(1)} ms`);
    // Each of the sixteen is followed by a client of its own, as in a browser tab.
    const others = await Promise.all(Array.from({ length: 16 }, async () => (await client.conversation()).id));
    const feeds = await Promise.all(others.map(async (other) => client.follow(other)));
    await inParallel(16, 16, async (index) => { await client.say(others[index]!, 'long answer please'); });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const busy = await measure(scaled(100, { size }, 10));
    for (const feed of feeds) feed.close();
    return { p50_ms: percentile(alone, 0.5), p95_ms: percentile(alone, 0.95), p95_16_ms: percentile(busy, 0.95) };
  },
};

async function firstToken(client: Client, conversation: string): Promise<number> {
  let seen!: (at: number) => void;
  let over!: () => void;
  const first = new Promise<number>((resolve) => { seen = resolve; });
  const ended = new Promise<void>((resolve) => { over = resolve; });
  let ready!: () => void;
  const following = new Promise<void>((resolve) => { ready = resolve; });
  const feed = await client.follow(conversation, {
    onFrame: ({ frame, at }) => {
      if (frame.type === 'snapshot') ready();
      if (frame.type === 'text-delta') seen(at);
      if (frame.type === 'run-ended') over();
    },
  });
  await following;
  const started = performance.now();
  await client.request('POST', `/api/conversations/${conversation}/messages`, { content: 'ping' });
  const at = await Promise.race([first, new Promise<never>((_, reject) => setTimeout(() => reject(new Error('No answer within 20 s')), 20_000).unref())]);
  await ended;
  feed.close();
  return at - started;
}
