import { mcpToolOf } from '../mcp/tool-name.ts';

/** What an approval asks, as a question. */
export function questionOf(name: string): string {
  if (name === 'bash') return 'Run this command?';
  if (name === 'write') return 'Write this file?';
  if (name === 'edit') return 'Edit this file?';
  if (name === 'read') return 'Read this file?';
  if (name === 'computer') return 'Do this on the desktop?';
  const mcp = mcpToolOf(name);
  return mcp === null ? `Use ${name}?` : `Use ${mcp.tool} of the MCP server ${mcp.server}?`;
}
