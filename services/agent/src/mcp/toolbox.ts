import type { ClaimedRun, McpServer } from '@deskhand/contracts';
import { McpFailure, type ToolList } from '@deskhand/mcp';
import type { ToolDescription } from '../loop/model.ts';
import type { RunPorts } from '../loop/ports.ts';
import { toolDescriptions, tools } from '../tools/index.ts';
import { describeTool, type Tool } from '../tools/tool.ts';
import { toolsInComputer } from './computer-servers.ts';
import { mcpTool, startedMcpTool } from './mcp-tool.ts';
import { handleIn } from './tool-names.ts';

/** Tools of all servers together: more no model can choose among. */
const maximumTools = 200;

export interface FoundTools {
  descriptions: readonly ToolDescription[];
  /** Servers whose tools are left out, each with the reason in words. */
  unavailable: { server: McpServer; words: string }[];
}

/** The tools of one run: those that are built in, and those of the conversation's MCP servers once these were asked. */
export class Toolbox {
  private readonly servers: ReadonlyMap<string, McpServer>;
  private readonly found = new Map<string, Tool>(tools);
  /** By server: the command that started it. */
  private readonly starters = new Map<string, string>();
  private asked: Promise<FoundTools> | null = null;

  constructor(run: ClaimedRun, private readonly ports: RunPorts) {
    this.servers = new Map((run.mcp_servers ?? []).map((server) => [server.handle, server]));
  }

  /** Whether a call of this name can only be judged after the servers were asked. */
  needsServers(name: string): boolean {
    return this.asked === null && this.serverOf(name) !== undefined;
  }

  /** Asks all servers side by side, once. A server that does not answer costs its own tools only. */
  ask(): Promise<FoundTools> {
    this.asked ??= this.askAll();
    return this.asked;
  }

  get(name: string): Tool | undefined {
    return this.found.get(name);
  }

  get names(): string[] {
    return [...this.found.keys()];
  }

  /** The tool of a call that has been started: its outcome can be told without the server. */
  started(name: string): Tool | undefined {
    const server = this.serverOf(name);
    return this.found.get(name) ?? (server && startedMcpTool(server, name));
  }

  starterOf(server: McpServer): string | undefined {
    return this.starters.get(server.id);
  }

  /** Makes sure that a server inside the computer runs. Throws `McpFailure`. */
  async wake(server: McpServer): Promise<void> {
    this.starters.set(server.id, (await toolsInComputer(server, this.ports)).starter);
  }

  private serverOf(name: string): McpServer | undefined {
    const handle = handleIn(name);
    return handle === null ? undefined : this.servers.get(handle);
  }

  private async askAll(): Promise<FoundTools> {
    const unavailable: FoundTools['unavailable'] = [];
    const lists = await Promise.all([...this.servers.values()].map(async (server) => {
      try {
        return { server, list: await this.list(server) };
      } catch (error) {
        if (!(error instanceof McpFailure)) throw error;
        unavailable.push({ server, words: error.message });
        return null;
      }
    }));
    const added: Tool[] = lists.flatMap((one) => (one === null ? [] : one.list.tools.map((facts) => mcpTool(one.server, facts)))).slice(0, maximumTools);
    for (const tool of added) this.found.set(tool.name, tool);
    return { descriptions: [...toolDescriptions, ...added.map(describeTool)], unavailable };
  }

  private async list(server: McpServer): Promise<ToolList> {
    if (server.transport !== 'stdio') return this.ports.remoteServers.tools(server);
    const list = await toolsInComputer(server, this.ports);
    this.starters.set(server.id, list.starter);
    return list;
  }
}
