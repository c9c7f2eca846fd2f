// Who may reach what, and what bad input does: every route of the contract is tried, so that a new one is too.
import { createHmac } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import { api } from '@deskhand/contracts';
import { startUpstream } from '../../services/llm-gateway/test/upstream.ts';
import { Client } from '../client/client.ts';
import { followThroughCuts } from '../client/resuming.ts';
import { startProduct, type PartName, type RunningProduct } from '../product.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
}

const services: readonly PartName[] = ['gateway', 'auth', 'conversations', 'agent', 'sandbox-manager', 'llm-gateway', 'nats-server', 'supervisor'];
const nobody = '01900000-0000-7000-8000-000000000000';
const providerKey = 'sk-access-Hq73LmNwP2xY';
const upstream = await startUpstream({
  format: 'openai-chat', key: providerKey,
  script: ({ userText, step }) => (userText === 'ask' && step === 0 ? { toolCalls: [{ name: 'bash', arguments: { command: 'true', ask_first: true, reason: 'to see who may decide' } }] } : { text: 'done' }),
});

let product: RunningProduct;
let owner: Client;
let other: Client;
/** What the owner has, by the names that paths use. */
let own: { conversation: string; run: string; approval: string; token: string; secret: string; computer: string };

/** A request with exactly this path and these headers. */
function raw(method: string, path: string, { headers = {}, body }: { headers?: Record<string, string>; body?: string | Buffer } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(product.webUrl);
    const request = httpRequest({ hostname, port, method, path, headers: { ...headers, ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }) } }, (response) => {
      let text = '';
      const done = () => resolve({ status: response.statusCode ?? 0, body: text });
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', done);
      // A stream that opens stays open: that it opened is the answer.
      if (String(response.headers['content-type']).startsWith('text/event-stream')) {
        done();
        request.destroy();
      }
    });
    // A server may answer and close before it has read all of a body that it refuses.
    request.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' || error.code === 'ECONNRESET' ? resolve({ status: 413, body: '' }) : reject(error)));
    request.end(body);
  });
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const asJson = { 'content-type': 'application/json' };

/** The frames that a socket gives, until `count` came or it closed. */
function frames(path: string, options: { headers?: Record<string, string>; origin?: string }, send: readonly object[], count: number): Promise<{ status?: number; frames: Record<string, unknown>[] }> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${product.webUrl.replace(/^http/, 'ws')}${path}`, options);
    const seen: Record<string, unknown>[] = [];
    socket.on('unexpected-response', (_request, response) => {
      resolve({ status: response.statusCode ?? 0, frames: [] });
      socket.terminate();
    });
    socket.on('open', () => send.forEach((frame) => socket.send(JSON.stringify(frame))));
    socket.on('message', (data: Buffer) => {
      seen.push(JSON.parse(data.toString()) as Record<string, unknown>);
      if (seen.length >= count) socket.terminate();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve({ frames: seen }));
  });
}

const processes = () => services.map((part) => product.pid(part));

beforeAll(async () => {
  product = await startProduct({ variables: { DESKHAND_REGISTRATION: 'open', DESKHAND_ALLOWED_PRIVATE_HOSTS: upstream.host } });
  // The first account administers; neither of these two does.
  await Client.register(product.webUrl, 'root-account');
  [owner, other] = [await Client.register(product.webUrl, 'owner'), await Client.register(product.webUrl, 'other')];
  await owner.provider('openai', upstream.url, 'access-model', providerKey);
  const { id: conversation } = await owner.conversation();
  const { run_id: run } = await owner.say(conversation, 'ask');
  await vi.waitUntil(async () => (await owner.approvals()).length === 1, { timeout: 30_000, interval: 100 });
  const { id: token, token: secret } = await owner.request<{ id: string; token: string }>('POST', '/api/users/me/tokens', { name: 'mine' });
  const { computer_id: computer } = await owner.request<{ computer_id: string }>('GET', `/api/conversations/${conversation}/sandbox`);
  own = { conversation, run, approval: (await owner.approvals())[0]!.approval_id, token, secret, computer };
}, 120_000);

afterAll(async () => {
  await product?.stop();
  await upstream.close();
}, 60_000);

const routes = Object.values(api);
/** Bodies that are right, for the routes that need one. */
const goodBody: Readonly<Record<string, object>> = {
  [`PUT ${api.updateConversation.path}`]: { title: 'taken' },
  [`POST ${api.say.path}`]: { content: 'hello' },
  [`POST ${api.steer.path}`]: { content: 'hello' },
  [`POST ${api.decide.path}`]: { decision: 'allow' },
  [`POST ${api.desktopTicket.path}`]: { mode: 'control' },
  [`PUT ${api.chooseMcpServers.path}`]: { server_ids: [] },
  [`PUT ${api.setConversationBudget.path}`]: { max_budget: 1 },
};

describe('another user\'s things', () => {
  const withIds = routes.filter(({ path, access }) => access === 'user' && /:(id|run)\b/.test(path));

  it.each(withIds.map((route) => [`${route.method} ${route.path}`, route] as const))('SECURITY 1 CONV-1: %s answers as if there were nothing', async (name, route) => {
    const ids = route.path === api.decide.path ? own.approval : route.path === api.revokeToken.path ? own.token : own.conversation;
    const fill = (id: string, run: string) => route.path.replace(':id', id).replace(':run', run);
    const ask = (path: string) => raw(route.method, path, { headers: { ...bearer(other.token), ...asJson }, ...(goodBody[name] && { body: JSON.stringify(goodBody[name]) }) });
    const [foreign, missing] = [await ask(fill(ids, own.run)), await ask(fill(nobody, nobody))];
    expect(foreign.status).toBe(404);
    expect(foreign).toEqual(missing);
    expect(JSON.parse(foreign.body)).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('SECURITY 1: another user\'s run or computer is not reached through one\'s own conversation', async () => {
    const mine = await other.conversation();
    for (const verb of ['interrupt', 'steer']) {
      const ask = (run: string) => raw('POST', `/api/conversations/${mine.id}/runs/${run}/${verb}`, { headers: { ...bearer(other.token), ...asJson }, body: JSON.stringify({ content: 'hello' }) });
      expect(await ask(own.run)).toEqual(await ask(nobody));
      expect((await ask(own.run)).status).toBe(404);
    }
  });

  it('SECURITY 1: the WebSocket tells nothing of them', async () => {
    for (const type of ['subscribe', 'join_conversation']) {
      const ask = async (conversation_id: string) => (await frames('/api/ws', { headers: bearer(other.token) }, [{ type, conversation_id }], 1)).frames[0];
      const [foreign, missing] = [await ask(own.conversation), await ask(nobody)];
      expect(String(foreign?.code).toUpperCase()).toBe('NOT_FOUND');
      expect(JSON.stringify(foreign).replaceAll(own.conversation, nobody)).toBe(JSON.stringify(missing));
    }
  });

  it('SECURITY 1 6: lists and administration show nothing, whatever a client claims to be', async () => {
    const claims = { ...bearer(other.token), 'x-user-id': 'owner', 'x-forwarded-user': 'root-account', 'x-admin': 'true', 'x-role': 'admin' };
    for (const path of [api.conversations.path, api.approvals.path, api.tokens.path, api.providers.path]) expect((await raw('GET', path, { headers: claims })).body).not.toMatch(new RegExp([own.conversation, own.approval, own.token, 'access-model'].join('|')));
    for (const route of routes.filter(({ access }) => access === 'admin' || access === 'metrics')) {
      expect((await raw(route.method, route.path.replace(':username', 'owner'), { headers: { ...claims, ...asJson }, ...(route.method === 'PATCH' && { body: '{"disabled":true}' }) })).status).toBe(403);
    }
    expect(JSON.parse((await raw('POST', '/api/auth/register', { headers: asJson, body: JSON.stringify({ username: 'climber', email: 'climber@example.org', password: 'correct horse battery', is_admin: true, role: 'admin' }) })).body)).toMatchObject({ user: { is_admin: false } });
  });

  it('SECURITY 1: nothing of it happened: the owner still decides, and the run ends', async () => {
    expect(await owner.request('GET', `/api/conversations/${own.conversation}`)).toMatchObject({ title: 'ask' });
    await owner.decide(own.approval, 'allow');
    const joiner = await followThroughCuts(owner, own.conversation, own.run, { way: 'websocket', cuts: [] }, 30_000);
    expect(joiner.ended.has(own.run)).toBe(true);
    expect((await owner.messages(own.conversation)).map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
  });
});

describe('access tokens', () => {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const [header, payload, signature] = [0, 1, 2].map((part) => () => owner.token.split('.')[part]!) as [() => string, () => string, () => string];
  const claims = () => JSON.parse(Buffer.from(payload(), 'base64url').toString()) as Record<string, unknown>;
  const head = () => JSON.parse(Buffer.from(header(), 'base64url').toString()) as Record<string, unknown>;
  const byHmac = (fields: object, secret: string) => {
    const text = `${encode(fields)}.${payload()}`;
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  };

  it.each<[string, () => string]>([
    ['alg none', () => `${encode({ ...head(), alg: 'none' })}.${payload()}.`],
    ['alg nOnE', () => `${encode({ ...head(), alg: 'nOnE' })}.${payload()}.`],
    ['alg none with the old signature', () => `${encode({ ...head(), alg: 'none' })}.${payload()}.${signature()}`],
    ['HS256 with an empty secret', () => byHmac({ ...head(), alg: 'HS256' }, '')],
    ['HS256 with the key id as secret', () => byHmac({ ...head(), alg: 'HS256' }, String(head().kid))],
    ['a key id that is a path', () => byHmac({ alg: 'HS256', typ: 'JWT', kid: '../../../../dev/null' }, '')],
    ['an unknown key id', () => `${encode({ ...head(), kid: nobody })}.${payload()}.${signature()}`],
    ['a key of its own', () => `${encode({ ...head(), jwk: { kty: 'oct', k: 'AA' } })}.${payload()}.${signature()}`],
    ['an administrator\'s claim', () => `${header()}.${encode({ ...claims(), is_admin: true })}.${signature()}`],
    ['a later end', () => `${header()}.${encode({ ...claims(), exp: 4_000_000_000 })}.${signature()}`],
    ['no signature', () => `${header()}.${payload()}`],
    ['a refresh token', () => owner.session.refresh_token],
    ['a broken API token', () => `${own.secret.slice(0, -1)}${own.secret.endsWith('A') ? 'B' : 'A'}`],
    ['very long', () => 'x'.repeat(9_000)],
  ])('SECURITY 3 AUTH-1: refuse one with %s', async (_, forged) => {
    expect((await raw('GET', '/api/users/me', { headers: bearer(forged()) })).status).toBe(401);
    expect((await frames('/api/ws', { headers: bearer(forged()) }, [], 1)).status).toBe(401);
  });

  it('SECURITY 3: the true one is taken, and not as a refresh token', async () => {
    expect((await raw('GET', '/api/users/me', { headers: bearer(owner.token) })).status).toBe(200);
    expect((await raw('POST', '/api/auth/refresh', { headers: asJson, body: JSON.stringify({ refresh_token: owner.token }) })).status).toBe(401);
  });
});

describe('other sites', () => {
  const cookie = () => ({ cookie: `access_token=${owner.token}` });

  it('SECURITY 5: a WebSocket with the cookie opens for the own site only', async () => {
    expect((await frames('/api/ws', { headers: cookie(), origin: product.webUrl }, [{ type: 'ping' }], 1)).frames).toEqual([{ type: 'pong' }]);
    for (const origin of ['https://evil.example', 'null', `${product.webUrl}.evil.example`, product.webUrl.replace(/:\d+$/, ':1')]) expect((await frames('/api/ws', { headers: cookie(), origin }, [], 1)).status).toBe(403);
    expect((await frames('/api/ws', { headers: cookie() }, [], 1)).status).toBe(403);
  });

  it('SECURITY 5: no route that changes something takes the cookie from another site', async () => {
    const unsafe = routes.filter(({ method, access }) => method !== 'GET' && access !== 'public');
    for (const foreign of [{ origin: 'https://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }] as Record<string, string>[]) {
      for (const { method, path } of unsafe) {
        const answer = await raw(method, path.replace(':provider', 'openai').replace(/:\w+/g, own.conversation), { headers: { ...cookie(), ...asJson, ...foreign }, body: '{}' });
        expect([method, path, answer.status]).toEqual([method, path, 403]);
      }
    }
    expect((await raw('POST', '/api/conversations', { headers: { ...cookie(), ...asJson, origin: product.webUrl }, body: '{}' })).status).toBe(201);
    // A form of another site can send no JSON.
    expect((await raw('POST', '/api/conversations', { headers: { ...cookie(), 'content-type': 'text/plain' }, body: '{}' })).status).toBe(415);
  });

  it('SECURITY 5: a token in the address opens the WebSocket, and nothing else', async () => {
    expect((await frames(`/api/ws?token=${owner.token}`, {}, [{ type: 'ping' }], 1)).frames).toEqual([{ type: 'pong' }]);
    for (const path of ['/api/users/me', `/api/conversations/${own.conversation}/events`]) expect((await raw('GET', `${path}?token=${owner.token}&access_token=${owner.token}`)).status).toBe(401);
  });
});

describe('bad input', () => {
  const fill = (path: string) => path.replace(':provider', 'openai').replace(':username', 'owner').replace(':run', own.run).replace(':id', path === api.decide.path ? own.approval : own.conversation);
  const withBody = routes.filter(({ method }) => method === 'POST' || method === 'PUT' || method === 'PATCH');
  const ask = (method: string, path: string, body: string | Buffer, type = 'application/json') => raw(method, path, { headers: { ...bearer(owner.token), 'content-type': type }, body });
  let before: (number | null)[];
  beforeAll(() => { before = processes(); });

  it.each(withBody.map(({ method, path }) => [method, path] as const))('SECURITY 25: %s %s refuses what is no JSON, or too large', async (method, path) => {
    const long = `{"content":"${'x'.repeat(2_000_000)}"}`;
    for (const body of ['{', '{"a":', '\u0000', '{"__proto__":{"a":1}}', '{"constructor":{"prototype":{"a":1}}}', `${'['.repeat(50_000)}`, long]) {
      const { status } = await ask(method, fill(path), body);
      expect([body.slice(0, 40), status >= 400 && status < 500]).toEqual([body.slice(0, 40), true]);
    }
    for (const type of ['application/xml', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded', 'nonsense']) expect((await ask(method, fill(path), 'a=b', type)).status).toBe(415);
  });

  // Bodies that one of these routes may leave out are anything but wrong there.
  const strict = withBody.filter(({ body }) => !body.safeParse({}).success);
  it.each(strict.map((route) => [route.method, route.path, route] as const))('SECURITY 25: %s %s refuses wrong types', async (method, path, route) => {
    const known = Object.keys((route.body as unknown as { shape?: object }).shape ?? {});
    const values = [null, 12.5, true, [], [[]], {}, { $gt: '' }, '', 'x'.repeat(300_000), '\u0000', -1, 1e308];
    const bodies: unknown[] = [null, 1, 'text', true, [], [1], {}, ...values.map((value) => Object.fromEntries(known.map((name) => [name, value])))];
    for (const body of bodies) {
      if (route.body.safeParse(body).success) continue;
      const { status, body: text } = await ask(method, fill(path), JSON.stringify(body));
      expect([JSON.stringify(body)?.slice(0, 80), status, text.slice(0, 200)]).toEqual([JSON.stringify(body)?.slice(0, 80), status >= 400 && status < 500 ? status : '4xx', text.slice(0, 200)]);
    }
  });

  const queried = routes.filter(({ path }) => [api.conversations.path, api.messages.path, api.events.path].includes(path as never)).filter(({ method }) => method === 'GET');
  it.each(queried.map(({ path }) => [path]))('SECURITY 25: GET %s refuses wrong queries', async (path) => {
    const wrong = path === api.events.path ? ['after=nonsense', 'after=%00', `after=${'A'.repeat(9_000)}`] : ['limit=abc', 'limit=-1', 'limit=1e99', 'limit=0', 'offset=-5', 'offset=NaN', 'limit=1&limit=2', 'limit[]=1'].slice(0, 7);
    for (const query of wrong) {
      const { status } = await raw('GET', `${fill(path)}?${query}`, { headers: bearer(owner.token) });
      expect([query.slice(0, 40), status]).toEqual([query.slice(0, 40), 400]);
    }
  });

  it('SECURITY 26: ids and headers with SQL, NATS wildcards or control characters name nothing', async () => {
    const odd = ['*', '>', 'a.b', 'a b', `${nobody}.>`, '\' OR 1=1 --', '"; DROP TABLE users; --', '../../etc/passwd', '\r\nx: y', '\u0000', 'ü', 'a'.repeat(390)];
    for (const id of odd.map(encodeURIComponent)) {
      for (const { method, path } of routes.filter((route) => route.access === 'user' && /:(id|run)\b/.test(route.path))) {
        const { status } = await raw(method, path.replace(':id', id).replace(':run', id), { headers: { ...bearer(owner.token), ...asJson }, ...(goodBody[`${method} ${path}`] && { body: JSON.stringify(goodBody[`${method} ${path}`]) }) });
        expect([id, method, path, status]).toEqual([id, method, path, 404]);
      }
    }
    for (const token of ['\' OR \'1\'=\'1', 'dh_\' OR 1=1 --', 'dh_*', 'dh_>', 'dh_.']) expect((await raw('GET', '/api/users/me', { headers: bearer(token) })).status).toBe(401);
    for (const username of ['\' OR 1=1 --', '*', 'a.b.>', 'x\r\ny']) expect((await raw('POST', '/api/auth/login', { headers: asJson, body: JSON.stringify({ username, password: '\' OR \'\'=\'' }) })).status).toBe(401);
    const key = ['*', '>', 'a b.c\r\nNats-Msg-Id: x'];
    const { id } = await owner.conversation();
    for (const idempotency_key of key) expect((await ask('POST', `/api/conversations/${id}/messages`, JSON.stringify({ content: 'hello', idempotency_key }))).status).toBe(202);
    for (const conversation_id of ['*', '>', `${own.conversation}.>`]) expect((await frames('/api/ws', { headers: bearer(other.token) }, [{ type: 'subscribe', conversation_id }], 1)).frames[0]).toMatchObject({ type: 'error', code: 'BAD_INPUT' });
  });

  it('SECURITY 25 28: odd frames are answered with an error, oversized ones end their connection', async () => {
    const seen = await new Promise<string[]>((resolve) => {
      const socket = new WebSocket(`${product.webUrl.replace(/^http/, 'ws')}/api/ws`, { headers: bearer(owner.token) });
      const odd = ['{', '[]', 'null', '{"type":"subscribe"}', '{"type":"nothing"}', '{"type":"subscribe","conversation_id":5}', Buffer.from([0, 1, 2])];
      const answers: string[] = [];
      socket.on('open', () => odd.forEach((frame) => socket.send(frame)));
      socket.on('message', (data: Buffer) => {
        answers.push((JSON.parse(data.toString()) as { code: string }).code);
        if (answers.length === odd.length) socket.send('x'.repeat(1_400_000));
      });
      socket.on('error', () => {});
      socket.on('close', (code) => resolve([...answers, String(code)]));
    });
    expect(seen).toEqual([...Array<string>(7).fill('BAD_INPUT'), '1009']);
  });

  it('SECURITY 25 OPS-3: every process is still the same, and says it is well', async () => {
    expect(processes()).toEqual(before);
    expect(JSON.parse((await raw('GET', '/ready')).body)).toMatchObject({ ready: true });
    // None of it was a mistake of the program's own.
    const logs = readdirSync(join(product.dataFolder, 'logs')).map((file) => readFileSync(join(product.dataFolder, 'logs', file), 'utf8')).join('\n');
    expect(logs.split('\n').filter((line) => /"level":("error"|50)/.test(line)).map((line) => line.slice(0, 300))).toEqual([]);
  });

  it('SECURITY 5: no token, key or password of all this stands in a log or in what was printed', () => {
    const logs = readdirSync(join(product.dataFolder, 'logs')).map((file) => readFileSync(join(product.dataFolder, 'logs', file), 'utf8')).join('\n') + product.output();
    expect(logs.length).toBeGreaterThan(1_000);
    const secrets = [owner.token, owner.token.split('.')[2]!, owner.session.refresh_token, other.token, own.secret, providerKey, 'correct horse battery'];
    expect(secrets.filter((secret) => logs.includes(secret))).toEqual([]);
  });
});
