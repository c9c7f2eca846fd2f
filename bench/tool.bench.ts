import type { Benchmark } from './benchmark.ts';
import { percentile, scaled } from './benchmark.ts';
import { surroundings } from './support/surroundings.ts';

export const benchmark: Benchmark = {
  name: 'tool',
  figures: [{ name: 'p50_ms', unit: 'ms', how: 'bash `true` in a warm computer, from tool-call-started to tool-call-ended as an SSE client receives them, every commit durable', most: 400 }],
  run: async ({ size }) => {
    const count = scaled(200, { size }, 12);
    // A turn may take fifty steps: several turns make up the count. Different commands, so that nothing looks like a loop.
    await using place = await surroundings(({ step, userText }) => (step < 40 ? { toolCalls: [{ name: 'bash', arguments: { command: `true # ${userText} ${step}` } }] } : { text: 'done' }));
    const client = await place.user();
    const { id } = await client.conversation();
    const started = new Map<string, number>();
    const samples: number[] = [];
    let over: () => void = () => {};
    const feed = await client.follow(id, {
      onFrame: ({ frame, at }) => {
        if (frame.type === 'tool-call-started') started.set(frame.tool_call_id, at);
        if (frame.type === 'tool-call-ended') {
          if (frame.is_error) throw new Error(`The tool failed: ${frame.result.output}`);
          samples.push(at - started.get(frame.tool_call_id)!);
        }
        if (frame.type === 'run-ended') over();
      },
    });
    for (let turn = 0; samples.length < count + 5; turn++) {
      const ended = new Promise<void>((resolve) => { over = resolve; });
      await client.say(id, `turn ${turn}`);
      await ended;
      if (samples.length === 0) throw new Error('No tool call ended');
    }
    feed.close();
    // The first calls start the computer.
    return { p50_ms: percentile(samples.slice(5), 0.5) };
  },
};
