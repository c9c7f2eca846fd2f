import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ComputerServer } from '../formats.ts';

/** Only the tools' user can enter it; in memory, so that it ends with the computer. */
export const folder = '/tmp/deskhand-mcp';

export function makeFolder(): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/** Where the host of a server listens. */
export function socketOf(server: ComputerServer): string {
  return join(folder, `${server.id}.sock`);
}

/** Held by the one host of a server; the kernel lets go of it when that process ends, however it does. */
export function lockOf(server: ComputerServer): string {
  return `\0deskhand-mcp-${server.id}`;
}

/** Differs when anything of how the server is started does. */
export function versionOf(server: ComputerServer, variables: string): string {
  return createHash('sha256').update(JSON.stringify([server.command, server.args, variables])).digest('hex');
}
