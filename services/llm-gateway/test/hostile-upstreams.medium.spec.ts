// SECURITY.md 24, 28: hostile providers and clients. Real: nats-server, SQLite, HTTP on both sides. Scripted: the provider.
import { connect } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareGround, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';
import { startUpstream, type ScriptedUpstream, type UpstreamAnswer } from './upstream.ts';
import type { Hostility } from './upstream-hostility.ts';

let ground: GatewayGround;
let gateway: RunningGateway;
let upstream: ScriptedUpstream;
let anthropicUpstream: ScriptedUpstream;
const user = 'user-1';

beforeAll(async () => {
  ground = await prepareGround();
  upstream = await startUpstream({ format: 'openai-chat', script: () => ({ text: 'fine' }) });
  anthropicUpstream = await startUpstream({ format: 'anthropic-messages', script: () => ({ text: 'fine' }) });
  gateway = await runGateway(ground, { ALLOWED_PRIVATE_HOSTS: `${upstream.host},${anthropicUpstream.host},127.0.0.1:9` });
  await gateway.addProvider(user, 'openai', { key: 'sk-canary-upstream-key-0123456789', endpoint: upstream.url, model: 'm' });
  await gateway.addProvider(user, 'anthropic', { key: 'sk-canary-upstream-key-0123456789', endpoint: anthropicUpstream.url, model: 'm' });
});

afterAll(async () => {
  await gateway?.close();
  await Promise.all([upstream?.close(), anthropicUpstream?.close()]);
  await ground?.close();
});

async function ask(answer: UpstreamAnswer, stream: boolean) {
  upstream.use(() => answer);
  const route = await gateway.resolve(user, 'openai/m');
  const openai = new OpenAI({ baseURL: route.base_url, apiKey: route.token, maxRetries: 0 });
  let text = '';
  let error: unknown = null;
  try {
    if (stream) for await (const chunk of await openai.chat.completions.create({ model: 'm', stream: true, messages: [{ role: 'user', content: 'x'.repeat(400) }] })) text += chunk.choices[0]?.delta.content ?? '';
    else text = (await openai.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'x'.repeat(400) }] })).choices[0]?.message.content ?? '';
  } catch (caught) {
    error = caught;
  }
  const row = async () => (await gateway.usage()).find((candidate) => candidate.runId === route.run_id);
  await expect.poll(row).toBeDefined();
  return { text, error: error as (Error & { status?: number }) | null, row: (await row())! };
}

describe('SECURITY 24: a provider that', () => {
  const cases: [Hostility, boolean, RegExp, string, number | undefined][] = [
    ['endless-line', true, /never ends/, 'cut', 502],
    ['short-content-length', false, /not HTTP|another number of bytes|not JSON|closed/, 'cut', 502],
    ['long-content-length', false, /closed the connection|another number/, 'cut', 502],
    ['not-http', false, /not HTTP/, 'failed', 502],
    ['not-json', false, /not JSON/, 'cut', 502],
    ['html', true, /not JSON/, 'cut', 502],
    ['redirect', false, /redirects/, 'failed', 502],
    ['silent', true, /did not begin to answer/, 'failed', 504],
    ['stall', true, /stopped sending/, 'cut', undefined],
    ['drip', false, /was not whole after 0\.9 s/, 'cut', 504],
    ['huge-header', false, /too many headers|not HTTP|closed/, 'failed', 502],
    ['encoded', false, /compresses its answer \(gzip\)/, 'cut', 502],
    ['encoded-stream', true, /compresses its answer \(zstd\)/, 'cut', 502],
    ['encoded-refusal', false, /compresses its answer \(br\)/, 'refused', 502],
    ['error-as-answer', false, /Rate limited upstream/, 'refused', 429],
    ['hang-up', true, /closed the connection/, 'failed', 502],
  ];
  it.each(cases)('%s (stream: %s) ends in a clear error', async (hostile, stream, words, status, http) => {
    const { error, row } = await ask({ hostile }, stream);
    expect(error?.message).toMatch(words);
    expect(error?.status).toBe(http);
    expect(row).toMatchObject({ status });
  });

  it('sends bad UTF-8: the stream passes, the process lives', async () => {
    const { row } = await ask({ hostile: 'bad-utf8' }, true);
    expect(row.status).toBe('completed');
  });

  it('breaks off between two events: the client is told, what was produced is counted', async () => {
    const { text, error, row } = await ask({ text: 'one two three four five six seven', cutAfter: 5 }, true);
    expect(text).toBe('one two three four');
    expect(error?.message).toMatch(/closed the connection/);
    expect(row).toMatchObject({ status: 'cut', estimated: true });
    expect(row.output).toBeGreaterThan(2);
    expect(row.uncachedInput).toBeGreaterThan(100);
  });

  it('breaks off inside an event: the connection ends, no half event is taken for a whole one', async () => {
    const { text, error, row } = await ask({ hostile: 'cut-inside-line' }, true);
    expect(text).toBe('first');
    expect(error).not.toBeNull();
    expect(row.status).toBe('cut');
  });

  it('answers a stream request with JSON: passed on as it is', async () => {
    upstream.use(() => ({ hostile: 'json-for-stream' }));
    const route = await gateway.resolve(user, 'openai/m');
    const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${route.token}` }, body: JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'x' }] }) });
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'whole' } }] });
  });

  it('does not say what was used: usage is estimated and marked', async () => {
    const { row } = await ask({ text: 'a b c d e f g h i j', usage: null }, true);
    expect(row).toMatchObject({ status: 'completed', estimated: true });
    expect(row.output).toBeGreaterThan(5);
    const whole = await ask({ text: 'a b c d e f g h i j', usage: null }, false);
    expect(whole.row).toMatchObject({ status: 'completed', estimated: true });
  });

  it('quotes our key: it is taken out of the error', async () => {
    const { error } = await ask({ hostile: 'echo-credentials' }, false);
    expect(error?.status).toBe(400);
    expect(JSON.stringify((error as unknown as { error: unknown }).error)).not.toContain('canary');
  });

  it('is not there at all', async () => {
    await gateway.addProvider('user-2', 'openai', { key: 'k', endpoint: 'http://127.0.0.1:9', model: 'm' });
    const route = await gateway.resolve('user-2', 'openai/m');
    const openai = new OpenAI({ baseURL: route.base_url, apiKey: route.token, maxRetries: 0 });
    await expect(openai.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'x' }] })).rejects.toMatchObject({ status: 502, message: expect.stringContaining('refused the connection') as string });
  });

  it('breaks off, Anthropic format', async () => {
    anthropicUpstream.use(() => ({ text: 'one two three four five six seven', cutAfter: 4, usage: { uncachedInput: 55 } }));
    const route = await gateway.resolve(user, 'anthropic/m');
    const anthropic = new Anthropic({ baseURL: route.base_url, apiKey: route.token, maxRetries: 0 });
    const error = await anthropic.messages.stream({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] }).finalMessage().catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ message: expect.stringContaining('closed the connection') as string });
    await expect.poll(async () => (await gateway.usage()).find((row) => row.runId === route.run_id)).toMatchObject({ status: 'cut', estimated: true, uncachedInput: 55 });
  });
});

describe('SECURITY 28: a client that', () => {
  it('leaves ends the call at the provider within 100 ms', async () => {
    const leave = async (delayMs: number): Promise<number> => {
      upstream.aborted.length = 0;
      const asked = upstream.requests.length;
      upstream.use(() => ({ delayMs, text: 'word '.repeat(500), paceMs: 10 }));
      const route = await gateway.resolve(user, 'openai/m');
      const leaving = new AbortController();
      const response = fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', signal: leaving.signal, headers: { authorization: `Bearer ${route.token}` }, body: JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'x' }] }) });
      response.catch(() => {});
      await expect.poll(() => upstream.requests.length, { interval: 5 }).toBe(asked + 1);
      await new Promise((resolve) => setTimeout(resolve, 100));
      leaving.abort();
      const left = Date.now();
      await expect.poll(() => upstream.aborted.length, { interval: 5 }).toBe(1);
      await expect.poll(async () => (await gateway.usage()).find((row) => row.runId === route.run_id)).toMatchObject({ status: 'cancelled', estimated: true });
      return upstream.aborted[0]!.at - left;
    };
    // What else the machine does at one of these moments is not the gateway's: the best counts.
    for (const delayMs of [0, 400]) {
      const waits: number[] = [];
      do waits.push(await leave(delayMs)); while (waits.length < 5 && waits.at(-1)! >= 100);
      expect(Math.min(...waits)).toBeLessThan(100);
    }
  });

  it('leaves with the last event has got all of its answer: of a provider that is slow to end, and of a built-in model', async () => {
    upstream.use(() => ({ text: 'one two three', paceMs: 60 }));
    const ask = async (routed: string, usage: boolean): Promise<string> => {
      const route = await gateway.resolve(user, routed);
      const client = new OpenAI({ baseURL: route.base_url, apiKey: route.token, maxRetries: 0 });
      for await (const chunk of await client.chat.completions.create({ model: route.model, stream: true, ...(usage && { stream_options: { include_usage: true } }), messages: [{ role: 'user', content: 'hello' }] })) void chunk;
      const row = async () => (await gateway.usage()).find((candidate) => candidate.runId === route.run_id);
      await expect.poll(row).toBeDefined();
      return (await row())!.status;
    };
    expect([await ask('openai/m', true), await ask('openai/m', false), await ask('mock/echo', true), await ask('scripted/demo', true)]).toEqual(['completed', 'completed', 'completed', 'completed']);
  });

  it.each([false, true])('leaves before anything of its answer is there (stream: %s): the time that the provider worked on it counts', async (stream) => {
    upstream.use(() => ({ text: 'late', delayMs: 800 }));
    const route = await gateway.resolve(user, 'openai/m');
    const call = fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', signal: AbortSignal.timeout(400), headers: { authorization: `Bearer ${route.token}` }, body: JSON.stringify({ model: 'm', stream, messages: [{ role: 'user', content: 'x'.repeat(400) }] }) });
    await expect(call).rejects.toThrow();
    const row = async () => (await gateway.usage()).find(({ runId }) => runId === route.run_id);
    await expect.poll(row).toMatchObject({ status: 'cancelled', estimated: true });
    expect((await row())!.output).toBeGreaterThan(5);
    expect((await row())!.output).toBeLessThan(200);
  });

  it('reads nothing: memory stays bounded, the provider waits, the client is cut in the end', async () => {
    upstream.aborted.length = 0;
    upstream.use(() => ({ hostile: 'endless-events' }));
    const route = await gateway.resolve(user, 'openai/m');
    const before = process.memoryUsage.rss();
    const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'x' }] });
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.pause();
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${route.token}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await expect.poll(() => upstream.aborted.length, { timeout: 10_000 }).toBe(1);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 * 1024);
    await expect.poll(async () => (await gateway.usage()).find((row) => row.runId === route.run_id)).toMatchObject({ status: 'cancelled' });
    socket.destroy();
  });
});
