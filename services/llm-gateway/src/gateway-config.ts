import { defineConfig } from '@deskhand/platform';
import { z } from 'zod';

const milliseconds = (fallback: number) => z.coerce.number().int().min(1).max(86_400_000).default(fallback);

export const gatewayConfig = defineConfig({
  HTTP_HOST: z.string().default('127.0.0.1'),
  /** 0: any free port, for tests. */
  HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(4000),
  /** Where other services reach this one; made of host and port when absent. */
  BASE_URL: z.url().optional(),
  /** Where people reach the web app, with its pages about models and keys. */
  WEB_URL: z.url().optional(),
  /** The place of this process: one that begins there succeeds the one before. */
  SERVICE_INSTANCE: z.string().default('1'),
  MASTER_KEY: z.string().regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits'),
  /** Opens the HTTP API for programs outside; without it only run tokens do. */
  LITELLM_MASTER_KEY: z.string().min(1).optional(),
  /** Path of a configuration file in LiteLLM's format. */
  LITELLM_CONFIG: z.string().optional(),
  ALLOWED_PRIVATE_HOSTS: z.string().default(''),
  DATA_DIR: z.string().optional(),
  OPENAI_API_KEY: z.string().optional(),
  ANTHROPIC_API_KEY: z.string().optional(),
  GEMINI_API_KEY: z.string().optional(),
  MISTRAL_API_KEY: z.string().optional(),
  CONNECT_TIMEOUT_MS: milliseconds(10_000),
  /** Models that think answer their first byte late. */
  FIRST_BYTE_TIMEOUT_MS: milliseconds(600_000),
  IDLE_TIMEOUT_MS: milliseconds(300_000),
  /** A client that takes nothing for so long is cut. */
  SLOW_CLIENT_TIMEOUT_MS: milliseconds(120_000),
  /** Largest body of one call, and what all calls together may keep of bodies and whole answers. */
  MAXIMUM_BODY_BYTES: z.coerce.number().int().min(1_024).default(64 * 1024 * 1024),
  MAXIMUM_KEPT_BYTES: z.coerce.number().int().min(65_536).default(512 * 1024 * 1024),
});

export type GatewayConfig = (typeof gatewayConfig)['value'];

/** The configuration as a thing to inject. */
export class GatewaySettings {
  constructor(readonly values: GatewayConfig) {}
}
