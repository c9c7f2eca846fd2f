import { readdirSync, readFileSync } from 'node:fs';

/** Names a server's processes, also those that it made daemons of: they inherit it. */
export const markName = 'MCP_SERVER_MARK';
const passes = 4;

/** Kills a server's process group, and whatever carries its mark. */
export function killTree(group: number, mark: string): void {
  kill(-group);
  for (let pass = 0; pass < passes; pass++) {
    const marked = processesWith(`${markName}=${mark}`);
    if (marked.length === 0) return;
    for (const id of marked) kill(id);
  }
}

function processesWith(variable: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((id) => id !== process.pid && environmentOf(id).includes(variable));
}

function environmentOf(id: number): string[] {
  try {
    return readFileSync(`/proc/${id}/environ`, 'latin1').split('\0');
  } catch {
    return [];
  }
}

function kill(id: number): void {
  try {
    process.kill(id, 'SIGKILL');
  } catch { /* it is gone */ }
}
