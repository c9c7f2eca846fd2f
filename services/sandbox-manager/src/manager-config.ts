import { defineConfig, serviceConfig } from '@deskhand/platform';
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import type { ComputerLimits } from './containers/container-options.ts';

export const managerConfig = defineConfig({
  SERVICE_INSTANCE: serviceConfig.SERVICE_INSTANCE,
  /** Why there is no Docker engine, in words; computers cannot be started then. */
  DOCKER_PROBLEM: z.string().optional(),
  SANDBOX_IMAGE: z.string().optional(),
  SANDBOX_RUNTIME: z.string().optional(),
  IDLE_SECONDS: z.coerce.number().min(1).default(600),
  /** Absolute, and the same path on the host of the engine. */
  WORKSPACE_ROOT: z.string().startsWith('/'),
  /** Opens the variables that administrators gave MCP servers. */
  MCP_KEY: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits').optional(),
  INSTALLATION_ID: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'may hold letters, digits, _ and -'),
});

const gigabyte = 1024 ** 3;

export const computerLimits: ComputerLimits = {
  memoryBytes: 2 * gigabyte,
  processors: Math.min(2, availableParallelism()),
  processes: 512,
  diskBytes: 10 * gigabyte,
  inodes: 1_000_000,
};
