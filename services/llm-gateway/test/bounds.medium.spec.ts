// SECURITY.md 23, 24, 28: memory and connections are bounded whatever clients and providers do.
// Real: nats-server, PostgreSQL, the service as a process of its own, sockets. Scripted: the providers, which misbehave.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { rowsOf, startDatabases, startNats, type TestDatabases, type TestNats } from '@deskhand/platform/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gatewayProcesses, type GatewayProcess, type GatewayProcesses } from './gateway-process.ts';
import { masterKey } from './running-gateway.ts';
import { startUpstream, type ScriptedUpstream } from './upstream.ts';

let nats: TestNats;
let databases: TestDatabases;
let processes: GatewayProcesses;
let gateway: GatewayProcess;
let upstream: ScriptedUpstream;
let databaseUrl: string;
const folder = mkdtempSync(join(tmpdir(), 'deskhand-bounds-'));
const megabyte = 1024 * 1024;

beforeAll(async () => {
  [nats, databases, upstream] = await Promise.all([startNats(), startDatabases('postgres'), startUpstream({ format: 'openai-chat', script: () => ({ text: 'fine' }) })]);
  const file = join(folder, 'config.yaml');
  writeFileSync(file, `model_list:\n  - { model_name: m, litellm_params: { model: openai/m, api_base: "${upstream.url}/v1", api_key: sk-canary-of-the-bounds } }\nrouter_settings: { num_retries: 0 }\n`);
  databaseUrl = await databases.url();
  processes = await gatewayProcesses(nats, databaseUrl, { LITELLM_CONFIG: file, ALLOWED_PRIVATE_HOSTS: upstream.host, SLOW_CLIENT_TIMEOUT_MS: '2000', MAXIMUM_BODY_BYTES: String(8 * megabyte), MAXIMUM_KEPT_BYTES: String(64 * megabyte) });
  gateway = await processes.start('bounded');
}, 120_000);

afterAll(async () => {
  await processes?.close();
  await Promise.all([upstream?.close(), databases?.close()]);
  await nats?.close();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  upstream.use(() => ({ text: 'fine' }));
  upstream.aborted.length = 0;
});

const headers = { authorization: `Bearer ${masterKey}` };
const bodyOf = (text: string, stream = false): string => JSON.stringify({ model: 'm', stream, messages: [{ role: 'user', content: text }] });
const post = async (body: string | Buffer, more: Record<string, string> = {}) => {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers: { ...headers, ...more }, body: new Uint8Array(Buffer.from(body)) });
  return { status: response.status, text: await response.text() };
};
/** Resident memory of the gateway in megabytes. */
const memory = async (): Promise<number> => Number(/^process_resident_memory_bytes (\d+)/m.exec(await (await fetch(`${gateway.url}/metrics`, { headers })).text())![1]) / megabyte;
/** The most that it took while something went on. */
async function most(work: Promise<unknown>): Promise<number> {
  let [highest, over] = [0, false];
  void work.finally(() => (over = true)).catch(() => {});
  while (!over) {
    highest = Math.max(highest, await memory());
    await sleep(40);
  }
  await work;
  return highest;
}
const openSocket = (): Promise<Socket> => new Promise((resolve, reject) => {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1', () => resolve(socket.off('error', reject).on('error', () => {})));
  socket.once('error', reject);
});
const requestText = (body: string): string => `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${masterKey}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe('SECURITY 23: a compressed body', () => {
  it.each([['gzip', gzipSync], ['deflate', deflateSync], ['br', brotliCompressSync], ['zstd', zstdCompressSync]] as const)('of %s is read', async (encoding, compress) => {
    expect(await post(compress(Buffer.from(bodyOf('hello'))), { 'content-encoding': encoding })).toMatchObject({ status: 200 });
    expect(upstream.requests.at(-1)).toMatchObject({ userText: 'hello', headers: { 'accept-encoding': 'identity' } });
    expect(upstream.requests.at(-1)!.headers['content-encoding']).toBeUndefined();
  });

  it('that grows beyond the limit is refused while it grows; twenty at once stay small', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * megabyte, 32));
    const before = await memory();
    const answers: number[] = [];
    const highest = await most(Promise.all(Array.from({ length: 20 }, async () => answers.push((await post(bomb, { 'content-encoding': 'gzip' })).status))));
    expect([...new Set(answers)].every((status) => status === 413 || status === 503)).toBe(true);
    expect(highest - before).toBeLessThan(200);
    console.info(`20 bombs of ${Math.round(bomb.length / 1024)} KB, 200 MB each: ${Math.round(highest - before)} MB more`);
  }, 60_000);

  it('in several layers, of an unknown kind, or of rubbish is refused', async () => {
    for (const encoding of ['gzip, br', 'gzip, gzip, gzip, gzip', 'compress', 'aes128gcm']) expect((await post('{}', { 'content-encoding': encoding })).status).toBe(415);
    for (const encoding of ['gzip', 'br', 'zstd', 'deflate']) expect((await post('not that', { 'content-encoding': encoding })).status).toBe(400);
    expect((await post(gzipSync(Buffer.from(bodyOf('x'))).subarray(0, 40), { 'content-encoding': 'gzip' })).status).toBe(400);
  });
});

describe('SECURITY 28: all calls together', () => {
  it('keep no more of their bodies than there is room for, and the room is free again afterwards', async () => {
    upstream.use(() => ({ text: 'fine', delayMs: 1_500 }));
    const large = bodyOf('x'.repeat(4 * megabyte));
    const before = await memory();
    let statuses: number[] = [];
    const highest = await most((async () => { statuses = (await Promise.all(Array.from({ length: 40 }, async () => post(large)))).map(({ status }) => status); })());
    const taken = statuses.filter((status) => status === 200).length;
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    expect(taken * 4).toBeLessThanOrEqual(64);
    expect(taken).toBeGreaterThan(5);
    console.info(`40 bodies of 4 MB at once, room for 64 MB: ${taken} taken, ${Math.round(highest - before)} MB more`);
    expect(highest - before).toBeLessThan(500);
    upstream.use(() => ({ text: 'fine' }));
    for (let index = 0; index < 4; index++) expect((await post(large)).status).toBe(200);
  }, 60_000);

  it('keep no more of whole answers than there is room for', async () => {
    upstream.use(() => ({ hostile: 'endless-json' }));
    const before = await memory();
    let answers: { status: number; text: string }[] = [];
    const highest = await most((async () => { answers = await Promise.all(Array.from({ length: 12 }, async () => post(bodyOf('x')))); })());
    for (const { status, text } of answers) {
      expect([502, 503]).toContain(status);
      expect(text).toMatch(/too large|too many large/);
    }
    await expect.poll(() => upstream.aborted.length).toBe(12);
    console.info(`12 answers without end: ${Math.round(highest - before)} MB more`);
    expect(highest - before).toBeLessThan(250);
    upstream.use(() => ({ text: 'fine' }));
    expect((await post(bodyOf('x'))).status).toBe(200);
  }, 60_000);

  it('of clients that read nothing wait at the provider, and are cut in the end', async () => {
    upstream.use(() => ({ hostile: 'endless-events' }));
    const before = await memory();
    const sockets = await Promise.all(Array.from({ length: 60 }, openSocket));
    for (const socket of sockets) socket.pause().write(requestText(bodyOf('x', true)));
    const highest = await most((async () => { await expect.poll(() => upstream.aborted.length, { timeout: 15_000, interval: 100 }).toBe(60); })());
    for (const socket of sockets) socket.destroy();
    console.info(`60 clients that read nothing of streams without end: ${Math.round(highest - before)} MB more`);
    expect(highest - before).toBeLessThan(150);
  }, 60_000);

  it('of providers that never end a line are cut at 16 MB each', async () => {
    upstream.use(() => ({ hostile: 'endless-line' }));
    const before = await memory();
    const highest = await most(Promise.all(Array.from({ length: 4 }, async () => expect((await post(bodyOf('x', true))).text).toMatch(/never ends/))));
    console.info(`4 lines without end: ${Math.round(highest - before)} MB more`);
    expect(highest - before).toBeLessThan(300);
  }, 60_000);
});

it('SECURITY 28: two thousand idle connections cost little and hold nobody up', async () => {
  const before = await memory();
  const sockets: Socket[] = [];
  for (let batch = 0; batch < 20; batch++) sockets.push(...(await Promise.all(Array.from({ length: 100 }, openSocket))));
  // Half of them begin a request and never go on.
  for (const [index, socket] of sockets.entries()) if (index % 2 === 0) socket.write('POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n');
  await sleep(200);
  const started = performance.now();
  expect((await post(bodyOf('hello'))).status).toBe(200);
  const waited = performance.now() - started;
  const grown = (await memory()) - before;
  console.info(`2,000 idle connections: ${Math.round(grown)} MB more, a call among them took ${Math.round(waited)} ms`);
  expect(grown).toBeLessThan(120);
  expect(waited).toBeLessThan(1_000);
  for (const socket of sockets) socket.destroy();
});

it('SECURITY 28: a client that leaves ends its call at the provider within 100 ms, and pays for what was produced', async () => {
  upstream.use(() => ({ text: 'word '.repeat(2_000), paceMs: 5, usage: { uncachedInput: 10, output: 2_000 } }));
  const leaving: number[] = [];
  const heard: number[] = [];
  const words = (text: string): number => (text.match(/"content":"/g) ?? []).length;
  await Promise.all(Array.from({ length: 20 }, async (_, index) => {
    const leave = new AbortController();
    const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, signal: leave.signal, body: bodyOf(`leaver ${index}`, true) });
    let text = '';
    const decoder = new TextDecoder();
    const until = performance.now() + 400 + index * 30;
    try {
      for await (const chunk of response.body!) {
        text += decoder.decode(chunk as Uint8Array, { stream: true });
        if (performance.now() > until && words(text) > 40) break;
      }
    } catch { /* it left */ }
    leaving.push(Date.now());
    leave.abort();
    heard.push(words(text));
  }));
  await expect.poll(() => upstream.aborted.length).toBe(20);
  const waits = upstream.aborted.map(({ at }) => at).sort((one, other) => one - other).map((at, index) => at - leaving.toSorted((one, other) => one - other)[index]!);
  console.info(`20 clients left: the provider heard it after ${Math.max(...waits)} ms at most`);
  // Whatever else the machine does at some of these moments.
  expect(waits.toSorted((one, other) => one - other)[waits.length / 2]!).toBeLessThan(100);
  expect(Math.max(...waits)).toBeLessThan(1_000);
  const billedFor = async (): Promise<number[]> => (await rowsOf<{ output: string }>(databaseUrl.replace(/\?.*/, ''), "select output from service.usage where status = 'cancelled' and output > 20")).map(({ output }) => Number(output)).sort((one, other) => one - other);
  await expect.poll(async () => (await billedFor()).length).toBe(20);
  const billed = await billedFor();
  for (const [index, count] of heard.sort((one, other) => one - other).entries()) {
    // What was on its way when the client left was produced as well.
    expect(billed[index]! - count).toBeGreaterThanOrEqual(-3);
    expect(billed[index]! - count).toBeLessThan(200);
  }
}, 60_000);
