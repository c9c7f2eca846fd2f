// One viewer that stops reading: it costs little, disturbs nobody, and has everything once it reads again.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import { startUpstream } from '../../services/llm-gateway/test/upstream.ts';
import { Client } from '../client/client.ts';
import type { Frame } from '../client/feed.ts';
import { Joiner } from '../client/joiner.ts';
import { followThroughCuts } from '../client/resuming.ts';
import { startProduct, type RunningProduct } from '../product.ts';

const rounds = 16;
const long = 'The quick brown fox. '.repeat(10_000);

let product: RunningProduct;
const upstream = await startUpstream({ format: 'openai-chat', script: ({ userText }) => ({ text: userText === 'long' ? long : `You said: ${userText}` }) });

beforeAll(async () => {
  product = await startProduct({ variables: { DESKHAND_ALLOWED_PRIVATE_HOSTS: upstream.host } });
}, 120_000);
afterAll(async () => {
  await product?.stop();
  await upstream.close();
}, 60_000);

const residentMegabytes = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${product.pid('gateway')}/status`, 'utf8'))?.[1]) / 1_024;

describe('a stalled viewer', () => {
  it('CONV-2 SECURITY 36 28: stays under 150 MB of the gateway\'s memory, holds nobody up, and catches up without a gap', async () => {
    const client = await Client.register(product.webUrl);
    await client.provider('openai', upstream.url, 'long-model');
    const { id } = await client.conversation();

    const socket = new WebSocket(`${product.webUrl.replace(/^http/, 'ws')}/api/ws`, { headers: { authorization: `Bearer ${client.token}` } });
    const stalled = new Joiner();
    let bytes = 0;
    socket.on('message', (data: Buffer) => {
      bytes += data.length;
      const { cursor, conversation_id: _, ...frame } = JSON.parse(data.toString()) as Frame & { cursor: string; conversation_id?: string };
      stalled.take({ frame: frame as Frame, cursor, at: performance.now() });
    });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    socket.send(JSON.stringify({ type: 'subscribe', conversation_id: id }));
    await vi.waitUntil(() => bytes > 0, { timeout: 20_000 });
    socket.pause();

    const before = residentMegabytes();
    let highest = before;
    const watching = setInterval(() => (highest = Math.max(highest, residentMegabytes())), 100);
    let last = '';
    for (let round = 0; round < rounds; round++) {
      const { run_id } = await client.say(id, 'long');
      const reader = await followThroughCuts(client, id, run_id, { way: 'sse', cuts: [] }, 60_000);
      expect([reader.gaps, reader.repeats, reader.mismatches]).toEqual([0, 0, 0]);
      last = run_id;
    }
    // Somebody else's conversation on the same gateway answers at once.
    const aside = await client.conversation({ model_name: 'mock/echo' });
    const asked = performance.now();
    await followThroughCuts(client, aside.id, (await client.say(aside.id, 'are you there?')).run_id, { way: 'websocket', cuts: [] }, 30_000);
    expect(performance.now() - asked).toBeLessThan(5_000);
    clearInterval(watching);
    expect(highest - before).toBeLessThan(150);
    expect(stalled.ended.size).toBeLessThan(rounds);

    socket.resume();
    await vi.waitUntil(() => stalled.ended.has(last), { timeout: 30_000, interval: 50 });
    socket.terminate();
    expect([stalled.gaps, stalled.repeats, stalled.mismatches]).toEqual([0, 0, 0]);
    const stored = (await client.messages(id)).filter(({ role }) => role === 'assistant').map(({ content }) => content);
    expect(stored).toHaveLength(rounds);
    expect([...stalled.finished.values()].filter((text) => text === long)).toHaveLength(rounds);
    expect(new Set(stored)).toEqual(new Set([long]));
  }, 180_000);
});
