import { defineConfig } from '@deskhand/platform';
import { z } from 'zod';

export const gatewayConfig = defineConfig({
  HTTP_HOST: z.string().default('127.0.0.1'),
  HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(3_000),
  /** The address people type; decides whether cookies are `Secure`, and is always an allowed origin. */
  PUBLIC_URL: z.url().optional(),
  /** Folder of the built web app; without it only the API is served. */
  WEB_ROOT: z.string().optional(),
});

export class GatewaySettings {
  constructor(
    readonly host: string,
    readonly port: number,
    readonly publicUrl: URL | null,
    readonly webRoot: string | null,
  ) {}

  static fromEnvironment(): GatewaySettings {
    const { HTTP_HOST, HTTP_PORT, PUBLIC_URL, WEB_ROOT } = gatewayConfig.value;
    return new GatewaySettings(HTTP_HOST, HTTP_PORT, PUBLIC_URL === undefined ? null : new URL(PUBLIC_URL), WEB_ROOT ?? null);
  }

  /** Browsers send a `Secure` cookie over https only. */
  get secureCookies(): boolean {
    return this.publicUrl?.protocol === 'https:';
  }
}
