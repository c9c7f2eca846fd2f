import { Controller } from '@nestjs/common';
import { conversations as contracts, type InputOf } from '@deskhand/contracts';
import { Serves } from '@deskhand/platform';
import { ApprovalsService } from '../approvals/approvals.service.ts';
import { ComputersService } from '../computers/computers.service.ts';
import { MessagesService } from '../messages/messages.service.ts';
import { RunsService } from '../runs/runs.service.ts';
import { TimelineReader } from '../timeline/timeline-reader.service.ts';
import { ConversationsService } from './conversations.service.ts';

type Input<Name extends keyof typeof contracts> = Required<InputOf<(typeof contracts)[Name]>> & InputOf<(typeof contracts)[Name]>;

/** What people ask, through the gateway. */
@Controller()
export class ConversationsController {
  constructor(
    private readonly conversations: ConversationsService, private readonly messages: MessagesService, private readonly runs: RunsService, private readonly approvals: ApprovalsService,
    private readonly computers: ComputersService, private readonly timeline: TimelineReader,
  ) {}

  @Serves(contracts.create) create({ user_id, ...settings }: InputOf<typeof contracts.create>) { return this.conversations.create(user_id, settings); }
  @Serves(contracts.list) list({ user_id, limit, offset, archived }: Input<'list'>) { return this.conversations.list(user_id, limit, offset, archived); }
  @Serves(contracts.get) get({ user_id, conversation_id }: Input<'get'>) { return this.conversations.get(user_id, conversation_id); }
  @Serves(contracts.update) update({ user_id, conversation_id, ...settings }: InputOf<typeof contracts.update>) { return this.conversations.update(user_id, conversation_id, settings); }
  @Serves(contracts.remove) async remove({ user_id, conversation_id }: Input<'remove'>) { await this.conversations.remove(user_id, conversation_id); return {}; }
  @Serves(contracts.messages) listMessages(input: InputOf<typeof contracts.messages>) { return this.messages.list(input); }
  @Serves(contracts.say) say(input: Input<'say'>) { return this.messages.say(input); }
  @Serves(contracts.steer) steer(input: Input<'steer'>) { return this.messages.steer(input); }
  @Serves(contracts.interrupt) async interrupt({ user_id, conversation_id, run_id }: Input<'interrupt'>) { await this.runs.interrupt(user_id, conversation_id, run_id); return {}; }
  @Serves(contracts.withdraw) async withdraw({ user_id, conversation_id, run_id }: Input<'withdraw'>) { await this.runs.withdraw(user_id, conversation_id, run_id); return {}; }
  @Serves(contracts.approvals) listApprovals({ user_id }: Input<'approvals'>) { return this.approvals.waiting(user_id); }
  @Serves(contracts.decide) async decide(input: InputOf<typeof contracts.decide>) { await this.approvals.decide(input); return {}; }
  @Serves(contracts.snapshot) snapshot({ user_id, conversation_id }: Input<'snapshot'>) { return this.timeline.snapshot(user_id, conversation_id); }
  @Serves(contracts.read) read({ user_id, conversation_id, after }: Input<'read'>) { return this.timeline.read(user_id, conversation_id, after); }
  @Serves(contracts.computer) computer({ user_id, conversation_id }: Input<'computer'>) { return this.computers.of(user_id, conversation_id); }
  @Serves(contracts.activity) activity({ computer_ids }: Input<'activity'>) { return this.computers.activity(computer_ids); }
}
