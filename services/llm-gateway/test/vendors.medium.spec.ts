// Real: nats-server, SQLite, HTTP, the configuration file, signing, tokens, frames, translation. Scripted: OpenAI's responses, Azure, Bedrock and Vertex, each at its own paths and in its own framing.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { masterKey, prepareGround, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';
import { startVendors, type VendorUpstream } from './vendor-upstream.ts';
import { hearAnthropic, hearChat, hearResponses } from './wire/hear.ts';
import { sayAnthropic, sayChat, sayResponses } from './wire/say.ts';
import type { SaidTurn } from './wire/turns.ts';

let vendors: VendorUpstream;
let ground: GatewayGround;
let gateway: RunningGateway;
let folder: string;
const turn: SaidTurn = {
  blocks: [{ type: 'reasoning', text: 'Prüfe 🐧.' }, { type: 'text', text: 'Ich sehe nach.' }, { type: 'call', id: 'call_1', name: 'read', input: '{"path":"/ü"}' }, { type: 'call', id: 'call_2', name: 'read', input: '{"path":"/b"}' }],
  stop: 'tools', usage: { fresh: 70, read: 20, written: 10, output: 30, reasoning: 0 },
};
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
const secrets = ['openai-key', 'azure-key', 'aws-secret-of-the-tests', 'google-token'];

beforeAll(async () => {
  vendors = await startVendors(turn);
  ground = await prepareGround();
  folder = mkdtempSync(join(tmpdir(), 'deskhand-vendors-'));
  const aws = { aws_access_key_id: 'AKID', aws_secret_access_key: 'aws-secret-of-the-tests', aws_region_name: 'us-east-1' };
  const azure = { model: 'azure/my-gpt', api_key: 'azure-key', api_base: vendors.url };
  const google = { api_base: vendors.url, vertex_location: 'us-east5', vertex_credentials: JSON.stringify({ type: 'service_account', project_id: 'acme', client_email: 'bot@acme', private_key: privateKey, token_uri: `${vendors.url}/token` }) };
  const models: Record<string, object> = {
    'openai-responses': { model: 'openai/responses/gpt-5.5', api_key: 'openai-key', api_base: `${vendors.url}/v1` },
    'azure-deployment': { ...azure, api_version: '2025-04-01-preview' }, 'azure-newest': azure, 'azure-responses': { ...azure, model: 'azure/responses/my-gpt' },
    'bedrock-claude': { model: 'bedrock/us.anthropic.claude-opus-5-5-v1:0', api_base: vendors.url, ...aws }, 'bedrock-nova': { model: 'bedrock/amazon.nova-pro-v1:0', aws_bedrock_runtime_endpoint: vendors.url, ...aws },
    'vertex-claude': { model: 'vertex_ai/claude-opus-5-5', ...google }, 'vertex-gemini': { model: 'vertex_ai/gemini-3.8-flash', ...google },
  };
  const file = join(folder, 'config.yaml');
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ model_list: Object.entries(models).map(([model_name, litellm_params]) => ({ model_name, litellm_params })) }));
  gateway = await runGateway(ground, { ALLOWED_PRIVATE_HOSTS: vendors.host, LITELLM_CONFIG: file });
});

afterAll(async () => {
  await gateway?.close();
  await ground?.close();
  await vendors?.close();
  rmSync(folder, { recursive: true, force: true });
});

const clients = {
  'chat completions': { path: '/v1/chat/completions', hear: hearChat, body: { stream_options: { include_usage: true }, messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'hi' }], tools: [{ type: 'function', function: { name: 'read', parameters: { type: 'object', properties: {} } } }] } },
  responses: { path: '/v1/responses', hear: hearResponses, body: { store: false, instructions: 'Be brief.', input: 'hi', tools: [{ type: 'function', name: 'read', parameters: { type: 'object', properties: {} } }] } },
  messages: { path: '/v1/messages', hear: hearAnthropic, body: { max_tokens: 50, system: 'Be brief.', messages: [{ role: 'user', content: 'hi' }], tools: [{ name: 'read', input_schema: { type: 'object', properties: {} } }], metadata: { user_id: 'u' } } },
};
type Client = keyof typeof clients;

const ask = async (client: Client, model: string): Promise<Response> => fetch(gateway.url + clients[client].path, { method: 'POST', headers: { authorization: `Bearer ${masterKey}` }, body: JSON.stringify({ model, stream: true, ...clients[client].body }) });

describe.each(Object.keys(clients) as Client[])('LLM-9: a client of %s', (client) => {
  const passed: readonly [Client, string, string][] = [
    ['chat completions', 'azure-deployment', sayChat(turn)], ['chat completions', 'vertex-gemini', sayChat(turn, { usage: 'with' })], ['responses', 'openai-responses', sayResponses(turn)], ['responses', 'azure-newest', sayResponses(turn)],
    ['responses', 'azure-responses', sayResponses(turn)], ['messages', 'bedrock-claude', sayAnthropic(turn)], ['messages', 'vertex-claude', sayAnthropic(turn)],
  ];
  const places = ['openai-responses', client === 'responses' ? 'azure-newest' : 'azure-deployment', 'azure-responses', 'bedrock-claude', 'bedrock-nova', 'vertex-claude', 'vertex-gemini'];

  it.each(places)('hears a whole turn from %s, and it is accounted for', async (model) => {
    const response = await ask(client, model);
    const stream = await response.text();
    expect([response.status, response.headers.get('content-type')?.split(';')[0]], stream).toEqual([200, 'text/event-stream']);
    const same = passed.find(([of, name]) => of === client && name === model);
    if (same) expect(stream).toBe(same[2]);
    else {
      const { blocks, stop, usage } = clients[client].hear(stream);
      expect({ blocks, stop, usage }).toEqual(turn);
    }
    expect(await gateway.rowOf(response.headers)).toMatchObject({ status: 'completed', estimated: false, uncachedInput: 70, cacheRead: 20, cacheWrite5m: 10, output: 30 });
  });
});

it('SECURITY 13: a vendor\'s refusal comes in the client\'s words, and no credential is in it or in a log', async () => {
  const response = await ask('responses', 'azure-deployment');
  const body = await response.text();
  // This Azure has no responses at dated versions.
  expect(response.status).toBe(404);
  expect(body).toContain('Unknown path /openai/responses?api-version=2025-04-01-preview');
  const told = body + gateway.lines.join('\n') + JSON.stringify([...response.headers]);
  for (const secret of [...secrets, 'PRIVATE KEY']) expect(told).not.toContain(secret);
});
