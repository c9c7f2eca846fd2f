import type { McpServer, McpServerDetails, McpServerView } from '@deskhand/contracts';
import { plainTime } from '../conversations/views.ts';
import type { McpServerRow } from '../database/entities.ts';
import type { McpSecrets, SecretKind } from './mcp-secrets.ts';

export function mcpServerView({ id, name, description, transport, isEnabled }: McpServerRow): McpServerView {
  return { id, name, description, transport, is_enabled: isEnabled };
}

export function mcpServerDetails(row: McpServerRow, secrets: McpSecrets): McpServerDetails {
  const names = (kind: SecretKind, stored: string | null | undefined) => Object.fromEntries(secrets.names(row.id, kind, stored ?? null).map((name) => [name, null]));
  return {
    ...mcpServerView(row), handle: row.handle, command: row.command ?? null, args: row.args, url: row.url ?? null, env_vars: names('environment', row.environment), headers: names('headers', row.headers),
    created_at: plainTime(row.createdAt), updated_at: plainTime(row.updatedAt),
  };
}

export function mcpServerForRun({ id, name, handle, transport, command, args, url, environment, headers }: McpServerRow): McpServer {
  return { id, name, handle, transport, command: command ?? null, args, url: url ?? null, environment: environment ?? null, headers: headers ?? null };
}
