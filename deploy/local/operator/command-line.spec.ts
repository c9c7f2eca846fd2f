import { describe, expect, it } from 'vitest';
import { readCommand, UsageError } from './command-line.ts';

const read = (line: string) => readCommand(line.split(' ').filter(Boolean));

describe('readCommand', () => {
  it('reads each command', () => {
    expect(read('user create ada --email a@b --admin')).toEqual({ kind: 'user-create', username: 'ada', email: 'a@b', isAdmin: true, passwordStdin: false });
    expect(read('user list')).toEqual({ kind: 'user-list' });
    expect(read('user disable ada')).toEqual({ kind: 'user-disable', username: 'ada', disabled: true });
    expect(read('user disable ada --undo')).toMatchObject({ disabled: false });
    expect(read('user reset-password ada --password-stdin')).toEqual({ kind: 'user-reset-password', username: 'ada', passwordStdin: true });
    expect(read('token create --user ada --name ci --scope api --scope metrics --days 30')).toEqual({ kind: 'token-create', username: 'ada', name: 'ci', scopes: ['api', 'metrics'], days: 30 });
    expect(read('token create --user ada --name ci')).toMatchObject({ scopes: ['api'], days: null });
  });

  it.each(['', 'user', 'user create ada', 'user create --email a@b', 'user list a b', 'user remove ada', 'user list --force', 'token create --user ada', 'token create --user a --name b --days 0', 'token create --user a --name b --scope root', 'token create --nats'])(
    'refuses "%s"',
    (line) => {
      expect(() => read(line)).toThrow(UsageError);
    },
  );
});
