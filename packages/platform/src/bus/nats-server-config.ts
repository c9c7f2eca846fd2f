export interface NatsUser {
  readonly publicKey: string;
  readonly permissions: { readonly publish: readonly string[]; readonly subscribe: readonly string[]; readonly inboxPrefix: string };
}

export interface NatsServerOptions {
  readonly port: number;
  readonly storeFolder: string;
  readonly pidFile: string;
  readonly users: readonly NatsUser[];
  /** Address to listen on; loopback when absent. */
  readonly host?: string;
  /** Loopback port that answers whether the server is well; none when absent. */
  readonly healthPort?: number;
}

/**
 * The `accounts` block, which also goes into an outside server's configuration. It stands alone on purpose: beside an
 * `authorization` block old servers let anonymous clients in (CVE-2023-47090).
 */
export function natsAccounts(users: readonly NatsUser[]): object {
  return {
    DESKHAND: {
      jetstream: 'enabled',
      users: users.map(({ publicKey, permissions }) => ({
        nkey: publicKey,
        permissions: {
          publish: { allow: permissions.publish },
          subscribe: { allow: withInbox(permissions) },
          // A service may answer what it was asked, and nothing else in other services' inboxes.
          allow_responses: { max: 16, expires: '2m' },
        },
      })),
    },
  };
}

/** Configuration of a server of ours: JetStream in a file store, one user per service, nobody anonymous. */
export function natsServerConfig({ port, storeFolder, pidFile, users, host = '127.0.0.1', healthPort }: NatsServerOptions): string {
  return JSON.stringify(
    {
      host,
      port,
      ...(healthPort !== undefined && { http: `127.0.0.1:${healthPort}` }),
      server_name: 'deskhand-local',
      pid_file: pidFile,
      // A message may have 250,000 characters and travels as text and as blocks: in the worst script 3 MB of JSON.
      max_payload: 8_388_608,
      logtime: true,
      jetstream: { store_dir: storeFolder },
      accounts: natsAccounts(users),
    },
    null,
    2,
  );
}

function withInbox({ subscribe, inboxPrefix }: NatsUser['permissions']): string[] {
  return [...new Set([...subscribe, `${inboxPrefix}.>`])];
}
