/** Real: nats-server, auth, conversations, the gateway over HTTP. Stand-ins: model gateway, computers' manager. */
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import fc from 'fast-check';
import { api, auth, conversations, newId, type Route } from '@deskhand/contracts';
import { RunningGateway, type Account } from './running-gateway.ts';
import { ScriptedWorker } from './scripted-worker.ts';

const routes = Object.entries<Route>(api);

describe('security', () => {
  let gateway: RunningGateway;
  let admin: Account;
  let alice: Account;
  let bob: Account;
  beforeAll(async () => {
    gateway = await RunningGateway.start({ publicUrl: 'http://desk.example' });
    admin = await gateway.account();
    alice = await gateway.account();
    bob = await gateway.account();
  });
  afterAll(async () => gateway.close());

  /** The path as it is, without a client's tidying. */
  const raw = (method: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<{ status: number; body: string; headers: Record<string, unknown> }> =>
    new Promise((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port: gateway.port, method, path, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; }).on('end', () => resolve({ status: response.statusCode!, body: text, headers: response.headers }));
      });
      outgoing.on('error', reject).end(body);
    });
  const handshake = (headers: Record<string, string>, query = ''): Promise<number> =>
    new Promise((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/api/ws${query}`, { headers });
      socket.once('open', () => { socket.terminate(); resolve(101); });
      socket.once('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
      socket.once('error', () => {});
    });
  const pathOf = (route: Route, id: string): string => route.path.replace(':username', 'nobody').replace(':provider', 'openai').replace(/:\w+/g, id);

  describe('1: what belongs to somebody else looks exactly like what does not exist', () => {
    let conversation: string;
    let run: string;
    let approval: string;
    const bodies: Partial<Record<string, unknown>> = { updateConversation: { title: 'mine' }, say: { content: 'hi' }, setConversationBudget: { max_budget: 1 }, steer: { content: 'hi' }, decide: { decision: 'allow' }, desktopTicket: { mode: 'control' }, chooseMcpServers: { server_ids: [] } };
    beforeAll(async () => {
      conversation = await gateway.conversation(alice);
      run = (await gateway.ask('POST', `/api/conversations/${conversation}/messages`, { token: alice.token, body: { content: 'go' } })).body.run_id;
      const worker = await new ScriptedWorker(await gateway.nats.bus('agent')).claim(conversation);
      await worker.endStep([], [{ id: 'call1', name: 'bash', arguments: {} }]);
      await worker.record({ type: 'approval-requested', tool_call_id: 'call1', reason: 'asks' }, { type: 'run-parked' });
      approval = (await gateway.ask('GET', '/api/approvals', { token: alice.token })).body[0].approval_id;
    });

    it.each(routes.filter(([, route]) => route.access === 'user' && /:(id|run)/.test(route.path)))('%s', async (name, route) => {
      const path = (id: string) => route.path.replace(':id', route.path.startsWith('/api/approvals') ? (id === conversation ? approval : id) : id).replace(':run', run);
      for (const stranger of [bob, admin]) {
        const foreign = await gateway.ask(route.method, path(conversation), { token: stranger.token, body: bodies[name] });
        const missing = await gateway.ask(route.method, path(newId()), { token: stranger.token, body: bodies[name] });
        expect(foreign.status).toBe(404);
        expect(foreign.body).toEqual(missing.body);
        expect(foreign.body).toMatchObject({ code: 'NOT_FOUND' });
      }
    });

    it('neither lists nor WebSocket frames show it', async () => {
      expect((await gateway.ask('GET', '/api/conversations', { token: bob.token })).body).toEqual([]);
      expect((await gateway.ask('GET', '/api/approvals', { token: bob.token })).body).toEqual([]);
      const frames = await talk(bob.token, [
        { type: 'subscribe', conversation_id: conversation }, { type: 'subscribe', conversation_id: conversation, after: '0' }, { type: 'join_conversation', conversation_id: conversation }, { type: 'user_message', content: 'x' }, { type: 'cancel' }, { type: 'ping' },
      ]);
      expect(frames.filter(({ type }) => type !== 'pong')).toEqual([
        expect.objectContaining({ type: 'error', code: 'NOT_FOUND' }), expect.objectContaining({ type: 'error', code: 'not_found' }),
        expect.objectContaining({ type: 'error', code: 'no_conversation' }), expect.objectContaining({ type: 'error', code: 'no_conversation' }),
      ]);
      expect(JSON.stringify(frames)).not.toContain('go');
    });

    it('still belongs to its owner', async () => {
      expect((await gateway.ask('POST', `/api/approvals/${approval}`, { token: alice.token, body: { decision: 'deny' } })).status).toBe(200);
    });
  });

  /** Sends frames over a WebSocket and gives what came back within a moment. */
  async function talk(token: string, frames: readonly unknown[], waitMs = 600): Promise<{ type: string; [field: string]: unknown }[]> {
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/api/ws?token=${token}`);
    const got: { type: string }[] = [];
    socket.on('message', (data) => got.push(JSON.parse(String(data))));
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    for (const frame of frames) socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    socket.terminate();
    return got;
  }

  describe('2: odd spellings of a path never pass the guard', () => {
    const odd = (path: string): string[] => [
      `${path}/`, `/${path}`, path.replace('/api', '//api'), path.replace('/api/', '/api//'), path.replace('/api/', '/api%2f'), path.replace('/api/', '/api%2F'), path.replace('/api', '/API'), path.replace('/api', '/api;x=1'), `${path};x=1`, `${path}%00`, `${path}%2f`, `${path}/.`, `${path}/../x`,
      path.replace('/api', '/%61pi'), path.replace('/api', '/api/.'), path.replace('/api', '/x/../api'), `${path}?`, `${path}#x`, path.replace('/api', '/api%5c'), `${path}%20`, `${path}.json`,
    ];
    it.each(routes.filter(([, route]) => route.access !== 'public'))('%s', async (_, route) => {
      const path = pathOf(route, newId());
      for (const method of [route.method, 'HEAD', 'GET', 'OPTIONS', 'TRACE', 'PROPFIND']) {
        for (const spelling of [path, ...odd(path)]) {
          const { status } = await raw(method, spelling, route.method === method ? { 'content-type': 'application/json' } : {}, route.method === method && method !== 'GET' ? '{}' : undefined);
          expect([400, 401, 404, 405], `${method} ${spelling} answered ${status}`).toContain(status);
        }
      }
    }, 20_000);

    it('a handler without a declared route stops the start', async () => {
      const { assertAllRoutesDeclared, isDeclared } = await import('../src/http/declared-routes.ts');
      const { controllers } = await import('../src/gateway.module.ts');
      const { Controller, Get } = await import('@nestjs/common');
      class Forgotten { peek(): string { return 'secrets'; } }
      Get('/api/secrets')(Forgotten.prototype, 'peek', Object.getOwnPropertyDescriptor(Forgotten.prototype, 'peek')!);
      Controller()(Forgotten);
      expect(() => assertAllRoutesDeclared(controllers)).not.toThrow();
      expect(() => assertAllRoutesDeclared([...controllers, Forgotten])).toThrow('Forgotten.peek handles HTTP requests without a declared route');
      expect(() => assertAllRoutesDeclared(controllers.slice(1))).toThrow('Nothing handles GET /health');
      expect(isDeclared('GET', '/api/secrets')).toBe(false);
    });
  });

  describe('3: tokens that are none', () => {
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = (): Record<string, unknown> => ({ iss: 'deskhand', aud: 'deskhand', sub: alice.id, username: alice.name, is_admin: true, sid: newId(), iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 600 });
    const own = generateKeyPairSync('ed25519');
    const signed = (header: object, payload: object): string => {
      const text = `${encode(header)}.${encode(payload)}`;
      return `${text}.${sign(null, Buffer.from(text), own.privateKey).toString('base64url')}`;
    };

    it('are refused everywhere alike', async () => {
      const [header, payload, signature] = alice.token.split('.') as [string, string, string];
      const keys = await (await gateway.nats.bus('gateway')).request(auth.keys, {});
      const { kid, x } = keys.keys[0] as { kid: string; x?: string };
      const real = JSON.parse(Buffer.from(header, 'base64url').toString()) as object;
      const hmac = (algorithm: string, secret: string): string => {
        const text = `${encode({ ...real, alg: algorithm })}.${encode(claims())}`;
        return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
      };
      const forged = {
        none: `${encode({ alg: 'none', typ: 'at+jwt' })}.${encode(claims())}.`, nOnE: `${encode({ alg: 'nOnE', typ: 'at+jwt', kid })}.${encode(claims())}.`,
        'no signature': `${header}.${payload}.`, 'other payload': `${header}.${encode(claims())}.${signature}`,
        'HS256 with the public key': hmac('HS256', x ?? ''), 'HS256 with the key as JSON': hmac('HS256', JSON.stringify(keys.keys[0])),
        'own key with the real kid': signed({ alg: 'EdDSA', typ: 'at+jwt', kid }, claims()), 'own key inside': signed({ alg: 'EdDSA', typ: 'at+jwt', kid: 'mine', jwk: own.publicKey.export({ format: 'jwk' }) }, claims()),
        'kid as a path': signed({ alg: 'EdDSA', typ: 'at+jwt', kid: '../../../dev/null' }, claims()), 'kid as SQL': signed({ alg: 'EdDSA', typ: 'at+jwt', kid: "x' UNION SELECT 'k" }, claims()),
        'refresh token': alice.session.refresh_token, rubbish: 'rubbish', empty: '.', 'API token': 'dh_00000000000000000000000000000000', 'very long': 'a'.repeat(5_000),
      };
      for (const [name, token] of Object.entries(forged)) {
        const { status, body } = await gateway.ask('GET', '/api/users/me', { token });
        expect([name, status, body.code]).toEqual([name, 401, 'UNAUTHENTICATED']);
        if (token.length < 4_096) expect([name, await handshake({}, `?token=${encodeURIComponent(token)}`)]).toEqual([name, 401]);
      }
      for (const authorization of ['Basic YTpi', 'Bearer', 'Bearer a b', alice.token]) expect((await gateway.ask('GET', '/api/users/me', { headers: { authorization } })).status).toBe(401);
      // The cookie beside a bad header does not help.
      expect((await gateway.ask('GET', '/api/users/me', { headers: { authorization: 'Bearer x', cookie: `access_token=${alice.token}` } })).status).toBe(401);
      expect((await gateway.ask('GET', '/api/users/me', { token: alice.token })).status).toBe(200);
    });
  });

  describe('5: other sites', () => {
    const cookie = (account: Account): Record<string, string> => ({ cookie: `access_token=${account.token}` });

    it('sign-in sets cookies that scripts and other sites cannot use', async () => {
      const { headers } = await gateway.ask('POST', '/api/auth/login', { body: { username: alice.name, password: 'correct horse battery' } });
      const [access, refresh] = headers.getSetCookie();
      expect(access).toMatch(/^access_token=\S+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/);
      expect(refresh).toMatch(/^refresh_token=\S+; Path=\/api\/auth; Max-Age=\d+; HttpOnly; SameSite=Lax$/);
      const renewed = await gateway.ask('POST', '/api/auth/refresh', { headers: { cookie: refresh!.split(';')[0]! } });
      expect(renewed.status).toBe(200);
      const out = await gateway.ask('POST', '/api/auth/logout', { headers: { cookie: `refresh_token=${renewed.body.refresh_token}` } });
      expect([out.status, out.body, out.headers.getSetCookie().every((value) => value.includes('Max-Age=0'))]).toEqual([200, { message: 'Logged out' }, true]);
      expect((await gateway.ask('POST', '/api/auth/refresh', { body: { refresh_token: renewed.body.refresh_token } })).status).toBe(401);
    });

    it('cannot act with a cookie', async () => {
      const foreign: Record<string, string>[] = [{ origin: 'http://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { origin: `http://127.0.0.1:${gateway.port + 1}` }, { origin: `http://127.0.0.1:${gateway.port}.evil.example` }];
      for (const headers of foreign) {
        const { status, body } = await gateway.ask('POST', '/api/conversations', { headers: { ...cookie(alice), ...headers }, body: {} });
        expect([headers, status, body.code]).toEqual([headers, 403, 'FORBIDDEN']);
        expect((await gateway.ask('POST', '/api/auth/login', { headers, body: { username: alice.name, password: 'correct horse battery' } })).status).toBe(403);
      }
      const own: Record<string, string>[] = [{ origin: `http://127.0.0.1:${gateway.port}` }, { origin: 'http://desk.example' }, { 'sec-fetch-site': 'same-origin' }];
      for (const headers of own) {
        expect((await gateway.ask('POST', '/api/conversations', { headers: { ...cookie(alice), ...headers }, body: {} })).status).toBe(201);
      }
      // A form cannot send JSON, and what it can send is not taken.
      expect((await raw('POST', '/api/conversations', { ...cookie(alice), 'content-type': 'text/plain' }, '{}')).status).toBe(415);
      expect((await raw('POST', '/api/conversations', { ...cookie(alice), 'content-type': 'application/x-www-form-urlencoded' }, 'a=b')).status).toBe(415);
    });

    it('cannot open a WebSocket with a cookie', async () => {
      for (const origin of ['http://evil.example', 'null', `https://127.0.0.1:${gateway.port + 1}`]) expect(await handshake({ ...cookie(alice), origin })).toBe(403);
      expect(await handshake(cookie(alice))).toBe(403);
      expect(await handshake({ ...cookie(alice), origin: `http://127.0.0.1:${gateway.port}` })).toBe(101);
      expect(await handshake({ ...cookie(alice), origin: 'http://desk.example' })).toBe(101);
      expect(await handshake({ authorization: `Bearer ${alice.token}`, origin: 'http://evil.example' })).toBe(101);
      expect(await handshake({})).toBe(401);
    });

    it('tokens in addresses work for the WebSocket only, and no log line holds one', async () => {
      expect(await handshake({}, `?token=${alice.token}`)).toBe(101);
      expect((await gateway.ask('GET', `/api/users/me?token=${alice.token}`)).status).toBe(401);
      expect((await gateway.ask('GET', `/api/conversations?access_token=${alice.token}`)).status).toBe(401);
      const lines = gateway.logged.join('\n');
      for (const secret of [alice.token, alice.session.refresh_token, bob.token, 'correct horse']) expect(lines).not.toContain(secret);
    });

    it('a provider key travels sealed', async () => {
      const { status, body } = await gateway.ask('POST', '/api/users/me/providers', { token: alice.token, body: { provider: 'openai', api_key: 'sk-canary-0123456789', model_name: 'gpt' } });
      expect([status, body.has_api_key, 'api_key' in body]).toEqual([200, true, false]);
      expect(gateway.sealed.length).toBe(1);
      expect(gateway.sealed[0]).not.toContain('canary');
    });
  });

  describe('25: malformed input', () => {
    it.each(routes.filter(([, route]) => route.method !== 'GET'))('%s answers 4xx and lives', async (_, route) => {
      const path = pathOf(route, newId());
      const malformed = ['{', '[]', '"text"', '12', 'null', '{"__proto__":{"x":1}}', '{"content":5,"username":[],"decision":"maybe","title":{}}', `{"content":"${'x'.repeat(300_000)}","title":"${'y'.repeat(400)}","username":"${'z'.repeat(900)}"}`, '{"content":""}', '\u0000', '{"title":"\\ud800"}', `${'['.repeat(20_000)}${']'.repeat(20_000)}`];
      for (const body of malformed) {
        const { status, body: answer } = await raw(route.method, path, { authorization: `Bearer ${admin.token}`, 'content-type': 'application/json' }, body);
        expect(status, `${body.slice(0, 40)} → ${answer.slice(0, 200)}`).toBeLessThan(500);
        if (status >= 400) expect(JSON.parse(answer)).toEqual({ code: expect.any(String), message: expect.any(String), ...(answer.includes('"details"') && { details: expect.any(Object) }) });
        expect(answer).not.toMatch(/node_modules|at \w+ \(|\.ts:\d/);
      }
      expect((await raw(route.method, path, { authorization: `Bearer ${admin.token}`, 'content-type': 'application/json', 'content-length': '2000000' }, `"${'x'.repeat(1_999_998)}"`).catch(() => ({ status: 413 }))).status).toBe(413);
      expect((await gateway.ask('GET', '/health')).body).toBe('ok');
    }, 30_000);

    it('any JSON at all, on any route', async () => {
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...routes.filter(([, route]) => route.method !== 'GET' && !route.path.startsWith('/api/auth/'))), fc.json(), fc.stringMatching(/^[!-~]{0,40}$/), async ([, route], body, id) => {
          const path = route.path.replace(/:\w+/g, encodeURIComponent(id) || 'x').replace('%2F', 'x');
          const { status, body: answer } = await raw(route.method, path, { authorization: `Bearer ${bob.token}`, 'content-type': 'application/json' }, body);
          expect(status, `${route.method} ${path} ${body} → ${answer}`).toBeLessThan(500);
        }),
        { numRuns: 200 },
      );
    }, 30_000);

    it('says what is wrong with which field', async () => {
      const { body } = await gateway.ask('POST', '/api/auth/register', { body: { username: 'ab', email: 'x', password: 'short' } });
      expect(body).toMatchObject({ code: 'BAD_INPUT', message: expect.stringContaining('Username must be 3-50 characters'), details: { body: expect.arrayContaining([{ path: 'password', message: 'Password must be at least 8 characters' }]) } });
      expect((await gateway.ask('GET', '/api/conversations?limit=abc', { token: alice.token })).body).toMatchObject({ code: 'BAD_INPUT', details: { query: [{ path: 'limit', message: expect.any(String) }] } });
      expect((await gateway.ask('POST', '/api/conversations', { token: alice.token, body: '{"title":' })).body).toEqual({ code: 'BAD_INPUT', message: 'The body is not valid JSON' });
      expect((await gateway.ask('PUT', '/api/users/me', { token: alice.token, body: {} })).body).toMatchObject({ code: 'METHOD_NOT_ALLOWED' });
      expect((await gateway.ask('GET', '/api/nothing', { token: alice.token })).body).toEqual({ code: 'NOT_FOUND', message: 'Not found' });
      expect((await gateway.ask('GET', `/api/conversations/${newId()}/events?after=rubbish`, { token: alice.token })).body).toMatchObject({ code: 'BAD_INPUT' });
      expect((await gateway.ask('GET', `/api/conversations/${await gateway.conversation(alice)}/events?after=999`, { token: alice.token })).body).toMatchObject({ code: 'BAD_INPUT' });
    });

    it('bytes that are no HTTP, and frames that are no JSON', async () => {
      const answer = await new Promise<string>((resolve) => {
        const socket = connect(gateway.port, '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
        let text = '';
        socket.on('data', (chunk) => { text += String(chunk); }).on('close', () => resolve(text));
      });
      expect(answer).toMatch(/^HTTP\/1\.1 400 .*"code":"BAD_INPUT"/s);
      const frames = await talk(alice.token, ['{', '[]', 'null', '{"type":"nothing"}', '{"type":"subscribe"}', '{"type":"subscribe","conversation_id":"a.*.>"}', '{"type":"user_message","content":5}', { type: 'subscribe', conversation_id: newId(), after: 'x~' }, { type: 'ping' }]);
      expect(frames.map(({ type, code }) => String(code ?? type)).sort()).toEqual([...Array.from({ length: 8 }, () => 'BAD_INPUT'), 'pong']);
    });
  });

  it('6: claims of the client about itself are ignored', async () => {
    const { body } = await gateway.ask('POST', '/api/conversations', { token: bob.token, body: { user_id: alice.id, is_admin: true, title: 'whose?' } });
    expect((await gateway.ask('GET', `/api/conversations/${body.id}`, { token: bob.token })).status).toBe(200);
    expect((await gateway.ask('GET', `/api/conversations/${body.id}`, { token: alice.token })).status).toBe(404);
    for (const path of ['/api/admin/users', '/api/admin/containers', '/metrics']) {
      expect((await gateway.ask('GET', path, { token: bob.token, headers: { 'x-role': 'admin', 'x-user-id': admin.id } })).status).toBe(403);
      expect((await gateway.ask('GET', path, { token: admin.token })).status).toBe(200);
      expect((await gateway.ask('GET', path)).status).toBe(401);
    }
  });

  it('26: ids with wildcards, control characters, line breaks or SQL reach nothing', async () => {
    for (const id of ['*', '>', 'a.b', 'a b', '%0d%0aX-Injected:1', "x'%20OR%201=1--", '%00', '..%2f..%2fetc', '%2e%2e', 'ü', 'a'.repeat(300)]) {
      for (const path of [`/api/conversations/${id}`, `/api/conversations/${id}/messages`, `/api/conversations/${id}/events`, `/api/conversations/${id}/sandbox`]) {
        const { status, headers } = await raw('GET', path, { authorization: `Bearer ${alice.token}` }).catch(() => ({ status: 400, headers: {} as Record<string, unknown> }));
        expect([path, [400, 404].includes(status)]).toEqual([path, true]);
        expect(headers['x-injected']).toBeUndefined();
      }
    }
    for (const value of ["' OR 1=1 --", 'Bearer \u00ff']) expect((await raw('GET', '/api/users/me', { authorization: value, 'x-request-id': "'; DROP TABLE x" })).status).toBe(401);
  });

  it('API tokens act as their user within their scopes until they are revoked', async () => {
    const made = await gateway.ask('POST', '/api/users/me/tokens', { token: alice.token, body: { name: 'script' } });
    expect(made.status).toBe(201);
    const { id, token } = made.body;
    expect((await gateway.ask('GET', '/api/users/me', { token })).body).toMatchObject({ username: alice.name });
    const scrape = (await gateway.ask('POST', '/api/users/me/tokens', { token: admin.token, body: { name: 'scrape', scopes: ['metrics'] } })).body.token;
    const { body: figures } = await gateway.ask('GET', '/metrics', { token: scrape });
    expect(figures).toContain('deskhand_http_request_duration_seconds');
    // Of every service that answers; nothing of one that does not.
    for (const service of ['gateway', 'auth', 'conversations']) expect(figures).toMatch(new RegExp(`^deskhand_process_resident_memory_bytes\\{service="${service}"\\} \\d+`, 'm'));
    for (const reason of ['failed', 'too-large']) expect(figures).toMatch(new RegExp(`^deskhand_events_given_up_total\\{service="conversations",reason="${reason}"\\} 0$`, 'm'));
    expect(figures).toMatch(/^deskhand_runs_open\{service="conversations",state="queued"\} \d+/m);
    expect(figures).not.toContain('service="agent"');
    expect((await gateway.ask('GET', '/api/users/me', { token: scrape })).status).toBe(403);
    expect(await handshake({ authorization: `Bearer ${scrape}` })).toBe(403);
    expect((await gateway.ask('DELETE', `/api/users/me/tokens/${id}`, { token: bob.token })).status).toBe(404);
    expect((await gateway.ask('DELETE', `/api/users/me/tokens/${id}`, { token: alice.token })).status).toBe(204);
    await expect.poll(async () => (await gateway.ask('GET', '/api/users/me', { token })).status).toBe(401);
  });

  it('streams end with the session that opened them, and the session\'s access token with it', async () => {
    const { body: session } = await gateway.ask('POST', '/api/auth/login', { body: { username: bob.name, password: 'correct horse battery' } });
    const conversation = await gateway.conversation(bob);
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/api/ws?token=${session.access_token}`);
    await new Promise((resolve) => socket.once('open', resolve));
    const other = new WebSocket(`ws://127.0.0.1:${gateway.port}/api/ws?token=${bob.token}`);
    await new Promise((resolve) => other.once('open', resolve));
    const events = await fetch(`${gateway.url}/api/conversations/${conversation}/events`, { headers: { authorization: `Bearer ${session.access_token}` } });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await gateway.ask('POST', '/api/auth/logout', { body: { refresh_token: session.refresh_token } });
    expect(await closed).toBe(4_401);
    expect(await events.text()).toContain('event: snapshot');
    expect((await gateway.ask('GET', '/api/users/me', { token: session.access_token })).status).toBe(401);
    expect(other.readyState).toBe(WebSocket.OPEN);
    // A gateway that starts later refuses it too.
    await gateway.restartGateway();
    await expect.poll(async () => (await gateway.ask('GET', '/api/users/me', { token: session.access_token })).status).toBe(401);
    expect((await gateway.ask('GET', '/api/users/me', { token: bob.token })).status).toBe(200);
    await gateway.ask('PATCH', `/api/admin/users/${bob.name}`, { token: admin.token, body: { disabled: true } });
    await expect.poll(async () => (await gateway.ask('GET', '/api/users/me', { token: bob.token })).status).toBe(401);
  });

  it('a deleted conversation\'s streams end', async () => {
    const conversation = await gateway.conversation(alice);
    const events = await fetch(`${gateway.url}/api/conversations/${conversation}/events`, { headers: { authorization: `Bearer ${alice.token}` } });
    const text = events.text();
    await gateway.ask('DELETE', `/api/conversations/${conversation}`, { token: alice.token });
    expect(await text).toContain('"deleted":true');
    await expect((await gateway.nats.bus('gateway')).request(conversations.get, { user_id: alice.id, conversation_id: conversation })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
