import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Message { id?: number | string; method?: string; params?: { name?: string; arguments?: Record<string, unknown>; protocolVersion?: string } }

export type Mode = 'well' | 'silent' | 'redirect' | 'huge' | 'endless' | 'nonsense' | 'forgetful' | 'refusing';

export interface HttpServer {
  /** `host:port`. */
  host: string;
  url: string;
  /** For the transport `sse`. */
  sseUrl: string;
  mode: Mode;
  /** Names of the tools that were called, each with its session. */
  calls: { tool: string; session: string; text: unknown }[];
  headers: IncomingMessage['headers'][];
  sessions: Set<string>;
  close(): Promise<void>;
}

const tool = (name: string, readOnlyHint?: boolean) => ({ name, description: `Does ${name}`, inputSchema: { type: 'object', properties: { text: { type: 'string' } } }, ...(readOnlyHint !== undefined && { annotations: { readOnlyHint } }) });
const text = (words: string) => ({ content: [{ type: 'text', text: words }] });

/** A server over streamable HTTP, and over the transport before it, written without any library. */
export async function startHttpServer(): Promise<HttpServer> {
  const state: HttpServer = { host: '', url: '', sseUrl: '', mode: 'well', calls: [], headers: [], sessions: new Set(), close: async () => {} };
  const streams = new Map<string, ServerResponse>();

  const answer = (message: Message, session: string): object | null => {
    const { id, method, params } = message;
    if (id === undefined) return null;
    const result = (value: object) => ({ jsonrpc: '2.0', id, result: value });
    if (method === 'initialize') return result({ protocolVersion: params?.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'test', version: '1' } });
    if (method === 'tools/list') return result({ tools: [tool('look', true), tool('act'), tool('who', true), tool('hang')] });
    if (method !== 'tools/call') return { jsonrpc: '2.0', id, error: { code: -32601, message: 'no' } };
    state.calls.push({ tool: params?.name ?? '', session, text: params?.arguments?.['text'] });
    if (params?.name === 'who') return result(text(session));
    return params?.name === 'hang' ? null : result(text(`${params?.name} ${String(params?.arguments?.['text'])}`));
  };

  const streamable = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.method === 'DELETE') return void response.writeHead(200).end();
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const message = JSON.parse(await bodyOf(request)) as Message;
    const initialize = message.method === 'initialize';
    const session = initialize ? randomUUID() : String(request.headers['mcp-session-id']);
    if (initialize) state.sessions.add(session);
    else if (!state.sessions.has(session)) return void response.writeHead(404).end();
    if (message.method === 'tools/call' && state.mode === 'forgetful') {
      state.mode = 'well';
      state.sessions.clear();
      return void response.writeHead(404).end();
    }
    if (message.id === undefined) return void response.writeHead(202).end();
    if (!initialize && state.mode === 'huge') {
      response.writeHead(200, { 'content-type': 'application/json' });
      return pour(response, '"' + 'x'.repeat(1 << 20));
    }
    if (!initialize && state.mode === 'endless') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      return pour(response, `data: ${'x'.repeat(1 << 20)}`);
    }
    const made = answer(message, session);
    const head = { 'mcp-session-id': session };
    if (made === null) return response.writeHead(200, { ...head, 'content-type': 'text/event-stream' }).flushHeaders();
    if (message.method === 'tools/list') return void response.writeHead(200, { ...head, 'content-type': 'application/json' }).end(JSON.stringify(made));
    response.writeHead(200, { ...head, 'content-type': 'text/event-stream' }).end(`event: message\ndata: ${JSON.stringify(made)}\n\n`);
  };

  const before = async (request: IncomingMessage, response: ServerResponse, url: URL) => {
    if (request.method === 'GET') {
      const session = randomUUID();
      state.sessions.add(session);
      streams.set(session, response);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`event: endpoint\ndata: /messages?session=${session}\n\n`);
      return;
    }
    const session = url.searchParams.get('session') ?? '';
    const message = JSON.parse(await bodyOf(request)) as Message;
    response.writeHead(202).end();
    const made = answer(message, session);
    if (made !== null) streams.get(session)?.write(`event: message\ndata: ${JSON.stringify(made)}\n\n`);
  };

  const server = createServer((request, response) => {
    state.headers.push(request.headers);
    response.on('error', () => {});
    if (state.mode === 'silent') return;
    if (state.mode === 'redirect') return void response.writeHead(302, { location: 'http://169.254.169.254/mcp' }).end();
    if (state.mode === 'refusing') return void response.writeHead(401).end();
    if (state.mode === 'nonsense') return void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hello</h1>');
    const url = new URL(request.url ?? '/', 'http://x');
    (url.pathname === '/mcp' ? streamable(request, response) : before(request, response, url)).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  Object.assign(state, {
    host: `127.0.0.1:${port}`, url: `http://127.0.0.1:${port}/mcp`, sseUrl: `http://127.0.0.1:${port}/sse`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return state;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return body;
}

/** Writes the same until nobody reads any more. */
async function pour(response: ServerResponse, part: string): Promise<void> {
  while (!response.destroyed) {
    response.write(part);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
