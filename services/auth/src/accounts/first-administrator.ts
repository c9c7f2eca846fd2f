import { ConfigurationError, Log } from '@deskhand/platform';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { authConfig } from '../auth-config.ts';
import { AccountsService } from './accounts.service.ts';

/** Makes the administrator that the environment names, once, before the service answers anybody. */
@Injectable()
export class FirstAdministrator implements OnApplicationBootstrap {
  constructor(
    private readonly accounts: AccountsService,
    private readonly log: Log,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { ADMIN_USERNAME: username, ADMIN_EMAIL: email, ADMIN_PASSWORD: password } = authConfig.value;
    if (username === undefined && email === undefined && password === undefined) return;
    if (username === undefined || email === undefined || password === undefined) throw new ConfigurationError('ADMIN_USERNAME, ADMIN_EMAIL and ADMIN_PASSWORD go together: set all of them or none');
    if (await this.accounts.createFirst({ username, email, password })) this.log.info('Made the first administrator', { username });
  }
}
