import { auth, type ReceivedOf } from '@deskhand/contracts';
import { Serves } from '@deskhand/platform';
import { Controller } from '@nestjs/common';
import { AccountsService } from './accounts.service.ts';

@Controller()
export class AccountsController {
  constructor(private readonly accounts: AccountsService) {}

  @Serves(auth.status)
  status() {
    return this.accounts.status();
  }

  @Serves(auth.register)
  register({ username, email, password, address }: ReceivedOf<typeof auth.register>) {
    return this.accounts.register({ username, email, password }, address);
  }

  @Serves(auth.createUser)
  create({ username, email, password, is_admin }: ReceivedOf<typeof auth.createUser>) {
    return this.accounts.create({ username, email, password }, is_admin);
  }

  @Serves(auth.me)
  get({ user_id }: ReceivedOf<typeof auth.me>) {
    return this.accounts.get(user_id);
  }

  @Serves(auth.listUsers)
  list() {
    return this.accounts.list();
  }

  @Serves(auth.disableUser)
  setDisabled({ username, disabled }: ReceivedOf<typeof auth.disableUser>) {
    return this.accounts.setDisabled(username, disabled);
  }

  @Serves(auth.resetPassword)
  resetPassword({ username, password }: ReceivedOf<typeof auth.resetPassword>) {
    return this.accounts.resetPassword(username, password);
  }
}
