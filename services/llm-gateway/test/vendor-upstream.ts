import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EventStreamCodec } from '@smithy/core/event-streams';
import { sayAnthropic, sayChat, sayConverse, sayResponses } from './wire/say.ts';
import { eventsOf, type SaidTurn } from './wire/turns.ts';

/** One request as it arrived. */
export interface VendorRequest {
  /** With its query. */
  path: string;
  headers: IncomingHttpHeaders;
  body: Record<string, any>;
}

export interface VendorUpstream {
  url: string;
  /** `host:port`, as ALLOWED_PRIVATE_HOSTS names it. */
  host: string;
  requests: VendorRequest[];
  close(): Promise<void>;
}

const codec = new EventStreamCodec((input) => Buffer.from(input as Uint8Array).toString('utf8'), (input) => Buffer.from(input, 'utf8'));

/** A frame of AWS's binary event stream. */
export function frame(headers: Record<string, string>, payload: object): Buffer {
  return Buffer.from(codec.encode({ headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, { type: 'string' as const, value }])), body: Buffer.from(JSON.stringify(payload)) }));
}

/**
 * OpenAI's responses, Azure, Bedrock and Vertex on one loopback port: each at its own paths, with its own framing, streaming
 * this turn. A path that no vendor has is 404, a call without its credential 401. Google's token endpoint is `/token`.
 */
export async function startVendors(turn: SaidTurn): Promise<VendorUpstream> {
  const requests: VendorRequest[] = [];
  const server = createServer((request, response) => void answer(request, response));
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const path = request.url ?? '';
    const send = (status: number, body: object): void => void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (path === '/token') return send(200, { access_token: 'google-token', expires_in: 3_600 });
    const { headers } = request;
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, any>;
    requests.push({ path, headers, body });
    const vendor = vendors.find((entry) => entry.path.test(path));
    if (!vendor) return send(404, { error: { message: `Unknown path ${path}` } });
    if (!vendor.allowed(headers)) return send(401, { error: { message: 'No credential' } });
    const wrong = vendor.refuses(body);
    if (wrong !== null) return send(400, { error: { message: wrong }, message: wrong });
    response.writeHead(200, { 'content-type': vendor.binary ? 'application/vnd.amazon.eventstream' : 'text/event-stream' });
    // A few bytes at a time, as networks do.
    const bytes = Buffer.from(vendor.say(turn));
    for (let at = 0; at < bytes.length; at += 97) {
      response.write(bytes.subarray(at, at + 97));
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `http://${host}`, host, requests, close: async () => { server.closeAllConnections(); await new Promise((resolve) => server.close(resolve)); } };
}

interface Vendor {
  path: RegExp;
  allowed(headers: IncomingHttpHeaders): boolean;
  /** Why the vendor would answer 400; null when it would not. */
  refuses(body: Record<string, any>): string | null;
  say(turn: SaidTurn): string | Buffer;
  binary?: boolean;
}

const azureKey = (headers: IncomingHttpHeaders): boolean => headers['api-key'] === 'azure-key';
const signed = (headers: IncomingHttpHeaders): boolean => /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/[\w-]+\/bedrock\/aws4_request, SignedHeaders=.*host.*, Signature=[0-9a-f]{64}$/.test(headers.authorization ?? '');
const google = (headers: IncomingHttpHeaders): boolean => headers.authorization === 'Bearer google-token';
const unknown = (body: Record<string, any>, known: readonly string[]): string | null => {
  const extra = Object.keys(body).find((name) => !known.includes(name));
  return extra === undefined ? null : `${extra}: Extra inputs are not permitted`;
};
const messagesFields = ['max_tokens', 'messages', 'system', 'tools', 'tool_choice', 'thinking', 'output_config', 'temperature', 'top_p', 'top_k', 'stop_sequences', 'anthropic_version'];

const vendors: readonly Vendor[] = [
  { path: /^\/v1\/responses$/, allowed: (headers) => headers.authorization === 'Bearer openai-key', refuses: (body) => (body.store === false && !('messages' in body) ? null : 'bad'), say: (turn) => sayResponses(turn) },
  { path: /^\/openai\/deployments\/my-gpt\/chat\/completions\?api-version=2025-04-01-preview$/, allowed: azureKey, refuses: (body) => (body.stream_options?.include_usage === true ? null : 'bad'), say: (turn) => sayChat(turn) },
  { path: /^\/openai\/v1\/responses$/, allowed: azureKey, refuses: (body) => (body.model === 'my-gpt' ? null : 'bad'), say: (turn) => sayResponses(turn) },
  {
    path: /^\/model\/us\.anthropic\.claude-opus-5-5-v1%3A0\/invoke-with-response-stream$/, allowed: signed, binary: true,
    refuses: (body) => (body.anthropic_version === 'bedrock-2023-05-31' ? unknown(body, [...messagesFields, 'anthropic_beta']) : 'anthropic_version is required'),
    say: (turn) => Buffer.concat(eventsOf(sayAnthropic(turn)).map(({ event: _, ...data }) => frame({ ':message-type': 'event', ':event-type': 'chunk', ':content-type': 'application/json' }, { bytes: Buffer.from(JSON.stringify(data)).toString('base64'), p: 'abcdef' }))),
  },
  {
    path: /^\/model\/amazon\.nova-pro-v1%3A0\/converse-stream$/, allowed: signed, binary: true, refuses: (body) => unknown(body, ['messages', 'system', 'inferenceConfig', 'toolConfig', 'additionalModelRequestFields']),
    say: (turn) => Buffer.concat(eventsOf(sayConverse(turn)).map(({ type, event: _, ...fields }) => frame({ ':message-type': 'event', ':event-type': String(type) }, { ...fields, p: 'abc' }))),
  },
  {
    path: /^\/v1\/projects\/acme\/locations\/us-east5\/publishers\/anthropic\/models\/claude-opus-5-5:streamRawPredict$/, allowed: google,
    refuses: (body) => (body.anthropic_version === 'vertex-2023-10-16' ? unknown(body, [...messagesFields, 'stream', 'metadata']) : 'anthropic_version is required'), say: (turn) => sayAnthropic(turn),
  },
  { path: /^\/v1\/projects\/acme\/locations\/us-east5\/endpoints\/openapi\/chat\/completions$/, allowed: google, refuses: (body) => (body.model === 'google/gemini-3.8-flash' ? null : 'bad'), say: (turn) => sayChat(turn, { usage: 'with' }) },
];
