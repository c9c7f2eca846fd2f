import { createHash } from 'node:crypto';

const prefix = 'mcp__';
/** The longest name that every provider takes. */
const longest = 64;

/**
 * What models call a server's tool: `mcp__<handle>__<tool>`, in letters that every provider takes. A name that had to be changed
 * ends with a digest of the real one, so that no two tools of a server share a name.
 */
export function toolName(handle: string, tool: string): string {
  const head = `${prefix}${handle}__`;
  const plain = tool.replace(/[^A-Za-z0-9_-]/g, '_');
  if (plain === tool && head.length + plain.length <= longest) return head + plain;
  const digest = createHash('sha256').update(tool).digest('hex').slice(0, 6);
  return `${head}${plain.slice(0, longest - head.length - digest.length - 1)}_${digest}`;
}

/** The handle of the server whose tool this name can only be; null for other tools. */
export function handleIn(name: string): string | null {
  if (!name.startsWith(prefix)) return null;
  // A handle holds no two underscores in a row.
  const end = name.indexOf('__', prefix.length);
  return end < 0 ? null : name.slice(prefix.length, end);
}
