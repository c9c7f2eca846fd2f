import { Controller } from '@nestjs/common';
import { api, conversations, grants, sandbox, type AnswerOf } from '@deskhand/contracts';
import { Bus } from '@deskhand/platform';
import { Ask, Handles, type Asked } from '../http/handles.ts';

type Named = Pick<Asked<typeof api.computer>, 'caller' | 'params'>;

/** A conversation's computer. What its owner may do comes as a grant, which the computer's manager checks by itself. */
@Controller()
export class ComputersController {
  constructor(private readonly bus: Bus) {}

  @Handles(api.computer)
  async computer(@Ask() { caller, params }: Asked<typeof api.computer>): Promise<AnswerOf<typeof api.computer>> {
    return this.bus.request(conversations.computer, { user_id: caller.userId, conversation_id: params.id! });
  }

  @Handles(api.startComputer)
  async start(@Ask() asked: Asked<typeof api.startComputer>): Promise<AnswerOf<typeof api.startComputer>> {
    return this.bus.request(sandbox.start, { ...(await this.granted(asked)), conversation_id: asked.params.id!, user_id: asked.caller.userId });
  }

  @Handles(api.stopComputer)
  async stop(@Ask() asked: Asked<typeof api.stopComputer>): Promise<AnswerOf<typeof api.stopComputer>> {
    return this.bus.request(sandbox.stop, await this.granted(asked));
  }

  @Handles(api.restartComputer)
  async restart(@Ask() asked: Asked<typeof api.restartComputer>): Promise<AnswerOf<typeof api.restartComputer>> {
    return this.bus.request(sandbox.restart, await this.granted(asked));
  }

  @Handles(api.containers)
  async containers(): Promise<AnswerOf<typeof api.containers>> {
    return this.bus.request(sandbox.list, {});
  }

  private async granted({ caller, params }: Named): Promise<{ computer_id: string; grant: string }> {
    return this.bus.request(grants.issue, { user_id: caller.userId, conversation_id: params.id!, rights: ['computer:run', 'computer:manage'] });
  }
}
