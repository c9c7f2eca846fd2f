// Real: HTTP, the guarded client, signatures and tokens checked as the vendors check them. Scripted: what the vendors answer.
import { createHash, createHmac, generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AddressPolicy } from '@deskhand/platform/outgoing';
import { EventStreamCodec } from '@smithy/core/event-streams';
import { importSPKI, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OutgoingHttp } from '../src/outgoing/outgoing-http.ts';
import { upstreamOf } from '../src/upstreams/upstream-of.ts';
import type { DeploymentParameters, OutgoingCall } from '../src/upstreams/upstream.ts';
import { translationBetween } from '../src/wire/translation.ts';
import { hearChat } from './wire/hear.ts';
import { sayAnthropic, sayConverse } from './wire/say.ts';
import { eventsOf, type SaidTurn } from './wire/turns.ts';

interface Received {
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

let server: Server;
let url: string;
let host: string;
let outgoing: OutgoingHttp;
const received: Received[] = [];
let answer: (request: Received) => { status: number; body: string } = () => ({ status: 404, body: '{}' });
const call = (body: object, stream = false, headers: Record<string, string> = {}): OutgoingCall => ({ endpoint: 'messages', format: 'anthropic-messages', stream, body: Buffer.from(JSON.stringify(body)), clientHeaders: headers });
const make = (parameters: DeploymentParameters) => upstreamOf(parameters, { outgoing, environment: {} });

beforeAll(async () => {
  server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const one = { path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString('utf8') };
      received.push(one);
      const { status, body } = answer(one);
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  url = `http://${host}`;
  outgoing = new OutgoingHttp(new AddressPolicy(host), { connectMs: 1_000, firstByteMs: 1_000, idleMs: 1_000 });
});

afterAll(async () => {
  await outgoing.close();
  await new Promise((resolve) => server.close(resolve));
});

describe('Bedrock', () => {
  const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';

  /** The signature as AWS computes it: Signature Version 4, its path encoded twice. */
  function expectedSignature(request: Received): string {
    const authorization = request.headers.authorization ?? '';
    const [, scope = '', signedHeaders = ''] = /Credential=AKID\/([^,]+), SignedHeaders=([^,]+), Signature=/.exec(authorization) ?? [];
    const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
    const path = request.path.split('/').map((part) => encodeURIComponent(part)).join('/');
    const canonical = ['POST', path, '', ...signedHeaders.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}`), '', signedHeaders, sha(request.body)].join('\n');
    const key = ['aws4_request'].reduce((last, part) => createHmac('sha256', last).update(part).digest(), scope.split('/').slice(0, 3).reduce<Buffer | string>((last, part) => createHmac('sha256', last).update(part).digest(), `AWS4${secret}`) as Buffer);
    return createHmac('sha256', key).update(['AWS4-HMAC-SHA256', String(request.headers['x-amz-date']), scope, sha(canonical)].join('\n')).digest('hex');
  }

  it('signs the very bytes, path and headers that arrive', async () => {
    const upstream = make({ model: 'bedrock/us.anthropic.claude-opus-5-5-v1:0', aws_region_name: 'us-east-1', aws_access_key_id: 'AKID', aws_secret_access_key: secret, aws_session_token: 'session', api_base: url });
    answer = () => ({ status: 200, body: '{"content":[]}' });
    const prepared = await upstream.prepare(call({ max_tokens: 5, messages: [{ role: 'user', content: 'ü 🐧' }] }));
    const { status } = await outgoing.post(prepared.origin, prepared.path, prepared.headers, call({ max_tokens: 5, messages: [{ role: 'user', content: 'ü 🐧' }] }).body.toString('utf8'), 1_000, 1_000);
    expect(status).toBe(200);
    const request = received.at(-1)!;
    expect(request.path).toBe('/model/us.anthropic.claude-opus-5-5-v1%3A0/invoke');
    expect(request.headers['x-amz-security-token']).toBe('session');
    expect(/Signature=(\w+)$/.exec(request.headers.authorization ?? '')?.[1]).toBe(expectedSignature(request));
    expect(request.headers.authorization).toMatch(/SignedHeaders=accept;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token/);
    expect(upstream.secrets).toEqual([secret, 'session']);
  });

  const codec = new EventStreamCodec((input) => Buffer.from(input as Uint8Array).toString('utf8'), (input) => Buffer.from(input, 'utf8'));
  const frame = (headers: Record<string, string>, payload: object): Buffer =>
    Buffer.from(codec.encode({ headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, { type: 'string' as const, value }])), body: Buffer.from(JSON.stringify(payload)) }));
  const turn: SaidTurn = { blocks: [{ type: 'text', text: 'Grüße 🐧' }, { type: 'call', id: 'toolu_1', name: 'read', input: '{"path":"/ü"}' }], stop: 'tools', usage: { fresh: 7, read: 2, written: 1, output: 9, reasoning: 0 } };
  const claude = () => make({ model: 'bedrock/anthropic.claude-opus-5-5', aws_region_name: 'r', api_key: 'k' }).decoder('application/vnd.amazon.eventstream')!;

  it.each([1, 7, 64, 100_000])('opens the frames of a Claude stream that comes %i bytes at a time', (size) => {
    const frames = Buffer.concat(eventsOf(sayAnthropic(turn)).map(({ event: _, ...data }) => frame({ ':message-type': 'event', ':event-type': 'chunk', ':content-type': 'application/json' }, { bytes: Buffer.from(JSON.stringify(data)).toString('base64'), p: 'abcd' })));
    const decoder = claude();
    let out = '';
    for (let at = 0; at < frames.length; at += size) out += Buffer.from(decoder.push(frames.subarray(at, at + size))).toString('utf8');
    out += Buffer.from(decoder.end()).toString('utf8');
    expect(out).toBe(sayAnthropic(turn));
  });

  it('opens the frames of a Converse stream for a client of chat completions', () => {
    const upstream = make({ model: 'bedrock/amazon.nova-pro-v1:0', aws_region_name: 'r', api_key: 'k' });
    const decoder = upstream.decoder('application/vnd.amazon.eventstream')!;
    const translated = translationBetween('openai-chat', upstream.formatFor('openai-chat'), upstream.dialect)!.request({ model: 'm', stream: true, stream_options: { include_usage: true }, messages: [] }).stream();
    let out = '';
    for (const { type, event: _, ...fields } of eventsOf(sayConverse(turn))) out += Buffer.from(translated.push(decoder.push(frame({ ':message-type': 'event', ':event-type': String(type) }, { ...fields, p: 'xyz' })))).toString('utf8');
    expect(hearChat(out + Buffer.from(translated.end()).toString('utf8'))).toMatchObject(turn);
  });

  it('tells an exception in mid-stream in the format of the model, and refuses frames that are broken or endless', () => {
    const thrown = frame({ ':message-type': 'exception', ':exception-type': 'throttlingException' }, { message: 'Too many tokens' });
    expect(Buffer.from(claude().push(thrown)).toString('utf8')).toBe('event: error\ndata: {"type":"error","error":{"type":"rate_limit_error","message":"Too many tokens"}}\n\n');
    const flipped = Buffer.from(thrown);
    flipped[thrown.length - 6]! ^= 1;
    expect(() => claude().push(flipped)).toThrow(/broken frame/);
    expect(() => claude().push(Buffer.from([0x7f, 0xff, 0xff, 0xff]))).toThrow(/announced a frame/);
    const cut = claude();
    cut.push(thrown.subarray(0, 20));
    expect(() => cut.end()).toThrow(/broken frame/);
  });
});

describe('Vertex', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
  const account = () => JSON.stringify({ type: 'service_account', project_id: 'acme', client_email: 'bot@acme.iam.gserviceaccount.com', private_key: privateKey, private_key_id: 'kid1', token_uri: `${url}/token` });

  it('gets a token for its service account once, for all who wait', async () => {
    answer = () => ({ status: 200, body: JSON.stringify({ access_token: 'ya29.token', expires_in: 3_599, token_type: 'Bearer' }) });
    const upstream = make({ model: 'vertex_ai/claude-opus-5-5', vertex_location: 'europe-west1', vertex_credentials: account() });
    const before = received.length;
    const both = await Promise.all([upstream.prepare(call({}, true)), upstream.prepare(call({}))]);
    expect(received.length).toBe(before + 1);
    const form = new URLSearchParams(received.at(-1)!.body);
    expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
    const { payload, protectedHeader } = await jwtVerify(form.get('assertion') ?? '', await importSPKI(publicKey, 'RS256'), { audience: `${url}/token`, issuer: 'bot@acme.iam.gserviceaccount.com' });
    expect(payload).toMatchObject({ scope: 'https://www.googleapis.com/auth/cloud-platform', sub: 'bot@acme.iam.gserviceaccount.com' });
    expect(protectedHeader.kid).toBe('kid1');
    expect(both.map(({ origin, path }) => origin + path)).toEqual([
      'https://europe-west1-aiplatform.googleapis.com/v1/projects/acme/locations/europe-west1/publishers/anthropic/models/claude-opus-5-5:streamRawPredict',
      'https://europe-west1-aiplatform.googleapis.com/v1/projects/acme/locations/europe-west1/publishers/anthropic/models/claude-opus-5-5:rawPredict',
    ]);
    expect(both[0].headers.authorization).toBe('Bearer ya29.token');
    expect(upstream.prepare(call({}))).not.toBeInstanceOf(Promise);
    expect(upstream.bodyChanges('messages', { model: 'x' }, {})).toEqual({ model: undefined, anthropic_version: 'vertex-2023-10-16' });
  });

  it('calls Gemini where Vertex speaks OpenAI\'s format', async () => {
    const upstream = make({ model: 'vertex_ai/gemini-3.8-flash', vertex_location: 'global', vertex_project: 'other', vertex_credentials: account() });
    const { origin, path } = await upstream.prepare({ ...call({}), endpoint: 'chat', format: 'openai-chat' });
    expect(origin + path).toBe('https://aiplatform.googleapis.com/v1/projects/other/locations/global/endpoints/openapi/chat/completions');
    expect(upstream.bodyChanges('chat', { model: 'x' }, {})).toEqual({ model: 'google/gemini-3.8-flash' });
  });

  it('says why there is no token, without the key', async () => {
    answer = () => ({ status: 400, body: JSON.stringify({ error: 'invalid_grant', error_description: 'Invalid JWT Signature.' }) });
    const failure: unknown = await Promise.resolve(make({ model: 'vertex_ai/gemini-3.8-flash', vertex_credentials: account() }).prepare(call({}))).catch((error: unknown) => error);
    expect(String(failure)).toMatch(/Invalid JWT Signature. \(HTTP 400\)/);
    expect(String(failure)).not.toContain('PRIVATE KEY');
    expect(() => make({ model: 'vertex_ai/x', vertex_credentials: '{"type":"service_account"}' })).toThrow(/client_email is missing/);
    expect(() => make({ model: 'vertex_ai/x', vertex_credentials: 'nonsense' })).toThrow(/is not JSON/);
  });

  it('asks no token at a private address that nobody allowed', async () => {
    const upstream = make({ model: 'vertex_ai/gemini-3.8-flash', vertex_credentials: JSON.stringify({ ...(JSON.parse(account()) as object), token_uri: 'http://127.0.0.1:9/token' }) });
    await expect(upstream.prepare(call({}))).rejects.toThrow(/not a public address/);
  });
});
