import type { McpServerDetails, McpTransport } from '@deskhand/contracts';

/** A secret as it is edited: a stored one keeps its value while that field stays empty. */
export interface SecretRow {
  key: number;
  name: string;
  value: string;
  stored: boolean;
}

export interface ServerFields {
  name: string;
  description: string;
  transport: McpTransport;
  command: string;
  /** One argument a line. */
  args: string;
  url: string;
  variables: SecretRow[];
  headers: SecretRow[];
}

export const transportNames: Readonly<Record<McpTransport, string>> = { stdio: 'Program in the computer', 'streamable-http': 'HTTP', sse: 'HTTP, older (SSE)' };

const rowsOf = (names: Readonly<Record<string, null>>): SecretRow[] => Object.keys(names).map((name, key) => ({ key, name, value: '', stored: true }));

export function fieldsOf(server: McpServerDetails | null): ServerFields {
  return {
    name: server?.name ?? '', description: server?.description ?? '', transport: server?.transport ?? 'stdio', command: server?.command ?? '', args: server?.args.join('\n') ?? '', url: server?.url ?? '',
    variables: rowsOf(server?.env_vars ?? {}), headers: rowsOf(server?.headers ?? {}),
  };
}

/** The body of a request that saves; what belongs to another transport stays as it was. */
export function bodyOf({ name, description, transport, command, args, url, variables, headers }: ServerFields) {
  const common = { name: name.trim(), description: description.trim(), transport };
  if (transport !== 'stdio') return { ...common, url: url.trim(), headers: secretsOf(headers) };
  return { ...common, command: command.trim(), args: args.replace(/\n+$/, '').split('\n').filter((line, _, lines) => lines.length > 1 || line !== ''), env_vars: secretsOf(variables) };
}

/** `null` keeps what is stored under a name. */
function secretsOf(rows: readonly SecretRow[]): Record<string, string | null> {
  return Object.fromEntries(rows.filter(({ name }) => name.trim() !== '').map(({ name, value, stored }) => [name.trim(), stored && value === '' ? null : value]));
}

/** Where a server is, in one line. */
export function placeOf({ transport, command, args, url }: McpServerDetails): string {
  return transport === 'stdio' ? [command ?? '', ...args].join(' ') : (url ?? '');
}
