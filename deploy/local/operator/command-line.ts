import { parseArgs } from 'node:util';

/** A command line that cannot be carried out; printed with the usage. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const usage = `npm run deskhand -- COMMAND
  doctor                                              what is missing on this machine, and what to do
  user create NAME --email ADDRESS [--admin] [--password-stdin]
  user list
  user disable NAME [--undo]
  user reset-password NAME [--password-stdin]
  token create --user NAME --name TEXT [--scope api|metrics]… [--days N]
Passwords are made and printed once unless --password-stdin reads one line. Commands other than doctor need a running Deskhand.`;

export type Command =
  | { readonly kind: 'user-create'; readonly username: string; readonly email: string; readonly isAdmin: boolean; readonly passwordStdin: boolean }
  | { readonly kind: 'user-list' }
  | { readonly kind: 'user-disable'; readonly username: string; readonly disabled: boolean }
  | { readonly kind: 'user-reset-password'; readonly username: string; readonly passwordStdin: boolean }
  | { readonly kind: 'token-create'; readonly username: string; readonly name: string; readonly scopes: ('api' | 'metrics')[]; readonly days: number | null };

/** Reads the arguments after `npm run deskhand --`. Throws a UsageError that says what is wrong. */
export function readCommand(args: readonly string[]): Command {
  const { values, positionals } = parse(args);
  const [noun, verb, username, ...surplus] = positionals;
  const name = `${noun ?? ''} ${verb ?? ''}`.trim();
  if (surplus.length > 0) throw new UsageError(`What is "${surplus.join(' ')}"?`);
  const passwordStdin = values['password-stdin'] ?? false;
  switch (name) {
    case 'user create':
      return { kind: 'user-create', username: needed(username, 'a NAME'), email: needed(values.email, '--email ADDRESS'), isAdmin: values.admin ?? false, passwordStdin };
    case 'user list':
      return { kind: 'user-list' };
    case 'user disable':
      return { kind: 'user-disable', username: needed(username, 'a NAME'), disabled: !values.undo };
    case 'user reset-password':
      return { kind: 'user-reset-password', username: needed(username, 'a NAME'), passwordStdin };
    case 'token create':
      if (values.nats) throw new UsageError('Credentials for event subscribers come with a later release.');
      return { kind: 'token-create', username: needed(values.user, '--user NAME'), name: needed(values.name, '--name TEXT'), scopes: (values.scope ?? ['api']).map(scope), days: values.days === undefined ? null : days(values.days) };
    default:
      throw new UsageError(name === '' ? 'Which command?' : `There is no command "${name}".`);
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        email: { type: 'string' },
        admin: { type: 'boolean' },
        undo: { type: 'boolean' },
        'password-stdin': { type: 'boolean' },
        user: { type: 'string' },
        name: { type: 'string' },
        scope: { type: 'string', multiple: true },
        days: { type: 'string' },
        nats: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function needed(value: string | undefined, what: string): string {
  if (!value) throw new UsageError(`The command needs ${what}.`);
  return value;
}

function scope(text: string): 'api' | 'metrics' {
  if (text !== 'api' && text !== 'metrics') throw new UsageError(`--scope is api or metrics, not "${text}".`);
  return text;
}

function days(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new UsageError('--days is a whole number from 1 to 9999.');
  return Number(text);
}
