import { defineConfig } from '@deskhand/platform';
import { z } from 'zod';

export const gatewayConfig = defineConfig({
  HTTP_HOST: z.string().default('127.0.0.1'),
  HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(3_000),
  /** The address people type; decides whether cookies are `Secure`, and is always an allowed origin. */
  PUBLIC_URL: z.url().optional(),
  /** Folder of the built web app; without it only the API is served. */
  WEB_ROOT: z.string().optional(),
  /** Further ports of the same server: chat and desktop together, and the desktop alone. */
  COMBINED_PORT: z.coerce.number().int().min(0).max(65_535).optional(),
  DESKTOP_PORT: z.coerce.number().int().min(0).max(65_535).optional(),
  /** Where the managers of computers bring the bytes of desktops: what is listened on, and the address that they dial. */
  DATA_PLANE_HOST: z.string().default('127.0.0.1'),
  DATA_PLANE_PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  DATA_PLANE_ADDRESS: z.string().optional(),
});

export interface DataPlaneSettings {
  host: string;
  port: number;
  address: string;
}

/** A further port and the address of its first page. */
export interface Side {
  port: number;
  home: string;
}

export class GatewaySettings {
  constructor(
    readonly host: string,
    readonly port: number,
    readonly publicUrl: URL | null,
    readonly webRoot: string | null,
    readonly dataPlane: DataPlaneSettings = { host: '127.0.0.1', port: 0, address: '127.0.0.1' },
    readonly sides: readonly Side[] = [],
  ) {}

  static fromEnvironment(): GatewaySettings {
    const { HTTP_HOST, HTTP_PORT, PUBLIC_URL, WEB_ROOT, COMBINED_PORT, DESKTOP_PORT, DATA_PLANE_HOST: host, DATA_PLANE_PORT: port, DATA_PLANE_ADDRESS: address } = gatewayConfig.value;
    return new GatewaySettings(HTTP_HOST, HTTP_PORT, PUBLIC_URL === undefined ? null : new URL(PUBLIC_URL), WEB_ROOT ?? null, { host, port, address: address ?? host }, [
      ...(COMBINED_PORT === undefined ? [] : [{ port: COMBINED_PORT, home: '/combined' }]),
      ...(DESKTOP_PORT === undefined ? [] : [{ port: DESKTOP_PORT, home: '/vnc.html' }]),
    ]);
  }

  /** Browsers send a `Secure` cookie over https only. */
  get secureCookies(): boolean {
    return this.publicUrl?.protocol === 'https:';
  }
}
