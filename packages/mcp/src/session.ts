import { Client, type Transport } from '@modelcontextprotocol/client';
import { callResultOf, calledTool } from './call-result.ts';
import { mcpLimits, type CallResult, type ToolList } from './formats.ts';
import { asMcpFailure } from './failure-of.ts';
import { McpFailure } from './mcp-failure.ts';
import { listedTools, ToolCollector } from './tool-list.ts';

export interface CallOptions {
  timeoutMs: number;
  /** Aborted when nobody waits any more: the server is told so. */
  signal?: AbortSignal;
}

/**
 * One connection to a server, by the official client. Nothing of what the server asks for is granted: no sampling, no roots, no
 * questions to the person. Every method throws `McpFailure`.
 */
export class McpSession {
  /** Why the connection ended, in words, where the transport knows. */
  private lost: string | null = null;
  closed = false;

  private constructor(private readonly client: Client) {}

  static async open(transport: Transport, { timeoutMs, signal }: CallOptions): Promise<McpSession> {
    const client = new Client({ name: 'deskhand', version: '1' }, { capabilities: {} });
    const session = new McpSession(client);
    client.onerror = (error) => { session.lost ??= error instanceof Error && error.name === 'McpFailure' ? error.message : null; };
    client.onclose = () => { session.closed = true; };
    try {
      await client.connect(transport, { timeout: timeoutMs, maxTotalTimeout: timeoutMs, ...(signal && { signal }) });
      return session;
    } catch (error) {
      await session.close();
      throw asMcpFailure(error, timeoutMs, session.lost);
    }
  }

  async tools(options: CallOptions): Promise<ToolList> {
    const collector = new ToolCollector();
    let cursor: string | undefined;
    for (let page = 0; page < mcpLimits.pages; page++) {
      const { tools, nextCursor } = await this.ask('tools/list', cursor === undefined ? {} : { cursor }, listedTools, options);
      collector.take(tools);
      cursor = nextCursor;
      if (cursor === undefined || cursor === '' || collector.full) break;
    }
    return collector.list(cursor !== undefined && cursor !== '');
  }

  async call(name: string, given: Readonly<Record<string, unknown>>, options: CallOptions): Promise<CallResult> {
    return callResultOf(await this.ask('tools/call', { name, arguments: given }, calledTool, options));
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.client.close().catch(() => {});
  }

  private async ask<Schema extends typeof listedTools | typeof calledTool>(method: string, params: Record<string, unknown>, schema: Schema, { timeoutMs, signal }: CallOptions) {
    if (this.closed) throw new McpFailure('It has ended', false);
    try {
      return await this.client.request({ method, params }, schema, { timeout: timeoutMs, maxTotalTimeout: timeoutMs, ...(signal && { signal }) });
    } catch (error) {
      throw asMcpFailure(error, timeoutMs, this.lost);
    }
  }
}
