import { randomBytes } from 'node:crypto';
import { auth, DeclaredError } from '@deskhand/contracts';
import type { UserView } from '@deskhand/contracts';
import type { Bus } from '@deskhand/platform';
import type { Command } from './command-line.ts';

const millisecondsADay = 86_400_000;

/** Does what the command says and returns what to print. `readPassword` gives the line of standard input. */
export async function carryOut(command: Command, bus: Bus, readPassword: () => Promise<string>): Promise<string> {
  switch (command.kind) {
    case 'user-create': {
      const { username, email, isAdmin, passwordStdin } = command;
      const password = passwordStdin ? await readPassword() : randomBytes(12).toString('base64url');
      const user = await bus.request(auth.createUser, { username, email, password, is_admin: isAdmin });
      return `Made ${describe(user)}.${passwordStdin ? '' : `\nPassword (shown once): ${password}`}`;
    }
    case 'user-list': {
      const users = await bus.request(auth.listUsers, {});
      return users.length === 0 ? 'There is no account yet.' : users.map(describe).join('\n');
    }
    case 'user-disable': {
      const user = await bus.request(auth.disableUser, { username: command.username, disabled: command.disabled });
      return `${user.username} is ${user.disabled ? 'disabled; all sessions and tokens have ended' : 'enabled'}.`;
    }
    case 'user-reset-password': {
      const password = command.passwordStdin ? await readPassword() : undefined;
      const reset = await bus.request(auth.resetPassword, { username: command.username, password });
      return password ? `The password of ${command.username} is changed.` : `New password of ${command.username} (shown once): ${reset.password}`;
    }
    case 'token-create': {
      const { username, name, scopes, days } = command;
      const user = (await bus.request(auth.listUsers, {})).find((candidate) => candidate.username === username);
      if (!user) throw new DeclaredError('NOT_FOUND', `There is no account named ${username}`);
      const expiresAt = days === null ? null : new Date(Date.now() + days * millisecondsADay).toISOString();
      const { token } = await bus.request(auth.createToken, { user_id: user.id, name, scopes, expires_at: expiresAt });
      return `Token of ${username} (shown once): ${token}`;
    }
  }
}

function describe({ username, email, is_admin, disabled, created_at }: UserView): string {
  const marks = [is_admin ? 'administrator' : 'user', ...(disabled ? ['disabled'] : [])].join(', ');
  return `${username} <${email}>  ${marks}  since ${created_at}`;
}
