import { Controller } from '@nestjs/common';
import { api, auth, type AnswerOf } from '@deskhand/contracts';
import { Bus } from '@deskhand/platform';
import { Ask, Handles, type Asked } from '../http/handles.ts';

@Controller()
export class UsersController {
  constructor(private readonly bus: Bus) {}

  @Handles(api.me)
  async me(@Ask() { caller }: Asked<typeof api.me>): Promise<AnswerOf<typeof api.me>> {
    return this.bus.request(auth.me, { user_id: caller.userId });
  }

  @Handles(api.tokens)
  async tokens(@Ask() { caller }: Asked<typeof api.tokens>): Promise<AnswerOf<typeof api.tokens>> {
    return this.bus.request(auth.listTokens, { user_id: caller.userId });
  }

  @Handles(api.createToken)
  async createToken(@Ask() { caller, body }: Asked<typeof api.createToken>): Promise<AnswerOf<typeof api.createToken>> {
    return this.bus.request(auth.createToken, { ...body, user_id: caller.userId });
  }

  @Handles(api.revokeToken)
  async revokeToken(@Ask() { caller, params }: Asked<typeof api.revokeToken>): Promise<void> {
    await this.bus.request(auth.revokeToken, { user_id: caller.userId, token_id: params.id! });
  }

  @Handles(api.users)
  async users(): Promise<AnswerOf<typeof api.users>> {
    return this.bus.request(auth.listUsers, {});
  }

  @Handles(api.disableUser)
  async disableUser(@Ask() { params, body }: Asked<typeof api.disableUser>): Promise<AnswerOf<typeof api.disableUser>> {
    return this.bus.request(auth.disableUser, { username: params.username!, disabled: body.disabled });
  }
}
