import { conversationDeleted, type DataOf, type InputOf, type OutputOf, sandbox } from '@deskhand/contracts';
import { BlobStore, Consumes, RetryLater, Serves } from '@deskhand/platform';
import { Controller } from '@nestjs/common';
import { ComputersService, viewOf } from './computers.service.ts';
import { GrantChecks } from './grant-checks.ts';

const removeAgainMs = 10_000;

@Controller()
export class ComputersController {
  constructor(private readonly computers: ComputersService, private readonly grants: GrantChecks, private readonly blobs: BlobStore) {}

  @Serves(sandbox.start)
  async start({ computer_id, grant, conversation_id, user_id }: InputOf<typeof sandbox.start>): Promise<OutputOf<typeof sandbox.start>> {
    await this.grants.checkOwner(grant, { computerId: computer_id, conversationId: conversation_id, userId: user_id });
    return this.computers.start(computer_id, conversation_id, user_id);
  }

  @Serves(sandbox.stop)
  async stop({ computer_id, grant }: InputOf<typeof sandbox.stop>): Promise<OutputOf<typeof sandbox.stop>> {
    await this.grants.check(grant, computer_id, 'computer:manage');
    return this.computers.stop(computer_id);
  }

  @Serves(sandbox.restart)
  async restart({ computer_id, grant }: InputOf<typeof sandbox.restart>): Promise<OutputOf<typeof sandbox.restart>> {
    await this.grants.check(grant, computer_id, 'computer:manage');
    return this.computers.restart(computer_id);
  }

  @Serves(sandbox.discard)
  async discard({ computer_id, grant }: InputOf<typeof sandbox.discard>): Promise<OutputOf<typeof sandbox.discard>> {
    await this.grants.check(grant, computer_id, 'computer:manage');
    await this.computers.remove(computer_id);
    return {};
  }

  @Serves(sandbox.list)
  async list(): Promise<OutputOf<typeof sandbox.list>> {
    const rows = await this.computers.all();
    return rows.map((row) => ({
      ...viewOf(row), conversation_id: row.conversationId, user_id: row.userId, container_id: row.containerId, last_used_at: new Date(row.lastUsedAt).toISOString(),
    }));
  }

  @Consumes(conversationDeleted)
  async deleted({ conversation_id, computer_ids }: DataOf<typeof conversationDeleted>): Promise<void> {
    try {
      for (const id of computer_ids) await this.computers.remove(id);
      // After the computers: nothing makes pictures any more.
      await this.blobs.removeScope(conversation_id);
    } catch (error) {
      throw new RetryLater(removeAgainMs, { cause: error });
    }
  }
}
