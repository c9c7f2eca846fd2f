import { serviceNames, natsPermissions } from '@deskhand/contracts';
import { describe, expect, it } from 'vitest';
import { natsServerConfig } from '@deskhand/platform/nats-server-config';

const users = serviceNames.map((name) => ({ publicKey: `U-${name}`, permissions: natsPermissions(name) }));
interface Config {
  readonly accounts: { readonly DESKHAND: { readonly users: readonly { nkey: string; permissions: { publish: { allow: string[] }; subscribe: { allow: string[] } } }[] } };
}

const config = JSON.parse(natsServerConfig({ port: 4333, storeFolder: '/data/store', pidFile: '/run/pid', users })) as Config;
const account = config.accounts.DESKHAND;

describe('natsServerConfig', () => {
  it('lets in nobody but the accounts\' own users', () => {
    expect(Object.keys(config)).not.toContain('authorization');
    expect(Object.keys(config)).not.toContain('no_auth_user');
    expect(account.users.map(({ nkey }) => nkey)).toEqual(serviceNames.map((name) => `U-${name}`));
  });

  it('listens on the loopback address only', () => {
    expect(config).toMatchObject({ host: '127.0.0.1', port: 4333, jetstream: { store_dir: '/data/store' } });
  });

  it('gives every user an inbox of its own and no right to all subjects', () => {
    const inboxes = account.users.map(({ permissions }) => permissions.subscribe.allow.filter((subject) => subject.startsWith('_INBOX')));
    expect(new Set(inboxes.flat()).size).toBe(serviceNames.length);
    for (const { permissions } of account.users) {
      for (const subject of [...permissions.publish.allow, ...permissions.subscribe.allow]) expect(['>', '*', '_INBOX.>', '$JS.>', '$JS.API.>']).not.toContain(subject);
    }
  });
});
