// MCP servers as administrators define them and people use them: inside the conversation's computer, and elsewhere.
import { randomUUID } from 'node:crypto';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ApprovalView, McpServerDetails, McpServerView } from '@deskhand/contracts';
import { startHttpServer, type HttpServer } from '../../packages/mcp/test/http-server.ts';
import { stdioServer } from '../../packages/mcp/test/stdio-server.ts';
import { startUpstream, type ScriptedUpstream, type UpstreamAnswer } from '../../services/llm-gateway/test/upstream.ts';
import { openBrowser } from '../browser.ts';
import { Client } from '../client/client.ts';
import { docker, startProduct, type RunningProduct } from '../product.ts';
import { computerOf, shell, tell, toldModel } from '../told-model.ts';

const canary = `canary-${randomUUID()}`;
let product: RunningProduct;
let upstream: ScriptedUpstream;
let remote: HttpServer;
let admin: Client;
let user: Client;
let local: McpServerDetails;

const define = async (server: object) => admin.request<McpServerDetails>('POST', '/api/admin/mcp-servers', server);
const choose = async (client: Client, conversation: string, ...servers: { id: string }[]) => client.request('PUT', `/api/conversations/${conversation}/mcp-servers`, { server_ids: servers.map(({ id }) => id) });
const use = (tool: string, text = ''): UpstreamAnswer => ({ toolCalls: [{ name: tool, arguments: { text } }] });
const inside = async (conversation: string, command: string) => docker('exec', (await docker('ps', '--quiet', '--filter', `label=deskhand.computer=${await computerOf(user, conversation)}`)).trim(), 'sh', '-c', command);

/** A conversation with the server's program in its workspace. */
async function begun(...servers: { id: string }[]): Promise<string> {
  const { id } = await user.conversation();
  const encoded = Buffer.from(stdioServer().source).toString('base64');
  await tell(user, id, [shell(`echo ${encoded} | base64 -d > /workspace/server.cjs`)]);
  await choose(user, id, ...servers);
  return id;
}

beforeAll(async () => {
  upstream = await startUpstream({ format: 'openai-chat', script: toldModel });
  remote = await startHttpServer();
  product = await startProduct({ variables: { DESKHAND_ALLOWED_PRIVATE_HOSTS: `${upstream.host},${remote.host}`, DESKHAND_REGISTRATION: 'open' } });
  admin = await Client.register(product.webUrl);
  user = await Client.register(product.webUrl);
  await user.provider('openai', `${upstream.url}/v1`, 'told-model');
  local = await define({ name: 'Local tools', description: 'A test', transport: 'stdio', command: 'node', args: ['/workspace/server.cjs'], env_vars: { GREETING: canary, NOTES: '/workspace/notes' } });
}, 120_000);
afterAll(async () => {
  await product?.stop();
  await remote?.close();
  await upstream?.close();
}, 60_000);

describe('the registry', () => {
  it('AGENT-4 API-2: has the paths, shapes and status codes of its first clients, for administrators only', async () => {
    expect(local).toMatchObject({ name: 'Local tools', transport: 'stdio', command: 'node', args: ['/workspace/server.cjs'], url: null, env_vars: { GREETING: null, NOTES: null }, is_enabled: true });
    const status = async (client: Client, method: string, path: string, body?: object) => (await fetch(`${product.webUrl}${path}`, { method, headers: { authorization: `Bearer ${client.token}`, ...(body && { 'content-type': 'application/json' }) }, ...(body && { body: JSON.stringify(body) }) })).status;
    const other = { name: 'Other', transport: 'sse', url: 'https://example.org/sse', args: '["a"]', env_vars: '{"A": "b"}' };
    const before = await admin.request<McpServerDetails[]>('GET', '/api/admin/mcp-servers');
    expect(await status(admin, 'POST', '/api/admin/mcp-servers', { ...other, transport: 'carrier-pigeon' })).toBe(400);
    expect(await status(admin, 'POST', '/api/admin/mcp-servers', { name: 'No program', transport: 'stdio' })).toBe(400);
    expect(await status(user, 'POST', '/api/admin/mcp-servers', other)).toBe(403);
    expect(await status(admin, 'POST', '/api/admin/mcp-servers', other)).toBe(201);
    const made = (await admin.request<McpServerDetails[]>('GET', '/api/admin/mcp-servers')).find(({ name }) => name === 'Other')!;
    expect(made).toMatchObject({ args: ['a'], env_vars: { A: null } });
    expect(await admin.request('GET', `/api/admin/mcp-servers/${made.id}`)).toEqual(made);
    expect(await status(admin, 'PUT', `/api/admin/mcp-servers/${made.id}`, { ...made, is_enabled: false })).toBe(200);
    expect((await user.request<McpServerView[]>('GET', '/api/mcp-servers')).map(({ name }) => name)).not.toContain('Other');
    expect(await status(admin, 'DELETE', `/api/admin/mcp-servers/${made.id}`)).toBe(204);
    for (const [method, body] of [['GET'], ['DELETE'], ['PUT', { name: 'x' }]] as const) expect(await status(admin, method, `/api/admin/mcp-servers/${made.id}`, body)).toBe(404);
    expect(await admin.request('GET', '/api/admin/mcp-servers')).toHaveLength(before.length);

    const { id } = await user.conversation();
    const answer = await fetch(`${product.webUrl}/api/conversations/${id}/mcp-servers`, { method: 'PUT', headers: { authorization: `Bearer ${user.token}`, 'content-type': 'application/json' }, body: JSON.stringify({ server_ids: [local.id] }) });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
    expect(await user.request('GET', `/api/conversations/${id}/mcp-servers`)).toEqual([{ id: local.id, name: 'Local tools', description: 'A test', transport: 'stdio', is_enabled: true }]);
    expect(await status(admin, 'GET', `/api/conversations/${id}/mcp-servers`)).toBe(404);
  });
});

describe('a server inside the computer', () => {
  let conversation: string;
  beforeAll(async () => { conversation = await begun(local); }, 60_000);

  it('AGENT-4 SECURITY 18 13: offers its tools by itself, runs as the tools\' user in the computer, and its variables are nowhere else', async () => {
    const turn = await tell(user, conversation, [use('mcp__local_tools__echo', 'there'), use('mcp__local_tools__picture')]);
    expect(turn.outputs).toEqual([`${canary} there`, 'A picture from the MCP server "Local tools".']);
    expect(turn.calls[0]!.result.display).toMatchObject({ server: 'Local tools', tool: 'echo' });
    const [picture] = turn.calls[1]!.result.images!;
    const shown = await fetch(`${product.webUrl}/api/conversations/${conversation}/blobs/${picture!.blob}`, { headers: { authorization: `Bearer ${user.token}` } });
    expect([shown.status, shown.headers.get('content-type'), (await shown.bytes()).length]).toEqual([200, 'image/png', 70]);
    expect((await inside(conversation, "ps -eo user=,args= | grep '[s]erver.cjs'")).trim().split(/\s+/)).toEqual(['agent', 'node', '/workspace/server.cjs']);
    const container = (await docker('ps', '--quiet', '--filter', `label=deskhand.computer=${await computerOf(user, conversation)}`)).trim();
    expect(await docker('inspect', container)).not.toContain(canary);
    expect(product.output()).not.toContain(canary);
    expect(JSON.stringify(await admin.request('GET', '/api/admin/mcp-servers'))).not.toContain(canary);
  });

  it('AGENT-5: asks when the conversation asks, and goes on when it is allowed', async () => {
    await user.request('PUT', `/api/conversations/${conversation}`, { approval_mode: 'ask' });
    const told = tell(user, conversation, [use('mcp__local_tools__echo', 'asked')]);
    const approval = await vi.waitUntil(async () => (await user.request<ApprovalView[]>('GET', '/api/approvals')).find(({ conversation_id }) => conversation_id === conversation), { timeout: 20_000 });
    expect(approval).toMatchObject({ name: 'mcp__local_tools__echo', arguments: { text: 'asked' } });
    await user.request('POST', `/api/approvals/${approval.approval_id}`, { decision: 'allow' });
    expect((await told).outputs).toEqual([`${canary} asked`]);
    await user.request('PUT', `/api/conversations/${conversation}`, { approval_mode: 'auto' });
  });

  it('AGENT-7 SECURITY 29: a call survives the death of the worker, and is made once', async () => {
    const told = tell(user, conversation, [use('mcp__local_tools__wait')]);
    await vi.waitUntil(async () => (await inside(conversation, 'cat /workspace/notes 2>/dev/null || true')).includes('wait began'), { timeout: 30_000, interval: 100 });
    expect(product.kill('agent')).toBe(true);
    expect((await told).outputs).toEqual(['waited']);
    expect(await inside(conversation, 'grep -c "wait began" /workspace/notes')).toBe('1\n');
    await product.untilWell();
  });

  it('that crashes in a call is named, nothing is repeated, and the next call finds it again', async () => {
    const turn = await tell(user, conversation, [use('mcp__local_tools__crash'), use('mcp__local_tools__echo', 'again')]);
    expect(turn.calls.map(({ is_error, interrupted = false }) => [is_error, interrupted])).toEqual([[true, true], [false, false]]);
    expect(turn.outputs[0]).toMatch(/"Local tools" failed while the call ran.*exit code 3: out of luck/);
    expect(turn.outputs[1]).toBe(`${canary} again`);
  });

  it('AGENT-6 SECURITY 17: is gone within three seconds when its call is stopped, with its daemons', async () => {
    let run = '';
    const told = tell(user, conversation, [use('mcp__local_tools__daemon')], { onEvent: (event) => { if (event.type === 'tool-call-started') run = event.run_id; } });
    await vi.waitUntil(async () => run !== '' && (await inside(conversation, 'pgrep -f "[s]leep 4242" || true')) !== '', { timeout: 20_000, interval: 100 });
    const stopped = Date.now();
    await user.request('POST', `/api/conversations/${conversation}/runs/${run}/interrupt`);
    expect((await told).reason).toBe('interrupted');
    await vi.waitUntil(async () => (await inside(conversation, 'pgrep -f "[s]leep 4242|[s]erver.cjs" || true')) === '', { timeout: 5_000, interval: 50 });
    expect(Date.now() - stopped).toBeLessThan(3_000);
  });
});

describe('a server elsewhere', () => {
  it('AGENT-4 AGENT-5 SECURITY 19: asks unless it only reads, has a session a conversation, and its refusal stays a refusal', async () => {
    const server = await define({ name: 'Remote', transport: 'http', url: remote.url });
    const { id } = await user.conversation();
    await choose(user, id, server);
    const reading = await tell(user, id, [use('mcp__remote__who')]);
    expect(remote.sessions).toContain(reading.outputs[0]);
    const other = await user.conversation();
    await choose(user, other.id, server);
    expect((await tell(user, other.id, [use('mcp__remote__who')])).outputs[0]).not.toBe(reading.outputs[0]);

    const told = tell(user, id, [use('mcp__remote__act', 'now')]);
    const approval = await vi.waitUntil(async () => (await user.request<(ApprovalView)[]>('GET', '/api/approvals')).find(({ conversation_id }) => conversation_id === id), { timeout: 20_000 });
    expect(approval.reason).toBe('This reaches outside the conversation\'s computer, to the MCP server "Remote".');
    expect(remote.calls.filter(({ tool }) => tool === 'act')).toEqual([]);
    await user.request('POST', `/api/approvals/${approval.approval_id}`, { decision: 'allow' });
    expect((await told).outputs).toEqual(['act now']);
  });

  it('AGENT-7: a call that a worker died in is never made again', async () => {
    const server = await define({ name: 'Hanging', transport: 'streamable-http', url: remote.url });
    const { id } = await user.conversation();
    await choose(user, id, server);
    const told = tell(user, id, [use('mcp__hanging__look', 'warm'), { toolCalls: [{ name: 'mcp__hanging__hang', arguments: {} }] }]);
    const approval = await vi.waitUntil(async () => (await user.request<ApprovalView[]>('GET', '/api/approvals')).find(({ conversation_id }) => conversation_id === id), { timeout: 20_000 });
    await user.request('POST', `/api/approvals/${approval.approval_id}`, { decision: 'allow' });
    await vi.waitUntil(() => remote.calls.some(({ tool }) => tool === 'hang'), { timeout: 20_000 });
    product.kill('agent');
    const turn = await told;
    expect(turn.calls.at(-1)).toMatchObject({ is_error: true, interrupted: true });
    expect(remote.calls.filter(({ tool }) => tool === 'hang')).toHaveLength(1);
    await product.untilWell();
  });

  it('AGENT-4 SECURITY 9 24: that cannot or may not be used is named to the person, and the others work', async () => {
    const refused = await define({ name: 'Inner', transport: 'http', url: 'http://169.254.169.254/mcp' });
    const missing = await define({ name: 'Missing', transport: 'stdio', command: 'no-such-program' });
    const conversation = await begun(local, refused, missing);
    const begunAt = Date.now();
    expect((await tell(user, conversation, [use('mcp__local_tools__echo', 'all the same')])).outputs).toEqual([`${canary} all the same`]);
    expect(Date.now() - begunAt).toBeLessThan(20_000);
    const notices = (await user.messages(conversation)).flatMap(({ blocks }) => blocks.flatMap((block) => (block.type === 'notice' ? [block.text] : [])));
    expect(notices.join('\n')).toContain('"Inner" cannot be used now, so its tools are left out: 169.254.169.254:80 is not a public address');
    expect(notices.join('\n')).toContain('There is no program no-such-program in the computer');
  });
});

describe('the pages', () => {
  const secret = `Bearer typed-${randomUUID()}`;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];
  const signIn = async (client: Client) => {
    page = await (await browser.newContext({ viewport: { width: 1280, height: 860 }, reducedMotion: 'reduce' })).newPage();
    page.on('pageerror', (error) => problems.push(error.message));
    await page.goto(`${product.webUrl}/login`);
    await page.getByLabel(/user ?name/i).fill(client.session.user.username);
    await page.getByLabel(/password/i).fill('correct horse battery');
    await page.keyboard.press('Enter');
    await page.getByRole('textbox', { name: 'Message' }).waitFor();
  };
  /** In both themes, and without a sideways scroll on a phone. */
  const expectClean = async (): Promise<void> => {
    interface Axe { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> }
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.evaluate(axe.source);
      const violations = async () => (await page.evaluate(async () => (await (globalThis as unknown as { axe: Axe }).axe.run()).violations)).filter(({ impact }) => impact === 'serious' || impact === 'critical');
      // Colours change over a moment; half-way they have neither theme's contrast.
      await page.waitForTimeout(300);
      await expect.poll(async () => (await violations()).map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`), { interval: 500 }).toEqual([]);
    }
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await page.setViewportSize({ width: 1280, height: 860 });
  };
  beforeAll(async () => { browser = await openBrowser(); });
  afterAll(async () => browser?.close());

  it('AGENT-4: an administrator defines, tests, changes and removes a server', async () => {
    await signIn(admin);
    await page.goto(`${product.webUrl}/settings/mcp-servers`);
    await page.getByText('/workspace/server.cjs').first().waitFor();
    await page.getByRole('button', { name: 'Add a server' }).press('Enter');
    await page.getByLabel('Name', { exact: true }).fill('Tracker');
    await page.getByLabel('Where it is').selectOption({ label: 'HTTP' });
    await page.getByLabel('Address').fill(remote.url);
    await page.getByRole('button', { name: 'Add header' }).click();
    await page.getByLabel('Header 1: name').fill('Authorization');
    await page.getByLabel('Authorization: value').fill(secret);
    await expectClean();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Test Tracker' }).click();
    await page.getByText('It answers, with 4 tools.').waitFor();
    await page.getByRole('list', { name: 'Tools found' }).getByText('only reads').first().waitFor();
    expect(remote.headers.at(-1)).toMatchObject({ authorization: secret });
    await expectClean();

    // One inside computers is tried in a computer of its own, which is gone afterwards.
    const computers = async () => (await admin.request<unknown[]>('GET', '/api/admin/containers')).length;
    const before = await computers();
    await page.getByRole('button', { name: 'Test Local tools' }).click();
    await page.getByText(/It ended with exit code 1.*Cannot find module/).waitFor({ timeout: 30_000 });
    await vi.waitUntil(async () => (await computers()) === before, { timeout: 10_000, interval: 200 });

    await page.getByRole('button', { name: 'Change Tracker' }).click();
    await page.getByLabel('Description').fill('Issues of the house');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Issues of the house').waitFor();
    await page.getByRole('button', { name: 'Test Tracker' }).click();
    await page.getByText('It answers, with 4 tools.').waitFor();
    expect(remote.headers.at(-1)).toMatchObject({ authorization: secret });
    expect(await page.content()).not.toContain(secret);
    await page.getByRole('button', { name: 'Disable Tracker' }).click();
    await page.getByRole('button', { name: 'Enable Tracker' }).click();
    await page.getByRole('button', { name: 'Disable Tracker' }).waitFor();
  }, 90_000);

  it('AGENT-4: a person chooses it for a conversation, and the call names it', async () => {
    const { id } = await user.conversation();
    await signIn(user);
    await page.goto(`${product.webUrl}/c/${id}`);
    await page.getByRole('button', { name: 'Conversation', exact: true }).click();
    await page.getByRole('menuitem', { name: /MCP servers/ }).click();
    const dialog = page.getByRole('dialog', { name: 'MCP servers' });
    await dialog.getByLabel('Tracker').check();
    await expectClean();
    await dialog.getByRole('button', { name: 'Use these' }).click();
    await dialog.waitFor({ state: 'hidden' });
    expect(await user.request<McpServerView[]>('GET', `/api/conversations/${id}/mcp-servers`)).toMatchObject([{ name: 'Tracker' }]);
    const told = tell(user, id, [use('mcp__tracker__look', 'around'), use('mcp__tracker__act', 'now')]);
    await page.getByRole('button', { name: /Used.*Tracker: look/ }).waitFor();
    await page.getByText('Use act of the MCP server tracker?').waitFor();
    await page.getByText('to the MCP server "Tracker"').waitFor();
    await expectClean();
    await page.getByRole('button', { name: /^Allow once/ }).click();
    expect((await told).outputs).toEqual(['look around', 'act now']);
    expect(problems).toEqual([]);
  }, 60_000);
});
