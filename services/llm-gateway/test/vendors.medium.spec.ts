// Real: HTTP, the guarded client, signing, tokens, frames, translation. Scripted: OpenAI's responses, Azure, Bedrock and Vertex, each at its own paths and in its own framing.
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AddressPolicy } from '../src/outgoing/address-policy.ts';
import { OutgoingHttp } from '../src/outgoing/outgoing-http.ts';
import { upstreamOf } from '../src/upstreams/upstream-of.ts';
import type { DeploymentParameters, Endpoint } from '../src/upstreams/upstream.ts';
import { bodyWith } from '../src/wire/body-edit.ts';
import type { ApiFormat, UpstreamFormat } from '../src/wire/formats.ts';
import { translationBetween } from '../src/wire/translation.ts';
import { startVendors, type VendorUpstream } from './vendor-upstream.ts';
import { hearAnthropic, hearChat, hearResponses } from './wire/hear.ts';
import { sayAnthropic, sayChat, sayResponses } from './wire/say.ts';
import type { SaidTurn } from './wire/turns.ts';

let vendors: VendorUpstream;
let outgoing: OutgoingHttp;
const turn: SaidTurn = {
  blocks: [{ type: 'reasoning', text: 'Prüfe 🐧.' }, { type: 'text', text: 'Ich sehe nach.' }, { type: 'call', id: 'call_1', name: 'read', input: '{"path":"/ü"}' }, { type: 'call', id: 'call_2', name: 'read', input: '{"path":"/b"}' }],
  stop: 'tools', usage: { fresh: 70, read: 20, written: 10, output: 30, reasoning: 0 },
};
const hear = { 'openai-chat': hearChat, 'openai-responses': hearResponses, 'anthropic-messages': hearAnthropic };
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });

beforeAll(async () => {
  vendors = await startVendors(turn);
  outgoing = new OutgoingHttp(new AddressPolicy(vendors.host), { connectMs: 1_000, firstByteMs: 2_000, idleMs: 2_000 });
});

afterAll(async () => {
  await outgoing.close();
  await vendors.close();
});

const endpoints: Record<UpstreamFormat, Endpoint> = { 'openai-chat': 'chat', 'openai-responses': 'responses', 'anthropic-messages': 'messages', 'bedrock-converse': 'chat' };
const asked: Record<ApiFormat, Record<string, unknown>> = {
  'openai-chat': { model: 'alias', stream: true, stream_options: { include_usage: true }, messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'hi' }], tools: [{ type: 'function', function: { name: 'read', parameters: { type: 'object', properties: {} } } }] },
  'openai-responses': { model: 'alias', stream: true, store: false, instructions: 'Be brief.', input: 'hi', tools: [{ type: 'function', name: 'read', parameters: { type: 'object', properties: {} } }] },
  'anthropic-messages': { model: 'alias', stream: true, max_tokens: 50, system: 'Be brief.', messages: [{ role: 'user', content: 'hi' }], tools: [{ name: 'read', input_schema: { type: 'object', properties: {} } }], metadata: { user_id: 'u' } },
};

/** A streamed call the way the gateway makes it: translate, edit, sign, send, open frames, translate back. */
async function callThrough(parameters: DeploymentParameters, client: ApiFormat): Promise<{ out: string; passed: boolean }> {
  const upstream = upstreamOf(parameters, { outgoing, environment: {} });
  const format = upstream.formatFor(client);
  const endpoint = endpoints[format];
  expect(upstream.serves(endpoint)).toBe(true);
  const translated = translationBetween(client, format, upstream.dialect)?.request(asked[client]) ?? null;
  const said = translated?.body ?? asked[client];
  const body = bodyWith(Buffer.from(JSON.stringify(said)), said, upstream.bodyChanges(endpoint, said, {}));
  const { origin, path, headers } = await upstream.prepare({ endpoint, format, stream: true, body, clientHeaders: {} });
  let [status, type] = [0, ''];
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    outgoing.dispatch(origin, { path, method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body }, {
      onRequestStart: () => {}, onResponseStart: (_, code, fields) => { [status, type] = [code, String(fields['content-type'])]; }, onResponseData: (_, chunk) => void chunks.push(Buffer.from(chunk)), onResponseEnd: () => resolve(), onResponseError: (_, error) => reject(error),
    });
  });
  if (status !== 200) throw new Error(`${status} ${Buffer.concat(chunks).toString('utf8')}`);
  const decoder = upstream.decoder(type);
  const stream = translated?.stream();
  const out: Uint8Array[] = [];
  for (const chunk of chunks) {
    const opened = decoder ? decoder.push(chunk) : chunk;
    out.push(stream ? stream.push(opened) : opened);
  }
  decoder?.end();
  if (stream) out.push(stream.end());
  return { out: Buffer.concat(out).toString('utf8'), passed: !stream };
}

const aws = { aws_access_key_id: 'AKID', aws_secret_access_key: 'secret', aws_region_name: 'us-east-1' };
const places = (): [string, DeploymentParameters][] => [
  ['OpenAI by responses', { model: 'openai/responses/gpt-5.5', api_key: 'openai-key', api_base: `${vendors.url}/v1` }],
  ['Azure at a deployment', { model: 'azure/my-gpt', api_key: 'azure-key', api_base: vendors.url, api_version: '2025-04-01-preview' }],
  ['Azure by responses', { model: 'azure/responses/my-gpt', api_key: 'azure-key', api_base: vendors.url }],
  ['Claude on Bedrock', { model: 'bedrock/us.anthropic.claude-opus-5-5-v1:0', api_base: vendors.url, ...aws }],
  ['Nova on Bedrock', { model: 'bedrock/amazon.nova-pro-v1:0', aws_bedrock_runtime_endpoint: vendors.url, ...aws }],
  ['Claude on Vertex', { model: 'vertex_ai/claude-opus-5-5', api_base: vendors.url, vertex_location: 'us-east5', vertex_credentials: account() }],
  ['Gemini on Vertex', { model: 'vertex_ai/gemini-3.8-flash', api_base: vendors.url, vertex_location: 'us-east5', vertex_credentials: account() }],
];
const account = (): string => JSON.stringify({ type: 'service_account', project_id: 'acme', client_email: 'bot@acme', private_key: privateKey, token_uri: `${vendors.url}/token` });

describe.each(['openai-chat', 'openai-responses', 'anthropic-messages'] as const)('LLM-9: a client of %s', (client) => {
  it.each(['OpenAI by responses', 'Azure at a deployment', 'Azure by responses', 'Claude on Bedrock', 'Nova on Bedrock', 'Claude on Vertex', 'Gemini on Vertex'])('hears a whole turn from %s', async (name) => {
    const [, parameters] = places().find(([place]) => place === name)!;
    // Azure serves responses at dated versions too, at a path this one has not.
    if (name === 'Azure at a deployment' && client === 'openai-responses') parameters.api_version = undefined;
    const { out, passed } = await callThrough(parameters, client);
    if (passed) return expect([sayChat(turn), sayChat(turn, { usage: 'with' }), sayResponses(turn), sayAnthropic(turn)]).toContain(out);
    const heard = hear[client](out);
    expect({ blocks: heard.blocks, stop: heard.stop, usage: heard.usage }).toEqual(turn);
  });
});

it('names the path, the credential or the field that a vendor refuses', async () => {
  await expect(callThrough({ model: 'azure/other', api_key: 'azure-key', api_base: vendors.url, api_version: '2025-04-01-preview' }, 'openai-chat')).rejects.toThrow(/404 .*deployments\/other/);
  await expect(callThrough({ model: 'azure/my-gpt', api_key: 'wrong', api_base: vendors.url, api_version: '2025-04-01-preview' }, 'openai-chat')).rejects.toThrow(/401/);
});
