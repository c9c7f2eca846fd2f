/** Real: nats-server, auth, conversations, the gateway, WebSocket clients. The worker's steps are the test's. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { NatsBus } from '@deskhand/platform';
import { RunningGateway, type Account } from './running-gateway.ts';
import { ScriptedWorker } from './scripted-worker.ts';

type Frame = { type: string; [field: string]: any };

describe('the chat of the first clients, hints and pages', () => {
  const webRoot = mkdtempSync(join(tmpdir(), 'deskhand-web-'));
  let gateway: RunningGateway;
  let agentBus: NatsBus;
  let alice: Account;
  beforeAll(async () => {
    mkdirSync(join(webRoot, '_app/immutable'), { recursive: true });
    writeFileSync(join(webRoot, 'index.html'), '<!doctype html><script>let inline = 1;</script><p>app</p>');
    writeFileSync(join(webRoot, '_app/immutable/start.abc.js'), 'export {}');
    writeFileSync(join(webRoot, '_app/immutable/start.abc.js.gz'), 'compressed');
    symlinkSync('/etc/passwd', join(webRoot, 'link.txt'));
    gateway = await RunningGateway.start({ webRoot });
    agentBus = await gateway.nats.bus('agent');
    alice = await gateway.account();
  });
  afterAll(async () => {
    await gateway.close();
    rmSync(webRoot, { recursive: true });
  });

  async function open(): Promise<{ socket: WebSocket; frames: Frame[]; send: (frame: object) => void; until: (type: string, count?: number) => Promise<Frame> }> {
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/api/ws?token=${alice.token}`);
    const frames: Frame[] = [];
    socket.on('message', (data) => frames.push(JSON.parse(String(data))));
    await new Promise((resolve) => socket.once('open', resolve));
    return {
      socket, frames, send: (frame) => socket.send(JSON.stringify(frame)),
      until: async (type, count = 1) => {
        await expect.poll(() => frames.filter((frame) => frame.type === type).length, { interval: 5 }).toBeGreaterThanOrEqual(count);
        return frames.filter((frame) => frame.type === type)[count - 1]!;
      },
    };
  }

  it('joins, sends, streams, shows tools and completes, in the words of the first clients', async () => {
    const conversation_id = await gateway.conversation(alice);
    const { socket, frames, send, until } = await open();
    send({ type: 'join_conversation', conversation_id });
    expect(await until('conversation_joined')).toEqual({ type: 'conversation_joined', conversation_id });
    expect(await until('container_status')).toMatchObject({ conversation_id, status: 'not_running', message: expect.any(String) });
    send({ type: 'user_message', content: 'list the files' });
    const saved = await until('message_saved');
    const worker = await new ScriptedWorker(agentBus).claim(conversation_id);
    const text = worker.begin('text');
    await worker.write(text, 'I will ');
    await worker.write(text, 'look. ');
    await worker.endStep([text], [{ id: 'ls1', name: 'bash', arguments: { command: 'ls' } }]);
    const output = await worker.startTool('ls1');
    await worker.write(output, 'a.txt\n');
    await worker.endTool(output);
    const last = worker.begin('text');
    await worker.write(last, 'One file.');
    await worker.endStep([last]);
    await worker.end();
    const complete = await until('complete');
    expect(frames.map(({ type }) => type)).toEqual(['conversation_joined', 'container_status', 'message_saved', 'assistant_delta', 'assistant_delta', 'tool_call', 'tool_result', 'assistant_delta', 'complete']);
    expect(frames.every((frame) => frame.conversation_id === conversation_id)).toBe(true);
    expect(frames.find(({ type }) => type === 'tool_call')).toEqual({ type: 'tool_call', conversation_id, tool_call_id: 'ls1', tool_name: 'bash', tool_input: { command: 'ls' } });
    expect(frames.find(({ type }) => type === 'tool_result')).toEqual({ type: 'tool_result', conversation_id, tool_call_id: 'ls1', result: 'a.txt\n', is_error: false });
    expect(frames.filter(({ type }) => type === 'assistant_delta').map(({ delta }) => delta).join('')).toBe(complete.content);
    const { body } = await gateway.ask('GET', `/api/conversations/${conversation_id}/messages`, { token: alice.token });
    expect(body.messages.map(({ role }: Frame) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    expect([body.messages[0].id, body.messages[3].id]).toEqual([saved.message_id, complete.message_id]);
    expect(body.messages[1].tool_calls).toBe(JSON.stringify([{ id: 'ls1', name: 'bash', arguments: { command: 'ls' } }]));
    expect(body.messages[2]).toMatchObject({ tool_call_id: 'ls1', content: 'a.txt\n' });
    expect(complete).toMatchObject({ content: 'I will look. One file.', token_usage: { prompt: 0, completion: 0 } });
    socket.terminate();
  });

  it('takes a message as long as one may be, in any script, and answers a longer one with an error', async () => {
    const conversation_id = await gateway.conversation(alice);
    const { socket, send, until } = await open();
    const content = '東'.repeat(200_000);
    send({ type: 'join_conversation', conversation_id });
    send({ type: 'user_message', content: `${content}京` });
    expect(await until('error')).toMatchObject({ code: 'BAD_INPUT' });
    send({ type: 'user_message', content });
    const { message_id } = await until('message_saved');
    const { body } = await gateway.ask('GET', `/api/conversations/${conversation_id}/messages`, { token: alice.token });
    expect(body.messages.map(({ id, content: kept }: Frame) => [id, kept === content])).toEqual([[message_id, true]]);
    socket.terminate();
  });

  it('cancels, and says what went wrong', async () => {
    const conversation_id = await gateway.conversation(alice);
    const { socket, send, until } = await open();
    send({ type: 'user_message', content: 'too early' });
    expect(await until('error')).toEqual({ type: 'error', code: 'no_conversation', message: expect.any(String) });
    send({ type: 'join_conversation', conversation_id: 'nothing' });
    expect(await until('error', 2)).toMatchObject({ code: 'not_found' });
    send({ type: 'join_conversation', conversation_id });
    send({ type: 'user_message', content: 'go' });
    await until('message_saved');
    const worker = await new ScriptedWorker(agentBus).claim(conversation_id);
    const text = worker.begin('text');
    await worker.write(text, 'Half');
    await until('assistant_delta');
    send({ type: 'cancel' });
    await expect.poll(async () => (await agentBus.request((await import('@deskhand/contracts')).runs.heartbeat, { worker_id: worker.id, runs: [{ run_id: worker.run.run_id, epoch: worker.run.epoch }] })).runs[0]!.interrupt).toBe(true);
    await worker.endStep([text]);
    await worker.end('interrupted');
    expect(await until('error', 3)).toEqual({ type: 'error', code: 'cancelled', message: expect.any(String), conversation_id });
    socket.terminate();
  });

  it('hints that a list changed, at most four times a second', async () => {
    const { socket, frames, send } = await open();
    send({ type: 'subscribe-list' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const conversation = await gateway.conversation(alice);
    for (let index = 0; index < 20; index++) await gateway.ask('PUT', `/api/conversations/${conversation}`, { token: alice.token, body: { title: `title ${index}` } });
    await expect.poll(() => frames.length).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(frames.length).toBeLessThan(8);
    expect(frames[0]).toEqual({ type: 'list-changed', conversation_id: conversation, cause: 'conversation-changed' });
    socket.terminate();
  });

  it('serves the built app and nothing else of the disk', async () => {
    const index = await gateway.ask('GET', '/');
    expect(index.body).toContain('<p>app</p>');
    // Computed apart from the code under test: sha256 of `let inline = 1;`.
    const { createHash } = await import('node:crypto');
    expect(index.headers.get('content-security-policy')).toContain(`script-src 'self' 'sha256-${createHash('sha256').update('let inline = 1;').digest('base64')}'`);
    expect(index.headers.get('cache-control')).toBe('no-cache');
    expect((await gateway.ask('GET', '/c/some-conversation')).body).toContain('<p>app</p>');
    const asset = await fetch(`${gateway.url}/_app/immutable/start.abc.js`, { headers: { 'accept-encoding': 'identity' } });
    expect([asset.status, asset.headers.get('cache-control'), await asset.text()]).toEqual([200, 'public, max-age=31536000, immutable', 'export {}']);
    expect((await fetch(`${gateway.url}/_app/immutable/start.abc.js`, { method: 'HEAD', headers: { 'accept-encoding': 'gzip' } })).headers.get('content-encoding')).toBe('gzip');
    expect((await gateway.ask('GET', '/', { headers: { 'if-none-match': index.headers.get('etag')! } })).status).toBe(304);
    for (const path of ['/_app/missing.js', '/link.txt', '/../package.json', '/..%2f..%2fetc/passwd', '//etc/passwd', '/_app/immutable/..%5c..%5cindex.html', '/_app', '/api', '/api/x', '/health/', '/%00', '/a%00.js', '/favicon.ico']) {
      const { status, body } = await gateway.ask('GET', path);
      expect([path, status === 404 || status === 400, typeof body.code]).toEqual([path, true, 'string']);
    }
    expect((await gateway.ask('POST', '/', { body: {} })).status).toBe(404);
  });

  it('documents what it serves', async () => {
    const { body: openapi } = await gateway.ask('GET', '/api/openapi.json');
    expect(openapi.openapi).toBe('3.1.0');
    expect(Object.keys(openapi.paths)).toContain('/api/conversations/{id}/runs/{run}/interrupt');
    expect(openapi.paths['/api/conversations/{id}/messages'].post.requestBody.content['application/json'].schema.properties.content).toMatchObject({ type: 'string', minLength: 1 });
    const { body: asyncapi } = await gateway.ask('GET', '/api/asyncapi.json');
    expect(asyncapi.asyncapi).toBe('3.0.0');
    expect(Object.keys(asyncapi.components.messages)).toEqual(expect.arrayContaining(['message-added', 'text-delta', 'run-ended']));
    const page = await gateway.ask('GET', '/docs');
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(page.body).toContain('/api/approvals/{id}');
    const ready = await gateway.ask('GET', '/ready');
    expect(ready.status).toBe(503);
    expect(ready.body.parts).toMatchObject({ auth: { ready: true }, conversations: { ready: true }, gateway: { ready: true }, 'llm-gateway': { ready: false, problem: expect.any(String) } });
  }, 15_000);
});
