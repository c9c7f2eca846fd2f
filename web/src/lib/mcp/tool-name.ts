/** Server and tool of a name that the agent gave a tool of an MCP server; null for other tools. */
export function mcpToolOf(name: string): { server: string; tool: string } | null {
  const [, server, tool] = /^mcp__(.+?)__(.*)$/.exec(name) ?? [];
  return server === undefined || tool === undefined ? null : { server, tool };
}
