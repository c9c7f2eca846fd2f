import { auth, type ReceivedOf } from '@deskhand/contracts';
import { Serves } from '@deskhand/platform';
import { Controller } from '@nestjs/common';
import { SessionsService } from './sessions.service.ts';
import { SigningKeys } from './signing-keys.ts';

@Controller()
export class SessionsController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly keys: SigningKeys,
  ) {}

  @Serves(auth.login)
  login({ username, password, address }: ReceivedOf<typeof auth.login>) {
    return this.sessions.login(username, password, address);
  }

  @Serves(auth.refresh)
  refresh({ refresh_token }: ReceivedOf<typeof auth.refresh>) {
    return this.sessions.refresh(refresh_token);
  }

  @Serves(auth.logout)
  async logout({ refresh_token }: ReceivedOf<typeof auth.logout>) {
    await this.sessions.logout(refresh_token);
    return {};
  }

  @Serves(auth.revocations)
  revocations() {
    return this.sessions.revocations();
  }

  @Serves(auth.keys)
  publicKeys() {
    return this.keys.publicKeys();
  }
}
