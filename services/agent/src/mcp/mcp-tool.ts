import type { McpServer } from '@deskhand/contracts';
import type { ToolFacts } from '@deskhand/mcp';
import { z } from 'zod';
import type { McpTool } from '../tools/tool.ts';
import { toolName } from './tool-names.ts';

const anyObject = z.record(z.string(), z.unknown());

/** A tool of a server as the loop knows it. What runs inside the computer stays there; another server's tool does when it only reads. */
export function mcpTool(server: McpServer, { name, description, parameters, read_only: readOnly }: ToolFacts): McpTool {
  return {
    kind: 'mcp', name: toolName(server.handle, name), server, tool: name, input: anyObject, parameters,
    description: `[MCP server "${server.name}"] ${description}`.trim(),
    ...permissionsOf(server, readOnly),
  };
}

/** Stands for a tool that an earlier worker called, whatever its server says today. */
export function startedMcpTool(server: McpServer, name: string): McpTool {
  return { kind: 'mcp', name, server, tool: null, input: anyObject, parameters: {}, description: '', ...permissionsOf(server, false) };
}

function permissionsOf(server: McpServer, readOnly: boolean): Pick<McpTool, 'staysInside' | 'reaches'> {
  return server.transport === 'stdio' ? { staysInside: true } : { staysInside: readOnly, reaches: `the MCP server "${server.name}"` };
}
