import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startUpstream } from '../../services/llm-gateway/test/upstream.ts';
import { Client } from '../client/client.ts';
import { followThroughCuts } from '../client/resuming.ts';
import { docker, startProduct, type RunningProduct } from '../product.ts';

const canary = 'sk-canary-Zx81QpLm47TnVb20';

let product: RunningProduct;
const upstream = await startUpstream({
  format: 'openai-chat', key: canary,
  script: ({ step, userText }) => {
    if (userText === 'fail') return { status: 401, error: { error: { message: 'The key is not good', type: 'authentication_error' } } };
    const search = `env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; grep -rsl ${canary.slice(3, 14)} / --exclude-dir=proc --exclude-dir=sys 2>/dev/null; echo searched`;
    return step === 0 ? { toolCalls: [{ name: 'bash', arguments: { command: search } }] } : { text: 'done' };
  },
});

beforeAll(async () => { product = await startProduct({ variables: { DESKHAND_ALLOWED_PRIVATE_HOSTS: upstream.host } }); }, 90_000);
afterAll(async () => {
  await product?.stop();
  await upstream.close();
}, 60_000);

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []));
}

describe('a provider key', () => {
  it('AUTH-5 SECURITY 13: reaches its provider, and is found nowhere else in clear', async () => {
    const client = await Client.register(product.webUrl);
    const saved = await client.provider('openai', upstream.url, 'canary-model', canary);
    const { id } = await client.conversation();
    const frames: unknown[] = [];
    for (const content of ['look around', 'fail']) {
      const { run_id } = await client.say(id, content);
      await followThroughCuts(client, id, run_id, { way: 'sse', cuts: [], onFrame: ({ frame }) => frames.push(frame) });
    }
    expect(upstream.requests.length).toBeGreaterThanOrEqual(2);
    const messages = await client.messages(id);
    const searched = messages.find((message) => message.role === 'tool')!.content;
    expect(searched).toContain('searched');
    const answers = { saved, frames, messages, providers: await client.request('GET', '/api/users/me/providers'), models: await client.request('GET', '/api/models'), test: await client.request('POST', '/api/users/me/providers/openai/test') };
    expect(JSON.stringify(answers)).not.toContain(canary);
    const containers = (await docker('ps', '-q', '--filter', `label=deskhand.installation=${product.installationId}`)).split('\n').filter(Boolean);
    expect(containers.length).toBe(1);
    expect(await docker('inspect', ...containers)).not.toContain(canary);
    const files = filesBelow(product.dataFolder).filter((file) => statSync(file).size < 200_000_000);
    // Databases with their write-ahead logs, JetStream's storage, logs, keys, workspaces: all there is.
    expect(files.some((file) => file.endsWith('.db')) && files.some((file) => file.includes('jetstream') || file.includes('nats'))).toBe(true);
    expect(files.filter((file) => readFileSync(file).includes(canary))).toEqual([]);
  }, 90_000);

  it('SECURITY 5: no token or password stands in a log', async () => {
    const client = await Client.signIn(product.webUrl, 'nobody').catch(() => null);
    expect(client).toBeNull();
    await fetch(`${product.webUrl}/api/ws?token=${'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2ln'}`).catch(() => {});
    const logs = filesBelow(join(product.dataFolder, 'logs')).map((file) => readFileSync(file, 'utf8')).join('\n');
    expect(logs.length).toBeGreaterThan(0);
    expect(logs).not.toMatch(/correct horse battery|eyJhbGciOi|dhr_[A-Za-z0-9]/);
  });
});
