// SECURITY.md 25, 26: requests to every endpoint of port 4000, however wrong. FUZZ_CASES=10000 for the whole run.
// Real: nats-server, PostgreSQL, the service as a process of its own, sockets. Scripted: the providers, which misbehave.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { llm, newId } from '@deskhand/contracts';
import { startDatabases, startNats, type TestDatabases, type TestNats } from '@deskhand/platform/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fuzzCases, tried } from './fuzz/cases.ts';
import { hostileRequests, type Credentials, type HostileRequest } from './fuzz/requests.ts';
import { gatewayProcesses, type GatewayProcess, type GatewayProcesses } from './gateway-process.ts';
import { masterKey } from './running-gateway.ts';
import { startUpstream, type ScriptedUpstream, type UpstreamAnswer } from './upstream.ts';

let nats: TestNats;
let databases: TestDatabases;
let processes: GatewayProcesses;
let gateway: GatewayProcess;
let chat: ScriptedUpstream;
let claude: ScriptedUpstream;
let credentials: Credentials;
const folder = mkdtempSync(join(tmpdir(), 'deskhand-endpoints-'));
const providerKey = 'sk-canary-provider-key-of-the-fuzzer';
/** Together in one answer of many: a batch that fails is made smaller by itself. */
const together = 8;

const manners: UpstreamAnswer[] = [
  { text: 'fine' }, { text: 'fine', toolCalls: [{ name: 'run', arguments: { a: 1 } }] }, { text: 'one two three', cutAfter: 2 }, { status: 503, error: 'no' }, { status: 429, error: { error: { message: 'slow down' } } }, { status: 401, error: { error: { message: `Incorrect API key provided: ${providerKey}` } } },
  ...(['bad-utf8', 'short-content-length', 'long-content-length', 'not-http', 'not-json', 'html', 'redirect', 'huge-header', 'cut-inside-line', 'json-for-stream', 'echo-credentials', 'hang-up'] as const).map((hostile): UpstreamAnswer => ({ hostile })),
];

beforeAll(async () => {
  let turn = 0;
  const script = (): UpstreamAnswer => manners[turn++ % manners.length]!;
  [nats, databases, chat, claude] = await Promise.all([startNats(), startDatabases('postgres'), startUpstream({ format: 'openai-chat', script, strict: false }), startUpstream({ format: 'anthropic-messages', script, strict: false })]);
  const file = join(folder, 'config.yaml');
  const entry = (name: string, model: string, base: string): string => `  - { model_name: ${name}, litellm_params: { model: ${model}, api_base: "${base}", api_key: ${providerKey} } }\n`;
  writeFileSync(file, `model_list:\n${entry('chat', 'openai/m', `${chat.url}/v1`)}${entry('claude', 'anthropic/m', claude.url)}router_settings: { num_retries: 0, disable_cooldowns: true }\n`);
  processes = await gatewayProcesses(nats, await databases.url(), { LITELLM_CONFIG: file, ALLOWED_PRIVATE_HOSTS: `${chat.host},${claude.host}`, FIRST_BYTE_TIMEOUT_MS: '2000', IDLE_TIMEOUT_MS: '2000', MAXIMUM_BODY_BYTES: '1000000' });
  gateway = await processes.start('fuzzed');
  const made = await fetch(`${gateway.url}/key/generate`, { method: 'POST', headers: { authorization: `Bearer ${masterKey}` }, body: JSON.stringify({ key: 'sk-canary-virtual-key-of-the-fuzzer' }) });
  const agent = await nats.bus('agent');
  const run = await agent.request(llm.resolve, { user_id: newId(), conversation_id: newId(), run_id: newId(), provider: null, model_name: 'chat' });
  credentials = { master: masterKey, key: ((await made.json()) as { key: string }).key, run: run.token };
}, 120_000);

afterAll(async () => {
  await processes?.close();
  await Promise.all([chat?.close(), claude?.close(), databases?.close()]);
  await nats?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Sends bytes and reads what comes: the status, and all of the answer. */
function exchange({ bytes, whole, bodiless }: HostileRequest): Promise<{ status: number | null; answer: string; late: boolean }> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    let answer = '';
    const done = (late: boolean): void => {
      clearTimeout(limit);
      socket.destroy();
      answer = withoutContinue(answer);
      const status = /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1];
      resolve({ status: status === undefined ? null : Number(status), answer, late });
    };
    const limit = setTimeout(() => done(true), whole ? 15_000 : 100);
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (complete(answer, bodiless)) done(false);
    }).on('close', () => done(false)).on('error', () => {});
    socket.write(bytes);
  });
}

const withoutContinue = (answer: string): string => answer.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '');

/** What is wrong with an answer; null: nothing. */
function faultOf(status: number | null, answer: string, missing: boolean, bodiless: boolean): string | null {
  if (missing) return 'No answer';
  if (status === null) return null;
  if (status >= 500 && ![502, 503, 504, 529].includes(status)) return 'Its own fault';
  if (answer.includes(providerKey) || answer.includes(masterKey)) return 'It tells a secret';
  const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
  return !bodiless && status >= 400 && /content-type: application\/json/i.test(answer) && body !== '' && !body.includes('message') ? 'A refusal without words' : null;
}

/** Whether an answer is whole: without a body, by its length, or by its last chunk. */
function complete(answer: string, bodiless: boolean): boolean {
  const text = withoutContinue(answer);
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return false;
  if (bodiless) return true;
  const head = text.slice(0, end).toLowerCase();
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1];
  if (length !== undefined) return text.length >= end + 4 + Number(length);
  return head.includes('transfer-encoding: chunked') && text.endsWith('\r\n0\r\n\r\n');
}

it('every request is answered with what was asked for, a 4xx, or a clear error of the provider; nothing leaks, nothing hangs, nobody dies', async () => {
  const seen = new Map<number, number>();
  const faults: string[] = [];
  const { numRuns } = tried(600, 1 / together);
  const { seed } = fc.readConfigureGlobal();
  // All that is found is told, with what was sent, instead of the first thing only.
  await fc.assert(fc.asyncProperty(fc.array(hostileRequests(credentials, ['mock/static', 'mock/echo', 'chat', 'claude', 'nobody/here']), { minLength: together, maxLength: together }), async (requests) => {
    const answers = await Promise.all(requests.map(exchange));
    for (const [index, { status, answer, late }] of answers.entries()) {
      const { bytes, whole, bodiless } = requests[index]!;
      const fault = faultOf(status, answer, late && whole, bodiless);
      if (fault !== null) faults.push(`${fault}: ${bytes.toString('latin1').slice(0, 700)}\n→ ${answer.slice(0, 300)}`);
      if (status !== null) seen.set(status, (seen.get(status) ?? 0) + 1);
    }
    if (gateway.ended()) throw new Error(`It died, with the seed ${seed}:\n${gateway.log().slice(-3_000)}`);
  }), { numRuns, endOnFailure: true });
  console.info(`seed ${seed}`);
  if (faults.length > 0) console.error(gateway.log().split("\n").filter((line) => line.includes("failed")).join("\n").slice(0, 6_000));
  expect(faults).toEqual([]);
  const cases = [...seen.values()].reduce((sum, count) => sum + count, 0);
  console.info(`${cases} answers by status: ${[...seen].sort().map(([status, count]) => `${status}: ${count}`).join(', ')}`);
  expect(cases).toBeGreaterThan(fuzzCases(600) * 0.9);
  expect(gateway.ended()).toBe(false);
  expect((await fetch(`${gateway.url}/health/liveliness`)).status).toBe(200);
  const log = gateway.log();
  for (const secret of [providerKey, masterKey, credentials.key, credentials.run]) expect(log).not.toContain(secret);
  expect(log.split('\n').filter((line) => line.includes('A request to the model gateway failed') || line.includes('nobody looked'))).toEqual([]);
}, 1_800_000);
