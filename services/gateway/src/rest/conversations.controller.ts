import { Controller } from '@nestjs/common';
import { api, conversations, newId, type AnswerOf, type Message, type RunUsage } from '@deskhand/contracts';
import { Bus } from '@deskhand/platform';
import { Ask, Handles, type Asked } from '../http/handles.ts';
import { messageViewOf } from './message-view.ts';

@Controller()
export class ConversationsController {
  constructor(private readonly bus: Bus) {}

  @Handles(api.conversations)
  async list(@Ask() { caller, query }: Asked<typeof api.conversations>): Promise<AnswerOf<typeof api.conversations>> {
    const { limit, offset, archived } = query;
    return this.bus.request(conversations.list, { user_id: caller.userId, limit, offset, archived: archived === 'true' });
  }

  @Handles(api.createConversation)
  async create(@Ask() { caller, body }: Asked<typeof api.createConversation>): Promise<AnswerOf<typeof api.createConversation>> {
    return this.bus.request(conversations.create, { ...body, user_id: caller.userId });
  }

  @Handles(api.conversation)
  async get(@Ask() asked: Asked<typeof api.conversation>): Promise<AnswerOf<typeof api.conversation>> {
    return this.bus.request(conversations.get, one(asked));
  }

  @Handles(api.updateConversation)
  async update(@Ask() asked: Asked<typeof api.updateConversation>): Promise<AnswerOf<typeof api.updateConversation>> {
    return this.bus.request(conversations.update, { ...asked.body, ...one(asked) });
  }

  @Handles(api.removeConversation)
  async remove(@Ask() asked: Asked<typeof api.removeConversation>): Promise<void> {
    await this.bus.request(conversations.remove, one(asked));
  }

  @Handles(api.messages)
  async messages(@Ask() asked: Asked<typeof api.messages>): Promise<AnswerOf<typeof api.messages>> {
    const { limit = 50, offset = 0, before, branch } = asked.query;
    let found: Message[] = [];
    const usage: Record<string, RunUsage> = {};
    // Long messages come in several answers of the bus; the client counts on a whole page.
    for (;;) {
      const place = before === undefined ? { offset: offset + found.length } : { before: found[0]?.id ?? before };
      const page = await this.bus.request(conversations.messages, { ...one(asked), limit: limit - found.length, ...place, branch_id: branch });
      Object.assign(usage, page.usage);
      found = before === undefined ? [...found, ...page.messages] : [...page.messages, ...found];
      if (page.messages.length === 0 || found.length >= limit || (before === undefined && offset + found.length >= page.total)) return { messages: found.map(messageViewOf), total: page.total, usage };
    }
  }

  /** Without a key of the client's own the message gets one here, so that the bus may repeat the request safely. */
  @Handles(api.say)
  async say(@Ask() asked: Asked<typeof api.say>): Promise<AnswerOf<typeof api.say>> {
    return this.bus.request(conversations.say, { ...one(asked), content: asked.body.content, idempotency_key: asked.body.idempotency_key ?? newId() });
  }

  @Handles(api.withdraw)
  async withdraw(@Ask() asked: Asked<typeof api.withdraw>): Promise<void> {
    await this.bus.request(conversations.withdraw, { ...one(asked), run_id: asked.params.run! });
  }

  @Handles(api.interrupt)
  async interrupt(@Ask() asked: Asked<typeof api.interrupt>): Promise<AnswerOf<typeof api.interrupt>> {
    return this.bus.request(conversations.interrupt, { ...one(asked), run_id: asked.params.run! });
  }

  @Handles(api.steer)
  async steer(@Ask() asked: Asked<typeof api.steer>): Promise<AnswerOf<typeof api.steer>> {
    return this.bus.request(conversations.steer, { ...one(asked), run_id: asked.params.run!, content: asked.body.content, idempotency_key: asked.body.idempotency_key ?? newId() });
  }

  @Handles(api.approvals)
  async approvals(@Ask() { caller }: Asked<typeof api.approvals>): Promise<AnswerOf<typeof api.approvals>> {
    return this.bus.request(conversations.approvals, { user_id: caller.userId });
  }

  @Handles(api.decide)
  async decide(@Ask() { caller, params, body }: Asked<typeof api.decide>): Promise<AnswerOf<typeof api.decide>> {
    return this.bus.request(conversations.decide, { user_id: caller.userId, approval_id: params.id!, decision: body.decision, arguments: body.arguments });
  }
}

function one({ caller, params }: Pick<Asked<typeof api.conversation>, 'caller' | 'params'>): { user_id: string; conversation_id: string } {
  return { user_id: caller.userId, conversation_id: params.id! };
}
