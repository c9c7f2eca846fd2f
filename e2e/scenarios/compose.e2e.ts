// The product as containers, on images made without a registry. A project of its own that runs last: it builds images.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser } from '../browser.ts';
import { Client } from '../client/client.ts';
import { followThroughCuts } from '../client/resuming.ts';
import { composedProduct, type ComposedProduct } from '../composed.ts';
import { computerOf } from '../told-model.ts';

let product: ComposedProduct;
let client: Client;
/** A conversation that took the tour and kept its files. */
let kept: string;

beforeAll(async () => {
  product = await composedProduct({ DESKHAND_REGISTRATION: 'open' });
  const started = performance.now();
  await product.up('--build');
  console.info(`docker compose up --build until all is well: ${seconds(started)}`);
  client = await Client.register(product.webUrl, 'ada');
}, 600_000);
afterAll(async () => product?.stop(), 120_000);

const seconds = (since: number) => `${((performance.now() - since) / 1_000).toFixed(1)} s`;

/** Takes the tour of the built-in model and answers its question. */
async function takeTour(conversation: string, decision: 'allow' | 'deny', onTool: (name: string) => void = () => {}) {
  const { run_id } = await client.say(conversation, 'Give me the tour');
  const joiner = await followThroughCuts(client, conversation, run_id, {
    way: 'sse', cuts: [],
    onFrame: ({ frame }) => {
      if (frame.type === 'approval-requested') void client.decide(frame.approval_id, decision);
      if (frame.type === 'tool-call-started') onTool(frame.name);
    },
  }, 200_000);
  const messages = (await client.messages(conversation)).filter((message) => message.run_id === run_id);
  const results = messages.flatMap(({ blocks }) => blocks.flatMap((block) => (block.type === 'tool_result' ? [block] : [])));
  return { joiner, results, last: messages.at(-1)!.content };
}

describe('docker compose', () => {
  it('OPS-2 AGENT-2 AGENT-3 AGENT-5 LLM-8: comes up by one command and gives the tour', async () => {
    expect(await client.request('GET', '/ready')).toMatchObject({ ready: true });
    const { id } = await client.conversation({ title: 'Kept' });
    kept = id;
    const started = performance.now();
    const { joiner, results, last } = await takeTour(id, 'deny');
    console.info(`the tour over containers: ${seconds(started)}`);
    expect([joiner.gaps, joiner.repeats, joiner.mismatches]).toEqual([0, 0, 0]);
    expect(results.filter(({ is_error }) => is_error).map(({ name }) => name)).toEqual(['bash']);
    expect(results.some(({ result }) => result.output.includes('Hello, dear reader, from your own computer!'))).toBe(true);
    // The manager kept the pictures where the gateway finds them.
    const pictures = results.flatMap(({ result }) => result.images ?? []);
    expect(pictures.length).toBeGreaterThanOrEqual(7);
    const picture = await fetch(`${product.webUrl}/api/conversations/${id}/blobs/${pictures.at(-1)!.blob}`, { headers: { authorization: `Bearer ${client.token}` } });
    expect([picture.status, picture.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    expect(last).toContain('scripted tour');
    expect(existsSync(join(product.dataFolder, 'workspaces', await computerOf(client, id), 'workspace', 'hello.py'))).toBe(true);
    const browser = await openBrowser();
    try {
      const page = await browser.newPage();
      await page.goto(`${product.webUrl}/login`);
      await page.getByLabel(/user ?name|email/i).first().fill('ada');
      await page.getByLabel(/password/i).first().fill('correct horse battery');
      await page.keyboard.press('Enter');
      await page.getByRole('textbox', { name: 'Message' }).waitFor();
      await page.goto(`${product.webUrl}/c/${id}`);
      await page.locator('main .turn p').getByText('scripted tour').first().waitFor();
    } finally {
      await browser.close();
    }
  }, 240_000);

  it('OPS-2 SECURITY: publishes one port, gives each container its own keys only, and the engine to the manager alone', async () => {
    const published = (await product.compose('ps', '--format', '{{.Service}} {{.Ports}}')).trim().split('\n').filter((line) => line.includes('->'));
    expect(published).toHaveLength(1);
    expect(published[0]).toMatch(/^gateway 127\.0\.0\.1:\d+->3000\/tcp/);
    const services = ['gateway', 'auth', 'conversations', 'agent', 'agent-spare', 'llm-gateway', 'sandbox-manager'];
    for (const service of services) {
      const script = 'id -u; ls /keys/*/environment.json; ls /var/run/docker.sock 2>/dev/null; touch /app/x 2>/dev/null && echo writable; grep -c "MASTER_KEY" /keys/*/environment.json; sed -n "s/^NoNewPrivs:\\t//p" /proc/1/status; true';
      const lines = (await product.compose('exec', '--no-TTY', ...(service === 'sandbox-manager' ? ['--user', '10001'] : []), service, 'sh', '-c', script)).trim().split('\n');
      const folder = service === 'agent-spare' ? 'agent' : service;
      const holdsMasterKey = { auth: '1', conversations: '1', 'llm-gateway': '2' }[service] ?? '0';
      expect([service, ...lines]).toEqual([service, '10001', `/keys/${folder}/environment.json`, ...(service === 'sandbox-manager' ? ['/var/run/docker.sock'] : []), holdsMasterKey, '1']);
    }
    // A service's role opens its own schema and no other's.
    const rights = await product.compose('exec', '--no-TTY', '--user', 'postgres', 'postgres', 'psql', '--username', 'postgres', '--dbname', 'deskhand', '--tuples-only', '--no-align', '--command', "select has_schema_privilege('auth', 'conversations', 'usage'), has_schema_privilege('auth', 'auth', 'usage'), rolsuper from pg_roles where rolname = 'auth'");
    expect(rights.trim()).toBe('f|t|f');
  }, 60_000);

  it('OPS-2 AGENT-7: a worker killed in mid-run stops nothing', async () => {
    const { id } = await client.conversation();
    // So it is surely the one that is killed that has the run.
    await product.compose('stop', 'agent-spare');
    let killed: Promise<unknown> | undefined;
    const started = performance.now();
    const { joiner, results, last } = await takeTour(id, 'allow', (name) => {
      if (name === 'edit') killed ??= product.compose('start', 'agent-spare').then(() => product.compose('kill', '--signal', 'KILL', 'agent'));
    });
    await killed;
    console.info(`the tour with a worker killed in its middle: ${seconds(started)}`);
    expect(killed).toBeDefined();
    expect([joiner.gaps, joiner.repeats, joiner.mismatches]).toEqual([0, 0, 0]);
    expect(results.filter(({ is_error, interrupted }) => is_error && !interrupted)).toEqual([]);
    expect(last).toContain('scripted tour');
    await product.up();
  }, 240_000);

  it('OPS-2: down and up again, everything is still there', async () => {
    const id = kept;
    const before = await client.messages(id);
    const file = join(product.dataFolder, 'workspaces', await computerOf(client, id), 'workspace', 'hello.py');
    expect(existsSync(file)).toBe(true);
    expect((await product.computers()).length).toBeGreaterThan(0);
    const stopped = performance.now();
    await product.compose('down');
    console.info(`docker compose down: ${seconds(stopped)}`);
    expect((await product.compose('ps', '--all', '--quiet')).trim()).toBe('');
    // Nobody used them, so they ended too.
    expect(await product.computers()).toEqual([]);
    const started = performance.now();
    await product.up();
    console.info(`docker compose up again: ${seconds(started)}`);
    // The session too: keys and accounts are what they were.
    expect(await client.messages(id)).toEqual(before);
    expect(await client.request('GET', `/api/conversations/${id}`)).toMatchObject({ title: 'Kept' });
    expect(existsSync(file)).toBe(true);
    expect((await takeTour(id, 'allow')).last).toContain('scripted tour');
    expect(existsSync(file)).toBe(false);
    expect(await product.compose('run', '--rm', 'operator', 'user', 'list')).toContain('ada <ada@example.org>  administrator');
  }, 300_000);
});
