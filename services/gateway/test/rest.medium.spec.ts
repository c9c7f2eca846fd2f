/** Real: nats-server, auth, conversations, the gateway over HTTP. Stand-ins: model gateway, computers' manager. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningGateway, type Account } from './running-gateway.ts';

describe('REST', () => {
  let gateway: RunningGateway;
  let alice: Account;
  beforeAll(async () => {
    gateway = await RunningGateway.start();
    alice = await gateway.account();
  });
  afterAll(async () => gateway.close());

  it('serves health without asking anybody', async () => {
    const { status, body, headers } = await gateway.ask('GET', '/health');
    expect([status, body]).toEqual([200, 'ok']);
    expect(headers.get('content-type')).toContain('text/plain');
  });

  it('takes the longest message however its letters are written, and no longer body', async () => {
    const { body } = await gateway.ask('POST', '/api/conversations', { token: alice.token });
    const path = `/api/conversations/${body.id}/messages`;
    const content = '\u0001'.repeat(200_000);
    expect(JSON.stringify({ content }).length).toBeGreaterThan(1_048_576);
    expect((await gateway.ask('POST', path, { token: alice.token, body: { content } })).status).toBe(202);
    expect((await gateway.ask('POST', path, { token: alice.token, body: { content: `${content}x` } })).status).toBe(400);
    expect((await gateway.ask('POST', path, { token: alice.token, body: { content: content + content } })).status).toBe(413);
    expect((await gateway.ask('PUT', `/api/conversations/${body.id}`, { token: alice.token, body: { title: content } })).status).toBe(413);
    await gateway.ask('DELETE', `/api/conversations/${body.id}`, { token: alice.token });
  });

  it('signs in, makes a conversation, says something, and reads it back in the first clients\' shape', async () => {
    const created = await gateway.ask('POST', '/api/conversations', { token: alice.token });
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({ title: 'New Conversation', provider: null, created_at: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/) });
    const said = await gateway.ask('POST', `/api/conversations/${created.body.id}/messages`, { token: alice.token, body: { content: 'hello', unknown: 1 } });
    expect(said.status).toBe(202);
    const page = await gateway.ask('GET', `/api/conversations/${created.body.id}/messages`, { token: alice.token });
    expect(page.body).toMatchObject({ total: 1, messages: [{ id: said.body.message_id, role: 'user', content: 'hello', tool_calls: null, tool_call_id: null, token_count: null, created_at: expect.stringMatching(/^\S+ \S+$/) }] });
    expect((await gateway.ask('GET', '/api/conversations', { token: alice.token })).body).toMatchObject([{ id: created.body.id }]);
    const removed = await gateway.ask('DELETE', `/api/conversations/${created.body.id}`, { token: alice.token });
    expect([removed.status, removed.body]).toEqual([204, '']);
    expect((await gateway.ask('GET', `/api/conversations/${created.body.id}`, { token: alice.token })).status).toBe(404);
  });

  it('gives and returns request ids', async () => {
    expect((await gateway.ask('GET', '/health', { headers: { 'x-request-id': 'mine-1' } })).headers.get('x-request-id')).toBe('mine-1');
    expect((await gateway.ask('GET', '/health', { headers: { 'x-request-id': 'a b"c' } })).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});
