import { defineConfig, serviceConfig } from '@deskhand/platform';
import { z } from 'zod';

export const agentConfig = defineConfig({
  SERVICE_INSTANCE: serviceConfig.SERVICE_INSTANCE,
  /** Hosts in private networks that MCP servers may be at: `host:port,…`. */
  ALLOWED_PRIVATE_HOSTS: z.string().default(''),
  /** Opens the headers that administrators gave MCP servers. */
  MCP_KEY: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits').optional(),
  /** Where shown words are kept while they cannot be saved; they are not kept when absent. */
  DATA_DIR: z.string().startsWith('/').optional(),
});
