import { Controller } from '@nestjs/common';
import { api, auth, budgets, conversations, DeclaredError, type AnswerOf } from '@deskhand/contracts';
import { Bus } from '@deskhand/platform';
import { Ask, Handles, type Asked } from '../http/handles.ts';

/** What people and conversations may spend on models. */
@Controller()
export class BudgetsController {
  constructor(private readonly bus: Bus) {}

  @Handles(api.budget)
  async own(@Ask() { caller }: Asked<typeof api.budget>): Promise<AnswerOf<typeof api.budget>> {
    return this.bus.request(budgets.get, { kind: 'user', id: caller.userId });
  }

  @Handles(api.userBudget)
  async ofUser(@Ask() { params }: Asked<typeof api.userBudget>): Promise<AnswerOf<typeof api.userBudget>> {
    return this.bus.request(budgets.get, { kind: 'user', id: await this.userId(params.username!) });
  }

  @Handles(api.setUserBudget)
  async setOfUser(@Ask() { params, body }: Asked<typeof api.setUserBudget>): Promise<AnswerOf<typeof api.setUserBudget>> {
    return this.bus.request(budgets.set, { ...body, kind: 'user', id: await this.userId(params.username!) });
  }

  @Handles(api.conversationBudget)
  async ofConversation(@Ask() { caller, params }: Asked<typeof api.conversationBudget>): Promise<AnswerOf<typeof api.conversationBudget>> {
    return this.bus.request(budgets.get, { kind: 'conversation', id: await this.ownConversation(caller.userId, params.id!) });
  }

  @Handles(api.setConversationBudget)
  async setOfConversation(@Ask() { caller, params, body }: Asked<typeof api.setConversationBudget>): Promise<AnswerOf<typeof api.setConversationBudget>> {
    return this.bus.request(budgets.set, { ...body, kind: 'conversation', id: await this.ownConversation(caller.userId, params.id!) });
  }

  private async userId(username: string): Promise<string> {
    const user = (await this.bus.request(auth.listUsers, {})).find((one) => one.username === username);
    if (user === undefined) throw new DeclaredError('NOT_FOUND', 'No such user');
    return user.id;
  }

  /** Its id, once it is certain whose it is. */
  private async ownConversation(userId: string, id: string): Promise<string> {
    return (await this.bus.request(conversations.get, { user_id: userId, conversation_id: id })).id;
  }
}
