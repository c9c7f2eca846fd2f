import { auth, type ReceivedOf } from '@deskhand/contracts';
import { Serves } from '@deskhand/platform';
import { Controller } from '@nestjs/common';
import { ApiTokensService } from './api-tokens.service.ts';

@Controller()
export class ApiTokensController {
  constructor(private readonly tokens: ApiTokensService) {}

  @Serves(auth.createToken)
  create({ user_id, name, scopes, expires_at }: ReceivedOf<typeof auth.createToken>) {
    return this.tokens.create({ userId: user_id, name, scopes, expiresAt: expires_at });
  }

  @Serves(auth.listTokens)
  list({ user_id }: ReceivedOf<typeof auth.listTokens>) {
    return this.tokens.list(user_id);
  }

  @Serves(auth.verifyToken)
  verify({ token }: ReceivedOf<typeof auth.verifyToken>) {
    return this.tokens.verify(token);
  }

  @Serves(auth.revokeToken)
  async revoke({ user_id, token_id }: ReceivedOf<typeof auth.revokeToken>) {
    await this.tokens.revoke(user_id, token_id);
    return {};
  }
}
