// SECURITY.md 9, 10, 13: addresses that lead inside, in every spelling, and keys of every kind. Real: nats-server, SQLite, HTTP. Scripted: the providers.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { llm } from '@deskhand/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { prepareGround, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';
import { startUpstream, type ScriptedUpstream } from './upstream.ts';
import type { Hostility } from './upstream-hostility.ts';

const canaries = { master: 'sk-canary-master-3f9a1c', configured: 'sk-canary-configured-77b2e0', own: 'sk-canary-own-5d81c4', added: 'sk-canary-added-90ee12', server: 'sk-canary-server-1b64fa', virtual: 'sk-canary-virtual-c02d7f', claude: 'sk-canary-claude-6e5a90' };
let ground: GatewayGround;
let gateway: RunningGateway;
let upstream: ScriptedUpstream;
let claude: ScriptedUpstream;
/** What nobody may reach: everything that gets here is counted. */
let trap: Server;
let reached: string[];
const folder = mkdtempSync(join(tmpdir(), 'deskhand-secrets-'));

/** Spellings of the trap's own address, and of others inside; `PORT` is the trap's. */
const inside = [
  'http://127.0.0.1:PORT', 'http://127.1:PORT', 'http://127.0.1:PORT', 'http://2130706433:PORT', 'http://0x7f000001:PORT', 'http://0x7f.0.0.1:PORT', 'http://017700000001:PORT', 'http://0177.0.0.1:PORT', 'http://127.0.0.1.:PORT', 'http://127.9.9.9:PORT', 'http://0.0.0.0:PORT', 'http://0:PORT',
  'http://localhost:PORT', 'http://LOCALHOST:PORT', 'http://localhost.:PORT', 'http://x.localhost:PORT', 'http://ip6-localhost:PORT',
  'http://[::1]:PORT', 'http://[0:0:0:0:0:0:0:1]:PORT', 'http://[::]:PORT', 'http://[::ffff:127.0.0.1]:PORT', 'http://[::ffff:7f00:1]:PORT', 'http://[::127.0.0.1]:PORT', 'http://[64:ff9b::127.0.0.1]:PORT', 'http://[2002:7f00:1::]:PORT', 'http://[2001:0:4136:e378:8000:63bf:80ff:fffe]:PORT', 'http://[::ffff:0:127.0.0.1]:PORT', 'http://[fe80::1]:PORT', 'http://[fd00::1]:PORT',
  'http://１２７.０.０.１:PORT', 'http://①②⑦.⓪.⓪.①:PORT', 'http://127。0。0。1:PORT', 'http://%31%32%37.0.0.1:PORT', 'http://127.0.0.1:PORT#@example.org', 'http://127.0.0.1:PORT/?x=@example.org', 'http://example.org@127.0.0.1:PORT', 'http://example.org:443@127.0.0.1:PORT', 'http:\\\\127.0.0.1:PORT', 'http://127.0.0.1:PORT\\@example.org', 'http:127.0.0.1:PORT',
  'http://10.0.0.1', 'http://172.16.0.1', 'http://192.168.1.1', 'http://100.64.0.1', 'http://169.254.169.254/latest/meta-data', 'http://[fd00:ec2::254]/latest', 'http://168.63.129.16', 'http://192.0.2.1', 'http://224.0.0.1', 'http://255.255.255.255',
  'file:///etc/passwd', 'gopher://127.0.0.1:PORT', 'ftp://127.0.0.1:PORT', 'unix:///run/x.sock', 'data:,x', 'javascript:0',
];
const spelled = (address: string): string => address.replace('PORT', String((trap.address() as AddressInfo).port));

beforeAll(async () => {
  reached = [];
  trap = createServer((request, response) => {
    reached.push(`${request.method} ${request.headers.host}${request.url}`);
    response.end('{"choices":[{"message":{"content":"trapped"}}]}');
  });
  await new Promise<void>((resolve) => trap.listen(0, '::', resolve));
  ground = await prepareGround();
  upstream = await startUpstream({ format: 'openai-chat', script: () => ({ text: 'fine' }), strict: false });
  claude = await startUpstream({ format: 'anthropic-messages', script: () => ({ text: 'fine' }), strict: false });
  const file = join(folder, 'config.yaml');
  const entry = (name: string, model: string, base: string, key: string): string => `  - { model_name: ${name}, litellm_params: { model: ${model}, api_base: ${JSON.stringify(base)}, api_key: ${key} } }\n`;
  // Those that are no address of HTTP at all stop the start; that is tried apart.
  const configurable = inside.filter((address) => address.startsWith('http://') && !address.includes('@') && !address.includes('\\'));
  writeFileSync(file, `model_list:\n${entry('configured', 'openai/m', `${upstream.url}/v1`, canaries.configured)}${entry('claude', 'anthropic/m', claude.url, canaries.claude)}${configurable.map((address, index) => entry(`inside-${index}`, 'openai/m', spelled(address), canaries.configured)).join('')}router_settings: { num_retries: 0 }\n`);
  gateway = await runGateway(ground, { LITELLM_CONFIG: file, LITELLM_MASTER_KEY: canaries.master, OPENAI_API_KEY: canaries.server, ALLOWED_PRIVATE_HOSTS: `${upstream.host},${claude.host}`, CONNECT_TIMEOUT_MS: 400, FIRST_BYTE_TIMEOUT_MS: 1_500 });
  await manage('/key/generate', { key: canaries.virtual });
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  await Promise.all([upstream?.close(), claude?.close()]);
  await ground?.close();
  trap?.close();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  reached.length = 0;
  for (const one of [upstream, claude]) one.use(() => ({ text: 'fine' }));
});

const send = async (path: string, key: string, body?: object, method = body === undefined ? 'GET' : 'POST') => {
  const response = await fetch(gateway.url + path, { method, headers: { authorization: `Bearer ${key}`, ...(key.startsWith('sk-') && { 'x-odd': 'y' }) }, ...(body !== undefined && { body: JSON.stringify(body) }) });
  return { status: response.status, text: await response.text().catch(String), headers: JSON.stringify([...response.headers]) };
};
const manage = async (path: string, body: object) => send(path, canaries.master, body);
const ask = async (model: string, key = canaries.master, stream = false) => send('/v1/chat/completions', key, { model, stream, messages: [{ role: 'user', content: 'x' }] });

describe('SECURITY 9: an address inside', () => {
  it.each(inside)('%s is not reached through a user\'s provider', async (address) => {
    const saved = await gateway.addProvider('user-9', 'openai', { key: canaries.own, endpoint: spelled(address), model: 'm' }).then(() => true, (error: { code?: string }) => {
      expect(error.code).toBe('BAD_INPUT');
      return false;
    });
    // What may be saved, a name that leads inside for one, is refused when it is called.
    if (saved) {
      const route = await gateway.resolve('user-9', 'openai/m');
      expect((await ask(route.model, route.token)).status).toBe(502);
      expect(await gateway.gateway.request(llm.testProvider, { user_id: 'user-9', provider: 'openai' })).toMatchObject({ ok: false });
      await gateway.gateway.request(llm.removeProvider, { user_id: 'user-9', provider: 'openai' });
    }
    expect(reached).toEqual([]);
  });

  it.each(inside)('%s is not reached through a model that is added', async (address) => {
    const added = await manage('/model/new', { model_name: 'added-inside', litellm_params: { model: 'openai/m', api_base: spelled(address), api_key: canaries.added } });
    expect([200, 400]).toContain(added.status);
    if (added.status === 200) {
      expect((await ask('added-inside')).status).toBeGreaterThanOrEqual(500);
      await manage('/model/delete', { id: (JSON.parse(added.text) as { model_id?: string; model_info: { id: string } }).model_info.id });
    }
    expect(reached).toEqual([]);
  });

  it('is not reached through the configuration either, unless the operator allows it by name', async () => {
    const models = JSON.parse((await send('/v1/models', canaries.master)).text) as { data: { id: string }[] };
    const leading = models.data.filter(({ id }) => id.startsWith('inside-'));
    expect(leading.length).toBeGreaterThan(25);
    for (const { id } of leading) {
      const answer = await ask(id);
      expect([answer.status, id]).toEqual([expect.toSatisfy((status: number) => status === 502 || status === 504) as number, id]);
    }
    expect(reached).toEqual([]);
  });
});

describe('SECURITY 10: a redirect', () => {
  it('inside is followed by no call, no test, no count and no embedding', async () => {
    const location = spelled('http://127.0.0.1:PORT/latest');
    for (const one of [upstream, claude]) one.use(() => ({ status: 307, headers: { location }, error: 'moved' }));
    await gateway.addProvider('user-10', 'openai', { key: canaries.own, endpoint: upstream.url, model: 'm' });
    const route = await gateway.resolve('user-10', 'openai/m');
    expect((await ask(route.model, route.token)).status).toBe(502);
    for (const model of ['configured', 'claude']) expect((await ask(model)).status).toBe(502);
    expect(await gateway.gateway.request(llm.testProvider, { user_id: 'user-10', provider: 'openai' })).toMatchObject({ ok: false, message: expect.stringContaining('redirects') as string });
    expect((await send('/v1/embeddings', canaries.master, { model: 'configured', input: 'x' })).status).toBeGreaterThanOrEqual(400);
    await send('/v1/messages/count_tokens', canaries.master, { model: 'claude', max_tokens: 1, messages: [{ role: 'user', content: 'x' }] });
    expect(reached).toEqual([]);
  });
});

it('SECURITY 13: no key of any kind is in an answer, a header, a log, an event, a metric or the database', async () => {
  const seen: Record<string, string> = {};
  const note = (name: string, ...texts: string[]): void => { seen[name] = (seen[name] ?? '') + texts.join('\n'); };
  await gateway.addProvider('user-13', 'openai', { key: canaries.own, endpoint: upstream.url, model: 'm' });
  const added = await manage('/model/new', { model_name: 'added', litellm_params: { model: 'openai/m', api_base: `${upstream.url}/v1`, api_key: canaries.added } });
  note('model/new', added.text, added.headers);
  const route = await gateway.resolve('user-13', 'openai/m');
  const ways: (Hostility | undefined)[] = [undefined, 'echo-credentials', 'echo-in-header', 'echo-in-stream', 'hang-up', 'not-http', 'not-json', 'redirect', 'huge-header', 'cut-inside-line'];
  for (const hostile of ways) {
    for (const one of [upstream, claude]) one.use(() => ({ text: 'fine', hostile }));
    for (const stream of [false, true]) {
      for (const [model, key] of [['configured', canaries.master], ['configured', canaries.virtual], ['claude', canaries.virtual], ['added', canaries.master], [route.model, route.token]] as const) {
        const answer = await ask(model, key, stream);
        note(`${model}, ${hostile ?? 'well'}${stream ? ', streamed' : ''}`, answer.text, answer.headers);
      }
    }
    note(`test, ${hostile ?? 'well'}`, JSON.stringify(await gateway.gateway.request(llm.testProvider, { user_id: 'user-13', provider: 'openai' })));
  }
  expect(new Set(upstream.requests.map(({ headers }) => headers.authorization))).toEqual(new Set([canaries.configured, canaries.added, canaries.own].map((key) => `Bearer ${key}`)));
  for (const path of ['/model/info', '/model_group/info', '/v1/models', '/key/list?return_full_object=true', '/user/list', '/team/list', '/spend/logs?summarize=false', '/spend/keys', '/health', '/health/readiness', '/metrics', '/nothing', `/key/info?key=${'0'.repeat(64)}`]) {
    const answer = await send(path, canaries.master);
    note(path, answer.text, answer.headers);
  }
  for (const wrong of [canaries.server, `${canaries.master}x`, `${canaries.virtual}x`]) note('refused', JSON.stringify(await ask('configured', wrong)));
  note('bus', JSON.stringify(await gateway.gateway.request(llm.providers, { user_id: 'user-13' })), JSON.stringify(await gateway.gateway.request(llm.models, { user_id: 'user-13' })), JSON.stringify(route), Buffer.from(route.token.slice(4).split('.')[0] ?? '', 'base64url').toString());
  await expect.poll(async () => (await gateway.usage()).length).toBeGreaterThan(50);
  note('events', JSON.stringify(gateway.events));
  note('usage', JSON.stringify(await gateway.usage()));
  note('log', gateway.lines.join('\n'));
  const database = dirname(gateway.service.database!.orm.config.get('dbName') as string);
  for (const name of readdirSync(database)) note(`database ${name}`, readFileSync(join(database, name), 'latin1'));
  const found = Object.entries(seen).flatMap(([name, text]) => Object.entries(canaries).filter(([, canary]) => text.includes(canary)).map(([whose]) => `${whose} in ${name}`));
  // The virtual key's own request is the only place that may show it: the one that made it.
  expect(found).toEqual([]);
}, 60_000);
