// Conversations as programs use them: REST, pages, idempotence, the queue, steering, and the API's first clients.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import type { ConversationView } from '@deskhand/contracts';
import { freePort } from '@deskhand/platform/free-port';
import { startUpstream } from '../../services/llm-gateway/test/upstream.ts';
import { Client } from '../client/client.ts';
import { followThroughCuts } from '../client/resuming.ts';
import { startProduct, type RunningProduct } from '../product.ts';

const upstream = await startUpstream({
  format: 'openai-chat',
  script: ({ userText, results, step }) => {
    if (userText === 'work' && step === 0) return { toolCalls: [{ name: 'bash', arguments: { command: 'sleep 2; echo worked' } }] };
    if (userText === 'tool' && step === 0) return { text: 'I look.', toolCalls: [{ id: 'call_first', name: 'bash', arguments: { command: 'echo from the computer' } }], usage: { output: 7 } };
    if (userText === 'wide') return { text: '東'.repeat(200_000) };
    if (userText === 'flood' && step === 0) return { toolCalls: [{ name: 'bash', arguments: { command: 'python3 -c "print(\'東\' * 900_000)"' } }] };
    if (userText === 'long') return { text: 'word '.repeat(2_000), paceMs: 20, pieceBytes: 400 };
    return { text: `You said: ${userText}${results.length > 0 ? ` after ${results.length} result` : ''}`, usage: { output: 5 } };
  },
});

/** Nobody listens there. */
const dead = `127.0.0.1:${await freePort()}`;
const folder = mkdtempSync(join(tmpdir(), 'deskhand-conversations-'));
let product: RunningProduct;
let client: Client;

beforeAll(async () => {
  const configuration = join(folder, 'config.yaml');
  writeFileSync(configuration, `model_list:\n  - { model_name: priced, litellm_params: { model: openai/priced, api_base: "${upstream.url}/v1", api_key: k, input_cost_per_token: 0, output_cost_per_token: 0.00001 } }\n`);
  product = await startProduct({ variables: { LITELLM_CONFIG: configuration, DESKHAND_ALLOWED_PRIVATE_HOSTS: `${upstream.host},${dead}` } });
  client = await Client.register(product.webUrl, 'ada');
  await client.provider('openai', upstream.url, 'chat-model');
}, 120_000);
afterAll(async () => {
  await product?.stop();
  await upstream.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const ended = (conversation: string, run: string) => followThroughCuts(client, conversation, run, { way: 'sse', cuts: [] }, 40_000);
const exchange = async (conversation: string, content: string) => {
  const { run_id } = await client.say(conversation, content);
  await ended(conversation, run_id);
};
const first = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;

interface RunEnd {
  reason?: string;
  error?: string;
}

/** How a run ends: an event, or, where it was quicker than whoever follows, a part of the snapshot. */
async function endOfRun(conversation: string, run: string): Promise<RunEnd> {
  let end: RunEnd | undefined;
  await followThroughCuts(client, conversation, run, {
    way: 'sse', cuts: [],
    onFrame: ({ frame }) => {
      if (frame.type === 'run-ended' && frame.run_id === run) end = frame;
      if (frame.type === 'snapshot') end = frame.runs.find(({ id, state }) => id === run && state === 'ended');
    },
  }, 40_000);
  return end!;
}

describe('conversations', () => {
  it('CONV-1: are made, read, renamed, pinned, archived and deleted', async () => {
    const made = await client.conversation({ title: 'Plans' });
    expect(made).toMatchObject({ title: 'Plans', pinned: false, archived: false, approval_mode: 'auto', activity: 'idle' });
    const changed = await client.request<ConversationView>('PUT', `/api/conversations/${made.id}`, { title: 'Better plans', pinned: true });
    expect(changed).toMatchObject({ id: made.id, title: 'Better plans', pinned: true });
    expect(await client.request('GET', `/api/conversations/${made.id}`)).toEqual(changed);

    await client.request('PUT', `/api/conversations/${made.id}`, { archived: true });
    const ids = async (query = '') => (await client.request<ConversationView[]>('GET', `/api/conversations${query}`)).map(({ id }) => id);
    expect(await ids()).not.toContain(made.id);
    expect(await ids('?archived=true')).toContain(made.id);

    await client.request('DELETE', `/api/conversations/${made.id}`);
    await expect(client.request('GET', `/api/conversations/${made.id}`)).rejects.toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    await expect(client.request('DELETE', `/api/conversations/${made.id}`)).rejects.toMatchObject({ status: 404 });
    expect(await ids('?archived=true')).not.toContain(made.id);
  });

  it('CONV-1: name themselves after the first message, in whole letters, unless a person did', async () => {
    const titleAfter = async (content: string, settings: object = {}) => {
      const { id } = await client.conversation({ model_name: 'mock/static', ...settings });
      await exchange(id, content);
      return (await client.request<ConversationView>('GET', `/api/conversations/${id}`)).title;
    };
    expect(await titleAfter('  Short\n and plain ')).toBe('Short and plain');
    expect(await titleAfter('👩‍💻'.repeat(60))).toBe(`${'👩‍💻'.repeat(50)}...`);
    expect(await titleAfter('Something else', { title: 'My own' })).toBe('My own');
  });

  it('CONV-7 LLM-6: tell what their runs used, to the token, and so do the reports of usage', async () => {
    const { id } = await client.conversation({});
    await exchange(id, 'counted');
    const used = async () => (await client.request<{ usage: Record<string, { calls: number; output_tokens: number }> }>('GET', `/api/conversations/${id}/messages`)).usage;
    await expect.poll(async () => Object.values(await used())).toMatchObject([{ calls: 1, output_tokens: 5, unpriced_calls: 1 }]);
    const report = await client.request<{ total: object; rows: object[] }>('GET', `/api/users/me/usage?conversation_id=${id}&group_by=day,model,agent`);
    // The same to the administrator, as a file, and to Prometheus.
    const told = async (url: string, key: string) => (await fetch(url, { headers: { authorization: `Bearer ${key}` } })).text();
    expect(await told(`${product.webUrl}/api/admin/usage.csv?conversation_id=${id}&group_by=user,conversation`, client.token)).toContain(`,ada,${id},1,0,`);
    expect(await told(`${product.llmUrl}/metrics`, product.llmKey)).toMatch(/deskhand_llm_calls_total\{provider="openai",model="chat-model",status="completed"\} \d/);
    expect(report).toMatchObject({ total: { calls: 1, output_tokens: 5 }, rows: [{ day: new Date().toISOString().slice(0, 10), model: 'openai/chat-model', agent: 'deskhand', calls: 1, output_tokens: 5 }] });
  });

  it('LLM-5: end a run that has no money left with the reason budget, and say what is left', async () => {
    const { id } = await client.conversation({ model_name: 'priced' });
    await client.request('PUT', `/api/conversations/${id}/budget`, { max_budget: 0.25 });
    const ending = async (content: string) => endOfRun(id, (await client.say(id, content)).run_id);
    expect(await ending('cheap')).toMatchObject({ reason: 'completed' });
    await client.request('PUT', '/api/admin/users/ada/budget', { max_budget: 0.01, budget_seconds: 86_400 });
    expect(await ending('not any more')).toMatchObject({ reason: 'budget', error: expect.stringMatching(/\$0\.0\d+ of \$0\.01 is left of this user, and this call may cost up to \$0\.\d+\. It begins anew on/) });
    await client.request('PUT', '/api/admin/users/ada/budget', { max_budget: null });
    await expect.poll(async () => client.request('GET', `/api/conversations/${id}/budget`)).toMatchObject({ max_budget: 0.25, spend: 0.00005 });
    await client.request('PUT', `/api/conversations/${id}/budget`, { max_budget: 0.1 });
    expect(await ending('nor here')).toMatchObject({ reason: 'budget', error: expect.stringContaining('of $0.1 is left of this conversation') });
  });

  it('CONV-1: come in pages, last changed first, and so do their messages', async () => {
    const made: string[] = [];
    for (let index = 0; index < 5; index++) made.push((await client.conversation({ title: `Page ${index}`, model_name: 'mock/echo' })).id);
    // Two changes within a millisecond have no order that anybody could see.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await client.request('PUT', `/api/conversations/${made[0]}`, { title: 'Page 0 again' });
    const page = async (offset: number) => (await client.request<ConversationView[]>('GET', `/api/conversations?limit=2&offset=${offset}`)).map(({ id }) => id);
    expect((await page(0))[0]).toBe(made[0]);
    const all = [...(await page(0)), ...(await page(2)), ...(await page(4))];
    expect(new Set(all).size).toBe(6);
    expect(all.filter((id) => made.includes(id))).toHaveLength(5);

    for (const content of ['one', 'two', 'three']) await exchange(made[1]!, content);
    const messages = (query: string) => client.request<{ messages: { id: string; content: string }[]; total: number }>('GET', `/api/conversations/${made[1]}/messages?${query}`);
    const whole = await messages('limit=100');
    expect(whole.total).toBe(6);
    const ids = whole.messages.map(({ id }) => id);
    const pages = await Promise.all([0, 2, 4, 6].map(async (offset) => (await messages(`limit=2&offset=${offset}`)).messages.map(({ id }) => id)));
    expect(pages).toEqual([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4), []]);
    expect((await messages(`limit=3&before=${ids[4]}`)).messages.map(({ id }) => id)).toEqual(ids.slice(1, 4));
  });

  it('CONV-1: are deleted in mid-run with their computer', async () => {
    const { id } = await client.conversation();
    await client.say(id, 'work');
    await vi.waitUntil(async () => (await client.request<{ state: string }>('GET', `/api/conversations/${id}/sandbox`)).state === 'ready', { timeout: 20_000, interval: 100 });
    const computers = async () => (await client.request<{ computer_id: string }[]>('GET', '/api/admin/containers')).map(({ computer_id }) => computer_id);
    const { computer_id } = await client.request<{ computer_id: string }>('GET', `/api/conversations/${id}/sandbox`);
    expect(await computers()).toContain(computer_id);
    await client.request('DELETE', `/api/conversations/${id}`);
    await expect(client.messages(id)).rejects.toMatchObject({ status: 404 });
    await vi.waitUntil(async () => !(await computers()).includes(computer_id), { timeout: 20_000, interval: 200 });
  });
});

describe('messages', () => {
  it('AGENT-6: the same key is the same message, however often and at once; another body is a conflict', async () => {
    const { id } = await client.conversation({ model_name: 'mock/echo' });
    const answers = await Promise.all(Array.from({ length: 10 }, () => client.say(id, 'only once', 'key-1')));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    await expect(client.say(id, 'something else', 'key-1')).rejects.toMatchObject({ status: 409, body: { code: 'CONFLICT' } });
    await ended(id, answers[0]!.run_id);
    expect((await client.messages(id)).map(({ role }) => role)).toEqual(['user', 'assistant']);
    // The key belongs to its conversation.
    const another = await client.conversation({ model_name: 'mock/echo' });
    expect((await client.say(another.id, 'something else', 'key-1')).message_id).not.toBe(answers[0]!.message_id);
  });

  it('CONV-1 CONV-2: as long as they may be, in any script, are kept and shown whole, page by page', async () => {
    const { id } = await client.conversation({ model_name: 'mock/static' });
    const long = ['東'.repeat(200_000), '"\\'.repeat(100_000), 'x'.repeat(200_000)];
    for (const content of long) await exchange(id, content);
    expect((await client.messages(id)).filter(({ role }) => role === 'user').map(({ content }) => content)).toEqual(long);
    const answered = await client.conversation();
    for (const content of ['wide', 'flood']) await exchange(answered.id, content);
    const answers = await client.messages(answered.id);
    expect(answers[1]!.content).toBe('東'.repeat(200_000));
    expect(answers.find(({ role }) => role === 'tool')!.content).toMatch(/^東{1000}/);
    expect(answers.at(-1)!.content).toBe('You said: flood after 1 result');
    await expect(client.say(id, 'x'.repeat(200_001))).rejects.toMatchObject({ status: 400, body: { code: 'BAD_INPUT' } });
  });

  it('AGENT-6: a second one waits for the run before it, and is answered after it', async () => {
    const { id } = await client.conversation();
    const runs = [await client.say(id, 'work'), await client.say(id, 'second'), await client.say(id, 'third')];
    const order: string[] = [];
    await followThroughCuts(client, id, runs[2]!.run_id, { way: 'websocket', cuts: [], onFrame: ({ frame }) => { if (frame.type === 'run-started' || frame.type === 'run-ended') order.push(`${frame.type} ${runs.findIndex(({ run_id }) => run_id === frame.run_id)}`); } }, 40_000);
    // The first may have started before anybody followed.
    expect(order.filter((entry) => entry !== 'run-started 0')).toEqual([0, 1, 2].flatMap((run) => [`run-started ${run}`, `run-ended ${run}`]).slice(1));
    expect((await client.messages(id)).filter(({ role }) => role !== 'tool').map(({ content }) => content).filter(Boolean)).toEqual(['work', 'You said: work after 1 result', 'second', 'You said: second', 'third', 'You said: third']);
  });

  it('AGENT-6: one that steers is read by the run at work before its next step', async () => {
    const { id } = await client.conversation();
    const { run_id } = await client.say(id, 'work');
    await vi.waitUntil(async () => (await client.messages(id)).length > 1, { timeout: 20_000, interval: 50 });
    await client.request('POST', `/api/conversations/${id}/runs/${run_id}/steer`, { content: 'rather this' });
    await ended(id, run_id);
    expect((await client.messages(id)).at(-1)).toMatchObject({ role: 'assistant', run_id, content: 'You said: rather this' });
    await expect(client.request('POST', `/api/conversations/${id}/runs/${run_id}/steer`, { content: 'too late' })).rejects.toMatchObject({ status: 409, body: { code: 'CONFLICT' } });
  });

  it('AGENT-6 CONV-2: an answer that is stopped keeps what was shown, marked as cut', async () => {
    const { id } = await client.conversation();
    const { run_id } = await client.say(id, 'long');
    let shown = '';
    const stopping: Promise<unknown>[] = [];
    const joiner = await followThroughCuts(client, id, run_id, {
      way: 'sse', cuts: [],
      onFrame: ({ frame }) => {
        if (frame.type === 'text-delta') shown += frame.text;
        if (shown.length > 1_000 && stopping.length === 0) stopping.push(client.request('POST', `/api/conversations/${id}/runs/${run_id}/interrupt`));
      },
    }, 30_000);
    await Promise.all(stopping);
    expect([joiner.gaps, joiner.repeats]).toEqual([0, 0]);
    const last = (await client.messages(id)).at(-1)!;
    expect(last).toMatchObject({ role: 'assistant', cut: true });
    expect(last.content.length).toBeGreaterThan(900);
    expect('word '.repeat(2_000).startsWith(last.content)).toBe(true);
    await exchange(id, 'still there?');
    expect((await client.messages(id)).at(-1)!.content).toBe('You said: still there?');
  });
});

describe('a model that cannot answer', () => {
  /** How a turn in a conversation of these settings ends. */
  async function endOf(settings: object): Promise<RunEnd> {
    const { id } = await client.conversation(settings);
    const { run_id } = await client.say(id, 'hello?');
    const end = await endOfRun(id, run_id);
    // Nothing of it is lost: what was said stands there, and another model answers it.
    expect((await client.messages(id)).map(({ content }) => content)).toEqual(['hello?']);
    await client.request('PUT', `/api/conversations/${id}`, { provider: null, model_name: 'mock/echo' });
    await exchange(id, 'and now?');
    expect((await client.messages(id)).at(-1)!.content).toContain('and now?');
    return end;
  }

  it('AGENT-1 LLM-9: one that nobody knows, or whose upstream is dead, ends the turn with an error that names it', async () => {
    expect(await endOf({ model_name: 'mock/nothing' })).toMatchObject({ reason: 'failed', error: expect.stringContaining('no built-in model mock/nothing') });
    await client.request('POST', '/api/users/me/providers', { provider: 'anthropic', api_key: 'sk-test-0123456789', endpoint_url: `http://${dead}`, model_name: 'gone', is_default: false });
    expect(await endOf({ provider: 'anthropic', model_name: 'gone' })).toMatchObject({ reason: 'failed', error: expect.stringMatching(/nothing listens there/) });
    await client.request('DELETE', '/api/users/me/providers/anthropic');
  });
});

describe('the API\'s first clients', () => {
  type Told = { type: string } & Record<string, unknown>;

  /** A socket as such a client opens it, with what it was told so far. */
  async function open(): Promise<{ socket: WebSocket; told: Told[]; until: (type: string) => Promise<Told> }> {
    const socket = new WebSocket(`${product.webUrl.replace(/^http/, 'ws')}/api/ws?token=${client.token}`);
    const told: Told[] = [];
    socket.on('message', (data: Buffer) => told.push(JSON.parse(data.toString()) as Told));
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return { socket, told, until: async (type) => vi.waitUntil(() => told.find((event) => event.type === type), { timeout: 30_000, interval: 20 }) };
  }

  it('API-2 AUTH-1: find accounts and sessions as they knew them', async () => {
    const name = 'first-client';
    const post = async (path: string, body: object) => {
      const response = await fetch(`${product.webUrl}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    // Registration closes after the first account; the messages are those clients' own.
    expect(await post('/api/auth/register', { username: name, email: 'first@example.org', password: 'correct horse battery' })).toMatchObject({ status: 403, body: { message: expect.any(String) } });
    const login = await post('/api/auth/login', { username: 'ada', password: 'correct horse battery' });
    expect(login).toMatchObject({ status: 200, body: { access_token: expect.any(String), refresh_token: expect.any(String), user: { id: expect.any(String), username: 'ada', email: 'ada@example.org', is_admin: true } } });
    expect(await post('/api/auth/login', { username: 'ada', password: 'wrong' })).toMatchObject({ status: 401, body: { message: 'Invalid credentials' } });
    const next = await post('/api/auth/refresh', { refresh_token: login.body.refresh_token });
    expect(next).toMatchObject({ status: 200, body: { access_token: expect.any(String), user: { username: 'ada' } } });
    expect(next.body.refresh_token).not.toBe(login.body.refresh_token);
    expect(await post('/api/auth/refresh', { refresh_token: 'nonsense' })).toMatchObject({ status: 401, body: { message: 'Invalid refresh token' } });
    expect(await post('/api/auth/logout', { refresh_token: next.body.refresh_token })).toEqual({ status: 200, body: { message: 'Logged out' } });
    for (const [header, message] of [[undefined, 'missing authorization header'], ['Basic x', 'invalid authorization scheme'], ['Bearer x', 'invalid or expired token']] as const) {
      const response = await fetch(`${product.webUrl}/api/users/me`, { headers: { ...(header && { authorization: header }) } });
      expect([response.status, ((await response.json()) as { message: string }).message]).toEqual([401, message]);
    }
  });

  it('API-2: find conversations, messages and providers in the shapes they knew', async () => {
    const made = await client.request<Record<string, unknown>>('POST', '/api/conversations', {});
    expect(made).toMatchObject({ title: 'New Conversation', provider: null, model_name: null, system_prompt_override: null, created_at: expect.stringMatching(first), updated_at: expect.stringMatching(first) });
    await exchange(String(made.id), 'tool');
    const { messages, total } = await client.request<{ messages: Record<string, unknown>[]; total: number }>('GET', `/api/conversations/${String(made.id)}/messages?limit=50&offset=0`);
    expect(total).toBe(4);
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    for (const message of messages) expect(message).toMatchObject({ id: expect.any(String), content: expect.any(String), created_at: expect.stringMatching(first) });
    expect(JSON.parse(String(messages[1]!.tool_calls))).toEqual([expect.objectContaining({ id: expect.any(String) })]);
    expect([messages[0]!.tool_calls, messages[2]!.tool_call_id === null, messages[3]!.tool_call_id]).toEqual([null, false, null]);
    const [provider] = await client.request<object[]>('GET', '/api/users/me/providers');
    expect(provider).toEqual({ id: expect.any(String), provider: 'openai', endpoint_url: upstream.url, model_name: 'chat-model', is_default: true, has_api_key: true });
    await expect(client.request('POST', '/api/users/me/providers', { provider: 'nobody', api_key: 'x' })).rejects.toMatchObject({ status: 400 });
    await expect(client.request('DELETE', '/api/users/me/providers/mistral')).rejects.toMatchObject({ status: 404 });
    expect(await (await fetch(`${product.webUrl}/health`)).text()).toBe('ok');
  });

  it('API-2: chat over the WebSocket as they did', async () => {
    const { id } = await client.conversation();
    const { socket, told, until } = await open();
    socket.send(JSON.stringify({ type: 'user_message', content: 'too early' }));
    expect(await until('error')).toMatchObject({ code: 'no_conversation' });
    socket.send(JSON.stringify({ type: 'join_conversation', conversation_id: id }));
    expect(await until('conversation_joined')).toEqual({ type: 'conversation_joined', conversation_id: id });
    expect(await until('container_status')).toMatchObject({ conversation_id: id, status: 'not_running', message: expect.any(String) });
    socket.send(JSON.stringify({ type: 'user_message', content: 'tool' }));
    const complete = await until('complete');
    socket.close();
    const types = told.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1] && type !== 'container_status');
    expect(types.slice(2)).toEqual(['message_saved', 'assistant_delta', 'tool_call', 'tool_result', 'assistant_delta', 'complete']);
    const call = told.find(({ type }) => type === 'tool_call')!;
    expect(call).toMatchObject({ tool_name: 'bash', tool_input: { command: 'echo from the computer' } });
    expect(told.find(({ type }) => type === 'tool_result')).toMatchObject({ tool_call_id: call.tool_call_id, result: 'from the computer\n', is_error: false });
    expect(told.some(({ type, status }) => type === 'container_status' && status === 'connected')).toBe(true);
    const text = told.filter(({ type }) => type === 'assistant_delta').map(({ delta }) => delta).join('');
    const messages = await client.messages(id);
    expect(complete).toMatchObject({ content: text, message_id: messages.at(-1)!.id, token_usage: { completion: 12 } });
    expect(told.find(({ type }) => type === 'message_saved')).toMatchObject({ message_id: messages[0]!.id });
    expect((complete.token_usage as { prompt: number }).prompt).toBeGreaterThan(0);
  });

  it('API-2 AGENT-6: cancel, and are refused with a bad token or an unknown conversation', async () => {
    const { id } = await client.conversation();
    const { socket, told, until } = await open();
    socket.send(JSON.stringify({ type: 'join_conversation', conversation_id: 'no-such-conversation' }));
    expect(await until('error')).toMatchObject({ code: 'not_found' });
    told.length = 0;
    socket.send(JSON.stringify({ type: 'join_conversation', conversation_id: id }));
    await until('conversation_joined');
    socket.send(JSON.stringify({ type: 'user_message', content: 'long' }));
    await until('assistant_delta');
    socket.send(JSON.stringify({ type: 'cancel' }));
    expect(await until('error')).toMatchObject({ code: 'cancelled' });
    socket.close();
    const refused = new WebSocket(`${product.webUrl.replace(/^http/, 'ws')}/api/ws?token=nonsense`);
    expect(await new Promise((resolve) => refused.once('unexpected-response', (_request, response) => resolve(response.statusCode)).on('error', () => {}))).toBe(401);
  });
});
