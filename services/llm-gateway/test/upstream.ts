import { randomBytes } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WireFormat } from '@deskhand/contracts';
import { viewConversation, type Entry } from '../src/scripted/conversation-view.ts';
import { anthropicMessagesAnswer, anthropicMessagesEvents } from '../src/wire/anthropic-messages-writer.ts';
import { openaiChatAnswer, openaiChatEvents } from '../src/wire/openai-chat-writer.ts';
import { noUsage, type TokenUsage } from '../src/wire/token-usage.ts';
import type { Turn, TurnPart } from '../src/wire/turn.ts';
import { misbehave, type Hostility } from './upstream-hostility.ts';
import { brokenRule } from './upstream-rules.ts';

/** What the gateway sent, as a script reads it. */
export interface UpstreamRequest {
  format: WireFormat;
  path: string;
  headers: IncomingHttpHeaders;
  /** The body's bytes, and parsed. */
  raw: string;
  body: Record<string, unknown>;
  model: string;
  stream: boolean;
  /** The conversation in one shape for both formats. */
  entries: readonly Entry[];
  /** The last thing a person said. */
  userText: string;
  /** Results given since then, oldest first. */
  results: readonly Extract<Entry, { kind: 'result' }>[];
  /** Answers given since then: 0 for the first call of a turn. */
  step: number;
  /** Names of the tools on offer. */
  tools: ReadonlySet<string>;
}

/** What the upstream does with a request. */
export interface UpstreamAnswer {
  reasoning?: string;
  text?: string;
  toolCalls?: readonly { id?: string; name: string; arguments: Record<string, unknown> }[];
  stop?: Turn['stop'];
  /** What it says it used (the rest is counted); null: it does not say. */
  usage?: Partial<TokenUsage> | null;
  /** Milliseconds before the first byte, and between two events. */
  delayMs?: number;
  paceMs?: number;
  /** Writes the stream in pieces of so many bytes instead of whole events. */
  pieceBytes?: number;
  /** Drops the connection after so many events. */
  cutAfter?: number;
  /** An error status with this body (text as it is, an object as JSON). */
  status?: number;
  error?: string | object;
  headers?: Record<string, string>;
  hostile?: Hostility;
}

export type UpstreamScript = (request: UpstreamRequest) => UpstreamAnswer | Promise<UpstreamAnswer>;

export interface UpstreamOptions {
  /** The format it speaks; any other path is 404. */
  format: WireFormat;
  script: UpstreamScript;
  /** The only key it takes; any, when absent. */
  key?: string;
  /** Refuses fields that Mistral's own service does not have, and states usage unasked as it does. */
  mistral?: boolean;
  /** Refuses what the vendors refuse: calls without results, a missing max_tokens … On unless false. */
  strict?: boolean;
  port?: number;
  host?: string;
}

export interface ScriptedUpstream {
  /** Base URL to configure as a provider's endpoint. */
  url: string;
  /** `host:port`, as ALLOWED_PRIVATE_HOSTS names it. */
  host: string;
  port: number;
  requests: UpstreamRequest[];
  /** Connections that are open, and calls whose client left before the end. */
  connections(): number;
  aborted: { at: number }[];
  /** Answers with this script from now on. */
  use(script: UpstreamScript): void;
  close(): Promise<void>;
}

const paths: Record<WireFormat, string> = { 'openai-chat': '/v1/chat/completions', 'anthropic-messages': '/v1/messages' };

/** A model provider on a loopback port: the real wire format, answers by a script, and faults on demand. */
export async function startUpstream(options: UpstreamOptions): Promise<ScriptedUpstream> {
  const { format, host = '127.0.0.1' } = options;
  const sockets = new Set<Socket>();
  let script = options.script;
  const server = createServer((request, response) => {
    const started = Date.now();
    response.once('close', () => { if (!response.writableFinished) upstream.aborted.push({ at: Date.now() }); });
    void answer(request, response).catch((error: unknown) => {
      if (response.headersSent) return response.destroy();
      sendJson(response, 500, { error: { message: `The script failed after ${Date.now() - started} ms: ${String(error)}` } });
    });
  });
  server.on('connection', (socket) => { sockets.add(socket); socket.once('close', () => sockets.delete(socket)); });

  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const raw = await text(incoming);
    const path = incoming.url?.split('?', 1)[0] ?? '';
    if (incoming.method !== 'POST' || path !== paths[format]) return sendJson(response, 404, vendorError(format, 404, `Unknown path ${path}`));
    const credential = format === 'openai-chat' ? incoming.headers.authorization?.replace(/^Bearer /, '') : incoming.headers['x-api-key'];
    if (options.key !== undefined && credential !== options.key) return sendJson(response, 401, vendorError(format, 401, `Incorrect API key provided: ${String(credential).slice(0, 4)}****`));
    const request = readRequest(format, path, incoming.headers, raw);
    upstream.requests.push(request);
    const broken = options.strict === false ? null : brokenRule(format, incoming.headers, request.body, options.mistral === true);
    if (broken !== null) return sendJson(response, 400, vendorError(format, 400, broken));
    await respond(request, await script(request), incoming, response, options.mistral === true);
  };

  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(options.port ?? 0, host, resolve));
  const { port } = server.address() as AddressInfo;
  const upstream: ScriptedUpstream = {
    url: `http://${host}:${port}`, host: `${host}:${port}`, port, requests: [], aborted: [],
    connections: () => sockets.size,
    use: (next) => { script = next; },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return upstream;
}

async function respond(request: UpstreamRequest, answer: UpstreamAnswer, incoming: IncomingMessage, response: ServerResponse, mistral: boolean): Promise<void> {
  if (answer.delayMs !== undefined) await sleep(answer.delayMs);
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  if (answer.hostile !== undefined) return misbehave(answer.hostile, request.format, incoming, response);
  if (answer.status !== undefined && answer.status >= 300) {
    const error = answer.error ?? vendorError(request.format, answer.status, 'The script says so');
    if (typeof error !== 'string') return sendJson(response, answer.status, error);
    response.writeHead(answer.status, { 'content-type': 'text/plain' }).end(error);
    return;
  }
  const turn = turnOf(request, answer);
  const prefix = request.format === 'openai-chat' ? 'chatcmpl-' : 'msg_';
  const heading = { id: prefix + randomBytes(8).toString('hex'), model: request.model, created: Math.floor(Date.now() / 1_000) };
  const openai = request.format === 'openai-chat';
  if (!request.stream) return sendJson(response, 200, withoutUsage(openai ? openaiChatAnswer(turn, heading) : anthropicMessagesAnswer(turn, heading), answer.usage === null));
  const asked = mistral || (request.body.stream_options as { include_usage?: boolean } | undefined)?.include_usage === true;
  const wantsUsage = asked && answer.usage !== null;
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'request-id': heading.id });
  await writeStream(openai ? openaiChatEvents(turn, heading, wantsUsage) : anthropicMessagesEvents(turn, heading), answer, response);
}

async function writeStream(events: Iterable<string>, answer: UpstreamAnswer, response: ServerResponse): Promise<void> {
  let count = 0;
  for (const event of events) {
    if (response.destroyed) return;
    if (answer.cutAfter !== undefined && count >= answer.cutAfter) {
      await sleep(20);
      return void response.destroy();
    }
    count++;
    const bytes = Buffer.from(event);
    const size = answer.pieceBytes ?? bytes.length;
    for (let at = 0; at < bytes.length; at += size) {
      if (!response.write(bytes.subarray(at, at + size))) await drained(response);
      if (answer.pieceBytes !== undefined) await sleep(0);
    }
    if (answer.paceMs !== undefined) await sleep(answer.paceMs);
  }
  response.end();
}

async function drained(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

function readRequest(format: WireFormat, path: string, headers: IncomingHttpHeaders, raw: string): UpstreamRequest {
  const body = JSON.parse(raw) as Record<string, unknown>;
  const { entries, tools } = viewConversation(format, body);
  const lastUser = entries.findLastIndex((entry) => entry.kind === 'user');
  const since = entries.slice(lastUser + 1);
  const said = entries[lastUser];
  return {
    format, path, headers, raw, body, entries, tools, model: String(body.model), stream: body.stream === true, userText: said?.kind === 'user' ? said.text : '',
    results: since.filter((entry) => entry.kind === 'result'), step: since.filter((entry) => entry.kind === 'assistant').length,
  };
}

function turnOf(request: UpstreamRequest, answer: UpstreamAnswer): Turn {
  const calls = answer.toolCalls ?? [];
  const parts: TurnPart[] = [];
  if (answer.reasoning !== undefined) parts.push({ type: 'reasoning', text: answer.reasoning });
  if (answer.text !== undefined) parts.push({ type: 'text', text: answer.text });
  for (const call of calls) parts.push({ type: 'tool-call', id: call.id ?? `call_${randomBytes(8).toString('hex')}`, name: call.name, arguments: JSON.stringify(call.arguments) });
  const usage = { ...noUsage, uncachedInput: Math.ceil(request.raw.length / 4), output: Math.ceil((answer.text ?? '').length / 4) + calls.length * 10, ...answer.usage };
  return { parts, stop: answer.stop ?? (calls.length > 0 ? 'tool-calls' : 'end'), usage };
}

/** An error body as the vendor writes it. */
export function vendorError(format: WireFormat, status: number, message: string): object {
  if (format === 'openai-chat') return { error: { message, type: status === 401 ? 'authentication_error' : 'invalid_request_error', param: null, code: status === 401 ? 'invalid_api_key' : null } };
  return { type: 'error', error: { type: status === 401 ? 'authentication_error' : 'invalid_request_error', message }, request_id: 'req_scripted' };
}

function withoutUsage(answer: object, without: boolean): object {
  return without ? { ...answer, usage: undefined } : answer;
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function text(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
