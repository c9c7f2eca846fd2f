import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { zstdDecompressSync } from 'node:zlib';
import { sayAnthropic, sayResponses } from '../../services/llm-gateway/test/wire/say.ts';
import type { SaidTurn } from '../../services/llm-gateway/test/wire/turns.ts';

interface VendorRequest {
  method: string;
  /** With its query. */
  path: string;
  headers: IncomingHttpHeaders;
  /** As it came, and read: parsed JSON, null when it was none. */
  bytes: Buffer;
  body: Record<string, unknown> | null;
}

export interface ScriptedVendor {
  url: string;
  /** `host:port`. */
  host: string;
  requests: VendorRequest[];
  close(): Promise<void>;
}

/** Stands in for the addresses that subscriptions lead to: answers messages and responses with this turn, anything else with an empty object. */
export async function startVendor(turn: SaidTurn): Promise<ScriptedVendor> {
  const requests: VendorRequest[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const path = request.url ?? '';
    requests.push({ method: request.method ?? '', path, headers: request.headers, bytes, body: read(bytes, request.headers['content-encoding']) });
    const place = request.method === 'POST' ? path.split('?', 1)[0]?.split('/').at(-1) : null;
    if (place === 'messages') response.writeHead(200, { 'content-type': 'text/event-stream' }).end(sayAnthropic(turn));
    else if (place === 'responses') response.writeHead(200, { 'content-type': 'text/event-stream' }).end(sayResponses(turn));
    else response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `http://${host}`, host, requests, close: async () => { server.closeAllConnections(); await new Promise((resolve) => server.close(resolve)); } };
}

function read(bytes: Buffer, encoding: string | undefined): Record<string, unknown> | null {
  try {
    return JSON.parse((encoding === 'zstd' ? zstdDecompressSync(bytes) : bytes).toString('utf8')) as Record<string, unknown>;
  } catch {
    return null;
  }
}
