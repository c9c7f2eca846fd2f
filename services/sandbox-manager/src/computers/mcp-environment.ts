import { DeclaredError, mcpSecretContext, type Command } from '@deskhand/contracts';
import { decryptSecret } from '@deskhand/platform';

/**
 * What a command that starts an MCP server finds in its environment: the administrator's variables as JSON, opened here so
 * that neither the bus nor the worker has them readable.
 */
export function mcpEnvironment({ server_id: id, stored }: NonNullable<Command['mcp_environment']>, key: string | undefined): { MCP_VARIABLES: string } {
  if (key === undefined) throw new DeclaredError('UNAVAILABLE', 'This installation has no key for the variables of MCP servers');
  try {
    return { MCP_VARIABLES: decryptSecret(Buffer.from(key, 'hex'), stored, mcpSecretContext(id, 'environment')) };
  } catch (error) {
    throw new DeclaredError('BAD_INPUT', 'The variables of this MCP server cannot be read; an administrator has to enter them again', undefined, { cause: error });
  }
}
