// Real: nats-server, SQLite, HTTP. Scripted: the provider's answers.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { budgets, llm, llmModels, newId } from '@deskhand/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { prepareGround, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';
import { startUpstream, type ScriptedUpstream } from './upstream.ts';

let ground: GatewayGround;
let gateway: RunningGateway;
let chat: ScriptedUpstream;
let claude: ScriptedUpstream;
const folder = mkdtempSync(join(tmpdir(), 'deskhand-probes-'));

beforeAll(async () => {
  ground = await prepareGround();
  const script = () => ({ text: 'ready', usage: { uncachedInput: 12, output: 3 } });
  chat = await startUpstream({ format: 'openai-chat', script });
  claude = await startUpstream({ format: 'anthropic-messages', script });
  const file = join(folder, 'config.yaml');
  writeFileSync(file, `model_list:\n  - { model_name: known, litellm_params: { model: anthropic/claude-x, api_base: "${claude.url}", api_key: k, input_cost_per_token: 0.001, output_cost_per_token: 0.01 }, model_info: { id: known-1 } }\n`);
  gateway = await runGateway(ground, { LITELLM_CONFIG: file, ALLOWED_PRIVATE_HOSTS: `${chat.host},${claude.host}` });
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  await Promise.all([chat, claude].map(async (upstream) => upstream?.close()));
  await ground?.close();
  rmSync(folder, { recursive: true, force: true });
});

it('LLM-6: a test of a person\'s provider is held to little output, and is in the books as theirs', async () => {
  const ada = newId();
  await gateway.addProvider(ada, 'openai', { key: 'own-key', endpoint: chat.url, model: 'my-model' });
  expect(await gateway.gateway.request(llm.testProvider, { user_id: ada, provider: 'openai' })).toMatchObject({ ok: true });
  expect(chat.requests.at(-1)!.body).toMatchObject({ max_tokens: 1_000 });
  const row = { userId: ada, conversationId: null, source: 'user', provider: 'openai', model: 'my-model', wire: 'openai-chat', status: 'completed', httpStatus: 200, uncachedInput: 12, output: 3, estimated: false, cost: null };
  expect(await gateway.usageRows(1)).toMatchObject([row]);
  expect(await gateway.gateway.request(budgets.get, { kind: 'user', id: ada })).toMatchObject({ spend: 0 });
  chat.use(() => ({ status: 401, error: { error: { message: 'no such key' } } }));
  expect(await gateway.gateway.request(llm.testProvider, { user_id: ada, provider: 'openai' })).toMatchObject({ ok: false, message: 'no such key (HTTP 401)' });
  expect((await gateway.usageRows(2)).at(-1)).toMatchObject({ ...row, status: 'refused', httpStatus: 401, uncachedInput: 0, output: 0, cost: 0 });
});

it('LLM-6: a test of a configured model is in the books as the master key\'s, with its price', async () => {
  const before = (await gateway.usage()).length;
  expect(await gateway.gateway.request(llmModels.test, { id: 'known-1' })).toMatchObject({ ok: true });
  expect(claude.requests.at(-1)!.body).toMatchObject({ max_tokens: 1_000 });
  expect((await gateway.usageRows(before + 1)).at(-1)).toMatchObject({ userId: null, keyHash: null, modelGroup: 'known', source: 'group', provider: 'anthropic', model: 'claude-x', status: 'completed', cost: expect.closeTo(12 * 0.001 + 3 * 0.01, 9) as number });
});
