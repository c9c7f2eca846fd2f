// The operator's side: starting, stopping, killing and the operator's tool, on the real product.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startProduct } from '../product.ts';
import type { PartName, RunningProduct } from '../product.ts';

const root = dirname(dirname(import.meta.dirname));
const services: readonly PartName[] = ['gateway', 'auth', 'conversations', 'agent', 'sandbox-manager', 'llm-gateway'];

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a built program with these variables to its end. */
function runProgram(file: string, args: readonly string[], variables: Readonly<Record<string, string>>, input = ''): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'dist', file), ...args], { cwd: root, env: { ...process.env, ...variables }, stdio: ['pipe', 'pipe', 'pipe'], timeout: 30_000 });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    child.stdin.end(input);
    child.on('close', (code) => resolve({ code, output }));
  });
}

const runs = (pid: number | null) => {
  try {
    return pid !== null && process.kill(pid, 0);
  } catch {
    return false;
  }
};

async function json<Answer>(url: string, body?: object, token?: string): Promise<{ status: number; body: Answer }> {
  const headers = { ...(body && { 'content-type': 'application/json' }), ...(token && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(url, { method: body ? 'POST' : 'GET', headers, ...(body && { body: JSON.stringify(body) }) });
  return { status: answer.status, body: (await answer.json()) as Answer };
}

describe('a start that cannot go on (OPS-1)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'deskhand-refused-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('names an unknown variable and the one that was meant', async () => {
    const { code, output } = await runProgram('supervisor.mjs', [], { DESKHAND_DATA: folder, DESKHAND_PROT: '3001' });
    expect(code).toBe(1);
    expect(output).toMatch(/DESKHAND_PROT is not a variable.*DESKHAND_PORT.*Example/);
  });

  it('names a busy port and the variable that moves it', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { code, output } = await runProgram('supervisor.mjs', [], { DESKHAND_DATA: folder, DESKHAND_PORT: String(port) });
    server.close();
    expect(code).toBe(1);
    expect(output).toMatch(new RegExp(`Port ${port} of the web app is taken.*Set DESKHAND_PORT`));
  });

  it('names a data folder that cannot be used', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const { code, output } = await runProgram('supervisor.mjs', [], { DESKHAND_DATA: file });
    expect(code).toBe(1);
    expect(output).toMatch(/data folder .* cannot be used.*Set DESKHAND_DATA/);
  });
});

describe('a running product (OPS-1)', () => {
  let product: RunningProduct;
  const folderOfNobody = join(tmpdir(), 'deskhand-nowhere');
  const operate = (args: readonly string[], input?: string) => runProgram('deskhand.mjs', args, { DESKHAND_DATA: product.dataFolder }, input);

  beforeAll(async () => {
    product = await startProduct();
  });
  afterAll(async () => product?.stop());

  it('answers, and printed where to go and what key to use', async () => {
    expect(await (await fetch(`${product.webUrl}/health`)).text()).toContain('ok');
    expect((await json<{ ready: boolean }>(`${product.webUrl}/ready`)).body.ready).toBe(true);
    expect(product.output()).toContain(`${product.webUrl}/signup`);
    expect(product.output()).toContain(`${product.llmUrl}   key ${product.llmKey}`);
  });

  it('keeps its secrets to this user, and out of its own later lines and logs', () => {
    const files = ['master.key', 'llm-gateway.key', 'nats/keys.json', 'nats/server.conf'];
    expect([statSync(product.dataFolder).mode & 0o777, ...files.map((file) => statSync(join(product.dataFolder, file)).mode & 0o777)]).toEqual([0o700, 0o600, 0o600, 0o600, 0o600]);
    const secrets = [readFileSync(join(product.dataFolder, 'master.key'), 'utf8').trim(), product.llmKey, ...Object.values(JSON.parse(readFileSync(join(product.dataFolder, 'nats', 'keys.json'), 'utf8')) as Record<string, string>)];
    const logs = services.map((name) => readFileSync(join(product.dataFolder, 'logs', `${name}.log`), 'utf8')).join('\n');
    expect(secrets.filter((secret) => logs.includes(secret))).toEqual([]);
    expect(product.output().split(product.llmKey)).toHaveLength(2);
  });

  it('is not started a second time on its data folder', async () => {
    const { code, output } = await runProgram('supervisor.mjs', [], { DESKHAND_DATA: product.dataFolder });
    expect(code).toBe(1);
    expect(output).toContain(`already runs on the data folder ${product.dataFolder} (process ${product.pid('supervisor')})`);
  });

  it.each([...services, 'nats-server'] as PartName[])('starts %s again when it is killed, and says so', async (part) => {
    const before = product.pid(part);
    expect(product.kill(part)).toBe(true);
    await expect.poll(() => product.pid(part) ?? before, { timeout: 20_000, interval: 50 }).not.toBe(before);
    await product.untilWell();
    expect(product.output()).toMatch(new RegExp(`${part} died .*starting it again in 0\\.\\d+ s`));
    // What services warn of is seen where the product was started.
    if (part === 'nats-server') await expect.poll(() => product.output()).toContain('gateway: warning: The connection to NATS was lost');
    await expect.poll(async () => (await json<{ ready: boolean }>(`${product.webUrl}/ready`).catch(() => null))?.body.ready, { timeout: 20_000 }).toBe(true);
  });

  it('lets the operator make, list, disable and re-key accounts and make tokens (AUTH-2, AUTH-6)', async () => {
    const made = await operate(['user', 'create', 'grace', '--email', 'grace@example.org', '--admin', '--password-stdin'], 'correct horse battery\n');
    expect(made).toMatchObject({ code: 0, output: expect.stringContaining('Made grace') });
    expect((await operate(['user', 'create', 'grace', '--email', 'other@example.org'])).code).toBe(1);
    expect((await operate(['user', 'list'])).output).toMatch(/^grace <grace@example\.org> {2}administrator/m);
    const login = (password: string) => json<{ access_token: string }>(`${product.webUrl}/api/auth/login`, { username: 'grace', password });
    expect((await login('correct horse battery')).status).toBe(200);

    const reset = await operate(['user', 'reset-password', 'grace']);
    const password = /\(shown once\): (\S+)/.exec(reset.output)?.[1] ?? '';
    expect((await login('correct horse battery')).status).toBe(401);
    expect((await login(password)).status).toBe(200);

    const token = /\(shown once\): (\S+)/.exec((await operate(['token', 'create', '--user', 'grace', '--name', 'ci', '--days', '1'])).output)?.[1] ?? '';
    expect((await json<{ username: string }>(`${product.webUrl}/api/users/me`, undefined, token)).body.username).toBe('grace');

    expect((await operate(['user', 'disable', 'grace'])).output).toContain('The last enabled administrator cannot be disabled');
    expect((await operate(['user', 'create', 'joan', '--email', 'joan@example.org', '--admin'])).code).toBe(0);
    expect((await operate(['user', 'disable', 'grace'])).output).toContain('grace is disabled');
    expect((await login(password)).status).toBe(401);
    expect((await json(`${product.webUrl}/api/users/me`, undefined, token)).status).toBe(401);
  });

  it('tells the operator what is missing and what to do about it (doctor)', async () => {
    const doctor = (variables: Readonly<Record<string, string>>) => runProgram(join('..', 'deploy', 'local', 'doctor.mjs'), [], { DESKHAND_COMBINED_PORT: 'off', DESKHAND_DESKTOP_PORT: 'off', ...variables });
    const ports = { DESKHAND_PORT: new URL(product.webUrl).port, DESKHAND_LLM_PORT: new URL(product.llmUrl).port };
    const { output } = await doctor({ DESKHAND_DATA: product.dataFolder, ...ports });
    for (const subject of ['variables', 'node', 'dependencies', 'build', 'nats-server', 'docker', 'sandbox image', 'data folder']) expect(output).toMatch(new RegExp(`^ok +${subject} `, 'm'));
    expect(output).toContain(`port ${ports.DESKHAND_PORT} (web app)`);
    expect(output.match(/in use by this Deskhand/g)).toHaveLength(2);

    const ill = await doctor({ DESKHAND_DATA: folderOfNobody, ...ports, DESKHAND_PROT: '1', DOCKER_HOST: 'unix:///nonexistent/docker.sock' });
    expect(ill.code).toBe(1);
    expect(ill.output).toMatch(/^PROBLEM +variables +DESKHAND_PROT is not a variable.*Did you mean DESKHAND_PORT/m);
    expect(ill.output).toMatch(/^PROBLEM +docker +.*DOCKER_HOST.*does not answer\. Start it/m);
    expect(ill.output).toMatch(new RegExp(`^PROBLEM +port ${ports.DESKHAND_PORT} .*taken by another program.*set DESKHAND_PORT`, 'm'));
    expect(ill.output).toMatch(/^[3-9] things need attention\.$/m);
  });

  it('leaves no process behind when the supervisor is killed, and starts again on the same data (AGENT-7)', async () => {
    const parts = [...services, 'nats-server'] as PartName[];
    const before = parts.map((part) => product.pid(part));
    expect(before.every(runs)).toBe(true);
    product.kill('supervisor');
    await product.restart();
    await expect.poll(() => before.filter(runs)).toEqual([]);
    expect((await operate(['user', 'list'])).output).toContain('grace');
  });

  it('drains on Ctrl-C, ends with code 0 and gives the data folder back', async () => {
    const before = [...services, 'nats-server'].map((part) => product.pid(part as PartName));
    expect(await product.interrupt()).toBe(0);
    await expect.poll(() => before.filter(runs)).toEqual([]);
    await product.restart();
    expect((await json<{ ready: boolean }>(`${product.webUrl}/ready`)).body.ready).toBe(true);
  });
});

describe('a product without a Docker engine (OPS-1)', () => {
  it('starts, says why there are no computers, and chats', async () => {
    const problem = 'No Docker engine is reachable here.';
    await using product = await startProduct({ variables: { DOCKER_HOST: 'unix:///nonexistent/docker.sock', DOCKER_PROBLEM: problem, SANDBOX_IMAGE: '' } });
    expect(product.output()).toContain(problem);
    const session = await json<{ access_token: string }>(`${product.webUrl}/api/auth/register`, { username: 'ada', email: 'ada@example.org', password: 'correct horse battery' });
    const token = session.body.access_token;
    const conversation = await json<{ id: string }>(`${product.webUrl}/api/conversations`, { model_name: 'mock/echo' }, token);
    const url = `${product.webUrl}/api/conversations/${conversation.body.id}/messages`;
    expect((await json(url, { content: 'hello from the dark' }, token)).status).toBe(202);
    const answers = async () => (await json<{ messages: { role: string; content: string }[] }>(url, undefined, token)).body.messages.filter(({ role }) => role === 'assistant').map(({ content }) => content);
    await expect.poll(async () => (await answers()).join(), { timeout: 20_000 }).toContain('hello from the dark');
  });
});
