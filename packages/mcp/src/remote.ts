import { SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { McpSession, type CallOptions } from './session.ts';

export interface RemoteServer {
  url: string;
  transport: 'sse' | 'streamable-http';
  headers: Readonly<Record<string, string>>;
}

const reconnectionOptions = { initialReconnectionDelay: 500, maxReconnectionDelay: 5_000, reconnectionDelayGrowFactor: 2, maxRetries: 2 };

/** Opens a session with a server over HTTP; every request goes through `fetch`. Throws `McpFailure`. */
export async function openRemote({ url, transport, headers }: RemoteServer, fetch: (url: string | URL, init?: RequestInit) => Promise<Response>, options: CallOptions): Promise<McpSession> {
  const common = { fetch, requestInit: { headers: { ...headers } } };
  return McpSession.open(transport === 'sse' ? new SSEClientTransport(new URL(url), common) : new StreamableHTTPClientTransport(new URL(url), { ...common, reconnectionOptions }), options);
}
