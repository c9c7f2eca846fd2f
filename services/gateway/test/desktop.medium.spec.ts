/** Real: nats-server, `auth` and `conversations` on SQLite, the gateway over HTTP and WebSocket. The computers' manager is a stand-in that dials the data plane by contract. */
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeclaredError, desktop } from '@deskhand/contracts';
import { WebSocket } from 'ws';
import { RunningGateway, type Account } from './running-gateway.ts';

let running: RunningGateway;
let owner: Account;
let stranger: Account;
let conversation: string;
/** What the stand-in manager got and where it is connected. */
const computers: Socket[] = [];
const used = new Set<string>();

beforeAll(async () => {
  running = await RunningGateway.start();
  [owner, stranger] = [await running.account(), await running.account()];
  conversation = await running.conversation(owner);
  const computer = (await running.ask('GET', `/api/conversations/${conversation}/sandbox`, { token: owner.token })).body.computer_id as string;
  const manager = await running.nats.bus('sandbox-manager');
  await manager.serve(desktop.watch, { computer_id: computer }, async ({ ticket, host, port, token }) => {
    if (used.has(ticket)) throw new DeclaredError('FORBIDDEN', 'This ticket was used');
    used.add(ticket);
    const socket = connect(port, host);
    socket.on('error', () => socket.destroy());
    socket.write(`${token}RFB 003.008\n`);
    computers.push(socket);
    return {};
  });
}, 60_000);

afterAll(async () => {
  for (const socket of computers) socket.destroy();
  await running.close();
});

const ticket = async (token = owner.token, body: object = { mode: 'view' }) => running.ask('POST', `/api/conversations/${conversation}/desktop/ticket`, { token, body });

/** A WebSocket that is open, or the HTTP status with which it was refused. */
async function open(url: string, headers: Record<string, string> = {}): Promise<WebSocket | number> {
  const socket = new WebSocket(url, { headers });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('unexpected-response', (request, response) => {
      request.destroy();
      resolve(response.statusCode ?? 0);
    });
    socket.once('error', reject);
  });
}

const next = async (socket: WebSocket) => new Promise<Buffer>((resolve) => socket.once('message', (data) => resolve(data as Buffer)));

describe('viewers of a desktop', () => {
  it('DESK-1: carries bytes both ways between a viewer and the computer', async () => {
    const { status, body } = await ticket();
    expect(status).toBe(200);
    expect(body.url).toMatch(new RegExp(`^ws://127\\.0\\.0\\.1:${running.port}/api/desktop\\?ticket=`));
    const socket = new WebSocket(body.url);
    expect((await next(socket)).toString()).toBe('RFB 003.008\n');
    const arrived = new Promise<Buffer>((resolve) => computers.at(-1)!.once('data', resolve));
    socket.send(Buffer.from([1, 2, 3]));
    expect([...(await arrived)]).toEqual([1, 2, 3]);
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    computers.at(-1)!.destroy();
    expect(await closed).toBe(1_011);
  });

  it('SECURITY 7: a ticket is used once, and nothing but a ticket opens a desktop', async () => {
    const { body } = await ticket();
    const first = await open(body.url);
    expect(first).toBeInstanceOf(WebSocket);
    (first as WebSocket).terminate();
    expect(await open(body.url)).toBe(403);
    const origin = `ws://127.0.0.1:${running.port}/api/desktop`;
    expect(await open(origin)).toBe(401);
    expect(await open(`${origin}?ticket=x`)).toBe(401);
    expect(await open(`${origin}?ticket=${owner.token}`)).toBe(401);
    const [head, claims, signature] = decodeURIComponent((await ticket()).body.url.split('ticket=')[1]).split('.') as [string, string, string];
    const forged = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(claims, 'base64url').toString()), sub: stranger.id })).toString('base64url');
    expect(await open(`${origin}?ticket=${head}.${forged}.${signature}`)).toBe(401);
    expect(running.logged.join('\n')).not.toContain(signature);
  });

  it('SECURITY 1: a stranger gets no ticket, no turn and no picture', async () => {
    const missing = (await running.ask('GET', `/api/conversations/${stranger.id}/desktop/lease`, { token: stranger.token })).body;
    for (const [method, path, body] of [['POST', 'ticket', { mode: 'view' }], ['POST', 'lease', {}], ['GET', 'lease', undefined], ['DELETE', 'lease', undefined]] as const) {
      const answer = await running.ask(method, `/api/conversations/${conversation}/desktop/${path}`, { token: stranger.token, body });
      expect([answer.status, answer.body]).toEqual([404, missing]);
    }
    const { id } = await running.blobs.store.put(conversation, Buffer.from('a picture'), 'image/jpeg');
    expect((await running.ask('GET', `/api/conversations/${conversation}/blobs/${id}`, { token: stranger.token })).body).toEqual(missing);
    const own = await running.ask('GET', `/api/conversations/${conversation}/blobs/${id}`, { token: owner.token });
    expect([own.status, own.body, own.headers.get('content-type')]).toEqual([200, 'a picture', 'image/jpeg']);
    expect((await running.ask('GET', `/api/conversations/${conversation}/blobs/${id.replaceAll(/./g, '0')}`, { token: owner.token })).status).toBe(404);
  });

  it('SECURITY 5: another site gets no desktop', async () => {
    expect(await open((await ticket()).body.url, { origin: 'https://elsewhere.example' })).toBe(403);
  });

  it('DESK-2: takes, keeps and gives back the turn over REST', async () => {
    const path = `/api/conversations/${conversation}/desktop/lease`;
    const taken = await running.ask('POST', path, { token: owner.token });
    expect(taken).toMatchObject({ status: 200, body: { holder: owner.id, epoch: 1 } });
    expect(await running.ask('POST', path, { token: owner.token, body: { client_id: 'other' } })).toMatchObject({ status: 409, body: { code: 'CONFLICT', details: { epoch: 1 } } });
    expect(await running.ask('POST', path, { token: owner.token, body: { epoch: 1 } })).toMatchObject({ status: 200 });
    expect((await running.ask('GET', path, { token: owner.token })).body.lease).toMatchObject({ epoch: 1 });
    expect((await running.ask('DELETE', path, { token: owner.token })).status).toBe(204);
    expect((await running.ask('GET', path, { token: owner.token })).body).toEqual({ lease: null });
  });

  it('a session\'s end ends its viewers', async () => {
    const { body } = await running.ask('POST', '/api/auth/login', { body: { username: owner.name, password: 'correct horse battery' } });
    const socket = (await open((await ticket(body.access_token)).body.url)) as WebSocket;
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    await running.ask('POST', '/api/auth/logout', { body: { refresh_token: body.refresh_token } });
    expect(await closed).toBe(4_401);
  });

  it('the data plane closes what brings no token', async () => {
    const { port } = (await (async () => running.get((await import('../src/desktop/data-plane.ts')).DataPlane).expect())());
    const socket = connect(port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {}).write('x'.repeat(64));
    await closed;
  });
});

describe('the further ports', () => {
  it('begin with their own page, and are the same server otherwise', async () => {
    const [port] = running.sides;
    const first = await fetch(`http://127.0.0.1:${port}/`, { redirect: 'manual' });
    expect([first.status, first.headers.get('location')]).toEqual([302, '/combined']);
    const path = `/api/conversations/${conversation}/desktop/ticket`;
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers: { authorization: `Bearer ${owner.token}`, 'content-type': 'application/json' }, body: JSON.stringify({ mode: 'view' }) });
    const { url } = (await answer.json()) as { url: string };
    expect(url).toContain(`:${port}/api/desktop`);
    const socket = (await open(url)) as WebSocket;
    expect(socket.readyState).toBe(WebSocket.OPEN);
    socket.terminate();
    expect((await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST' })).status).toBe(401);
  });
});
