import type { Benchmark } from './benchmark.ts';
import { scaled } from './benchmark.ts';
import type { Client } from '../e2e/client/client.ts';
import type { Joiner } from '../e2e/client/joiner.ts';
import { followThroughCuts, type Way } from '../e2e/client/resuming.ts';
import { inParallel, randomNumbers, surroundings, words } from './support/surroundings.ts';

const ways: readonly Way[] = ['sse', 'websocket', 'new-tab'];
const width = 6;

export const benchmark: Benchmark = {
  name: 'resume',
  figures: [
    { name: 'streams', unit: 'streams', how: 'streams of at least 200 deltas (text, reasoning and tool output) followed over SSE, WebSocket and new tabs, each cut 1 to 4 times at random points and resumed with its cursor; a tenth of them while the gateway is killed', least: 1 },
    { name: 'lost', unit: 'events', how: 'gaps and differing blocks seen by a client that joins deltas by itself and repairs nothing, or final content that differs from what REST answers', most: 0 },
    { name: 'repeated', unit: 'events', how: 'events or deltas that such a client got twice', most: 0 },
  ],
  run: async ({ size, say }) => {
    const runs = scaled(334, { size }, 6);
    const random = randomNumbers(7);
    await using place = await surroundings(({ step, userText }) =>
      step === 0
        ? { reasoning: words(350, userText.length), text: words(300, userText.length + 1), toolCalls: [{ name: 'bash', arguments: { command: 'for i in $(seq 1 40); do echo "line $i äöü 🙂"; sleep 0.01; done' } }], paceMs: 5 }
        : { text: words(450, userText.length + 2), paceMs: 5 });
    const clients: Client[] = [];
    for (let lane = 0; lane < width; lane++) clients.push(await place.user());
    const conversations = await Promise.all(clients.map(async (client) => (await client.conversation()).id));
    const total = { streams: 0, lost: 0, repeated: 0 };
    // The gateway dies again and again while the last tenth runs.
    const calm = Math.floor(runs * 0.9);
    let killing = true;
    // As a cast: assigned inside a callback, which the checker does not follow.
    let killer = null as Promise<void> | null;
    const killGateway = async () => {
      while (killing) {
        place.product.kill('gateway');
        // Killed again only once it is up: a gateway that never comes up proves nothing.
        await place.product.untilWell();
        // Long enough that streams of it come to 200 deltas on a busy machine too, short enough that each is hit.
        await new Promise((resolve) => setTimeout(resolve, random() * 4_000));
      }
    };
    /** One run, followed in every way; whether it had deltas enough to count. */
    const oneRun = async (index: number, lane: number): Promise<boolean> => {
      const client = clients[lane]!;
      const conversation = conversations[lane]!;
      const { run_id } = await client.say(conversation, `stream ${index} ${'x'.repeat(index % 50)}`);
      const joiners = await Promise.all(ways.map(async (way) => {
        const cuts = Array.from({ length: 1 + Math.floor(random() * 4) }, () => 1 + Math.floor(random() * 120));
        return followThroughCuts(client, conversation, run_id, { way, cuts });
      }));
      for (const joiner of joiners) {
        total.lost += joiner.gaps + joiner.mismatches;
        total.repeated += joiner.repeats;
      }
      total.lost += await differences(client, conversation, run_id, joiners);
      // What a client missed while it was away comes as one delta: the least cut one tells how many there were.
      return Math.max(...joiners.map((joiner) => joiner.deltas)) >= 200;
    };
    await inParallel(runs, width, async (index, lane) => {
      if (index >= calm) killer ??= killGateway();
      // A gateway that was away for most of an answer made one delta of it: its faults count, the stream does not.
      for (let attempt = 1; !(await oneRun(index, lane)); attempt++) if (attempt === 5) throw new Error('Streams have fewer than 200 deltas again and again');
      total.streams += ways.length;
      if (index % 20 === 19) say(`${total.streams} streams, ${total.lost} lost, ${total.repeated} repeated`);
    });
    killing = false;
    await killer;
    return total;
  },
};

/** Blocks of the run whose joined text is not what REST has, byte for byte. */
async function differences(client: Client, conversation: string, run: string, joiners: readonly Joiner[]): Promise<number> {
  let wrong = 0;
  for (const message of await lastMessages(client, conversation)) {
    if (message.run_id !== run) continue;
    for (const block of message.blocks) {
      if ((block.type !== 'text' && block.type !== 'reasoning') || block.block === undefined) continue;
      for (const joiner of joiners) if (joiner.finished.get(block.block) !== block.text) wrong += 1;
    }
  }
  return wrong;
}

async function lastMessages(client: Client, conversation: string) {
  for (let attempt = 0; ; attempt++) {
    try {
      const { total } = await client.request<{ total: number }>('GET', `/api/conversations/${conversation}/messages?limit=1`);
      return (await client.request<{ messages: Awaited<ReturnType<Client['messages']>> }>('GET', `/api/conversations/${conversation}/messages?limit=20&offset=${Math.max(0, total - 20)}`)).messages;
    } catch (error) {
      if (attempt > 300) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
