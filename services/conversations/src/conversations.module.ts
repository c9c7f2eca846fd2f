import { Module } from '@nestjs/common';
import { ApprovalsService } from './approvals/approvals.service.ts';
import { ComputersService } from './computers/computers.service.ts';
import { ConversationsController } from './conversations/conversations.controller.ts';
import { ConversationsService } from './conversations/conversations.service.ts';
import { LeasesController } from './desktop/leases.controller.ts';
import { Leases } from './desktop/leases.service.ts';
import { Grants } from './grants/grants.service.ts';
import { McpSecrets } from './mcp/mcp-secrets.ts';
import { McpServersController } from './mcp/mcp-servers.controller.ts';
import { McpServers } from './mcp/mcp-servers.service.ts';
import { MessagesService } from './messages/messages.service.ts';
import { Abandon } from './runs/abandon.ts';
import { ClaimService } from './runs/claim.service.ts';
import { Ending } from './runs/ending.ts';
import { RecordService } from './runs/record.service.ts';
import { RunsController } from './runs/runs.controller.ts';
import { RunsService } from './runs/runs.service.ts';
import { Timeline } from './timeline/timeline.ts';
import { TimelineReader } from './timeline/timeline-reader.service.ts';

@Module({
  controllers: [ConversationsController, RunsController, LeasesController, McpServersController],
  providers: [ConversationsService, MessagesService, RunsService, ClaimService, RecordService, Ending, Abandon, ApprovalsService, ComputersService, Grants, Leases, McpSecrets, McpServers, Timeline, TimelineReader],
})
export class ConversationsModule {}
