import { createHash } from 'node:crypto';
import { mcpSecretContext, type McpServer } from '@deskhand/contracts';
import { McpFailure, mcpLimits, type McpSession } from '@deskhand/mcp';
import { decryptSecret } from '@deskhand/platform';
import type { GuardedFetch } from '@deskhand/platform/outgoing';
import type { RemoteServers } from '../loop/ports.ts';

/** Milliseconds. */
const openMs = 8_000;
const listMs = 8_000;
const callMs = 300_000;
const unusedMs = 600_000;
const sweepMs = 30_000;

/** What `guardedFetch` of platform is to be given for these sessions. */
export const remoteLimits = { connectMs: 5_000, silenceMs: callMs + 10_000, answer: 8 * mcpLimits.message, event: mcpLimits.message };

interface Entry {
  session: Promise<McpSession>;
  usedAt: number;
  using: number;
}

/**
 * Connections to servers that are reached over HTTP. One a conversation and server, never shared between conversations, so that
 * what a server remembers or sends of one cannot reach another. Closed when unused for ten minutes, and after any failure.
 */
export class RemoteSessions {
  private readonly sessions = new Map<string, Entry>();
  private readonly sweeper = setInterval(() => this.sweep(), sweepMs).unref();

  constructor(private readonly outgoing: GuardedFetch, private readonly key: string | undefined) {}

  of(conversationId: string): RemoteServers {
    return {
      tools: async (server) => this.use(conversationId, server, async (session) => session.tools({ timeoutMs: listMs })),
      call: async (server, tool, given, stopped) => this.use(conversationId, server, async (session) => session.call(tool, given, { timeoutMs: callMs, signal: stopped })),
    };
  }

  async close(): Promise<void> {
    clearInterval(this.sweeper);
    const entries = [...this.sessions.values()];
    this.sessions.clear();
    await Promise.allSettled(entries.map(async ({ session }) => (await session).close()));
    await this.outgoing.close();
  }

  private async use<Answer>(conversationId: string, server: McpServer, work: (session: McpSession) => Promise<Answer>): Promise<Answer> {
    const name = `${conversationId}/${server.id}/${versionOf(server)}`;
    for (let old = this.sessions.has(name); ; old = false) {
      const entry = await this.entry(name, server);
      entry.using += 1;
      try {
        return await work(await entry.session);
      } catch (error) {
        this.drop(name, entry);
        // A server that refused because it forgot the session has done nothing: it may be asked once more.
        if (!(old && error instanceof McpFailure && error.expired && !error.ran)) throw error;
      } finally {
        entry.using -= 1;
        entry.usedAt = Date.now();
      }
    }
  }

  private async entry(name: string, server: McpServer): Promise<Entry> {
    const known = this.sessions.get(name);
    if (known !== undefined && !(await known.session.then((session) => session.closed, () => true))) return known;
    const raced = this.sessions.get(name);
    if (raced !== undefined && raced !== known) return raced;
    const entry: Entry = { session: this.open(server), usedAt: Date.now(), using: 0 };
    entry.session.catch(() => this.drop(name, entry));
    this.sessions.set(name, entry);
    return entry;
  }

  private drop(name: string, entry: Entry): void {
    if (this.sessions.get(name) === entry) this.sessions.delete(name);
    void entry.session.then(async (session) => session.close(), () => {});
  }

  private async open(server: McpServer): Promise<McpSession> {
    // Loaded with the first server that needs it: a worker at rest does not hold it.
    const { openRemote } = await import('@deskhand/mcp/remote');
    const transport = server.transport === 'sse' ? 'sse' : 'streamable-http';
    return openRemote({ url: server.url ?? '', transport, headers: this.headers(server) }, async (url, init) => this.outgoing.fetch(url, init), { timeoutMs: openMs });
  }

  private headers(server: McpServer): Record<string, string> {
    if (server.headers === null) return {};
    if (this.key === undefined) throw new McpFailure('This installation has no key for its headers', false);
    try {
      return JSON.parse(decryptSecret(Buffer.from(this.key, 'hex'), server.headers, mcpSecretContext(server.id, 'headers'))) as Record<string, string>;
    } catch (error) {
      throw new McpFailure('Its headers cannot be read; an administrator has to enter them again', false, { cause: error });
    }
  }

  private sweep(): void {
    const before = Date.now() - unusedMs;
    for (const [name, entry] of this.sessions) if (entry.using === 0 && entry.usedAt < before) this.drop(name, entry);
  }
}

/** Differs when the server is defined anew. */
function versionOf({ url, transport, headers }: McpServer): string {
  return createHash('sha256').update(JSON.stringify([url, transport, headers])).digest('hex').slice(0, 16);
}
