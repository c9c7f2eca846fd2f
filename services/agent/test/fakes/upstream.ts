import { createServer, type IncomingMessage, type Server } from 'node:http';

export interface UpstreamAnswer {
  status?: number;
  headers?: Record<string, string>;
  /** Parts of the body, each sent by itself. */
  parts: (string | Uint8Array)[];
  /** Breaks the connection after the last part instead of ending the answer. */
  breaks?: boolean;
}

export interface Upstream {
  url: string;
  requests: { path: string; headers: IncomingMessage['headers']; body: Record<string, unknown> }[];
  answers: UpstreamAnswer[];
  close(): Promise<void>;
}

/** An upstream over real HTTP that gives the answers it was told, in order. */
export async function startUpstream(): Promise<Upstream> {
  const upstream: Pick<Upstream, 'requests' | 'answers'> = { requests: [], answers: [] };
  const server: Server = createServer((request, response) => void (async () => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    upstream.requests.push({ path: request.url ?? '', headers: request.headers, body: JSON.parse(body) as Record<string, unknown> });
    const { status = 200, headers = { 'content-type': 'text/event-stream' }, parts, breaks } = upstream.answers.shift() ?? { status: 500, parts: [] };
    response.writeHead(status, headers);
    for (const part of parts) {
      response.write(part);
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (breaks === true) response.destroy();
    else response.end();
  })());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    ...upstream,
    url: `http://127.0.0.1:${port}/v1`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A text cut into parts at these places, in bytes: also within characters. */
export function cutAt(text: string, places: readonly number[]): Uint8Array[] {
  const bytes = new TextEncoder().encode(text);
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...cuts].map((from, index) => bytes.subarray(from, cuts[index] ?? bytes.length)).filter((part) => part.length > 0);
}
