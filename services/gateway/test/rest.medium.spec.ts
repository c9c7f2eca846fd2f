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

  it('LLM-6: tells everybody their own usage and administrators everyone\'s, in pages and as a whole file', async () => {
    const bob = await gateway.account();
    const own = await gateway.ask('GET', `/api/users/me/usage?group_by=user,model&limit=2&user_id=${alice.id}`, { token: bob.token });
    expect(own.body).toMatchObject({ total: { calls: 1_500 }, has_more: true, rows: [{ user_id: bob.id, username: bob.name, model: 'm0', cost: 0.5 }, { user_id: bob.id, model: 'm1' }] });
    expect((await gateway.ask('GET', '/api/admin/usage', { token: bob.token })).status).toBe(403);
    expect((await gateway.ask('GET', '/api/admin/usage.csv', { token: bob.token })).status).toBe(403);
    expect((await gateway.ask('GET', `/api/admin/usage?group_by=user&user_id=${bob.id}`, { token: alice.token })).body.rows[0]).toMatchObject({ user_id: bob.id, username: bob.name });
    const file = await gateway.ask('GET', `/api/admin/usage.csv?group_by=user,model&user_id=${bob.id}`, { token: alice.token });
    expect([file.headers.get('content-type'), file.headers.get('content-disposition')]).toEqual(['text/csv; charset=utf-8', 'attachment; filename="deskhand-usage-2026-11-01.csv"']);
    const lines = (file.body as string).trimEnd().split('\r\n');
    expect(lines).toHaveLength(1_501);
    expect([lines[0]!.slice(0, 28), lines[1], lines[1_500]!.slice(0, 80)]).toEqual(['user_id,username,model,calls', `${bob.id},${bob.name},m0,1,0,2,0,0,3,0,0.5,0`, `${bob.id},${bob.name},m1499,1,0,2,0,0,3,0,0.5,0`]);
    for (const query of ['group_by=day,everything', 'from=yesterday', 'limit=5000', 'from=2026-13-01']) expect((await gateway.ask('GET', `/api/users/me/usage?${query}`, { token: bob.token })).body).toMatchObject({ code: 'BAD_INPUT' });
  });
});
