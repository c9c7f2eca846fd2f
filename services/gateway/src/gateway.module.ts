import { Module } from '@nestjs/common';
import { DataPlane } from './desktop/data-plane.ts';
import { DesktopController } from './desktop/desktop.controller.ts';
import { DesktopEndpoint } from './desktop/desktop-endpoint.ts';
import { DocumentsController } from './documents/documents.controller.ts';
import { ConversationFeeds } from './feed/conversation-feeds.ts';
import { AccessGuard } from './http/access-guard.ts';
import { ErrorFilter } from './http/error-filter.ts';
import { SideListeners } from './http/side-listeners.ts';
import { ApiTokens } from './identity/api-tokens.ts';
import { Authenticator } from './identity/authenticator.ts';
import { Revocations } from './identity/revocations.ts';
import { Metrics } from './operations/metrics.ts';
import { OperationsController } from './operations/operations.controller.ts';
import { AuthController } from './rest/auth.controller.ts';
import { BudgetsController } from './rest/budgets.controller.ts';
import { ComputersController } from './rest/computers.controller.ts';
import { ConversationsController } from './rest/conversations.controller.ts';
import { GatewayModelsController } from './rest/gateway-models.controller.ts';
import { McpServersController } from './rest/mcp-servers.controller.ts';
import { ProvidersController } from './rest/providers.controller.ts';
import { UsageController } from './rest/usage.controller.ts';
import { UsersController } from './rest/users.controller.ts';
import { VirtualKeysController } from './rest/virtual-keys.controller.ts';
import { EventsController } from './streams/events.controller.ts';
import { ListHints } from './streams/list-hints.ts';
import { OpenStreams } from './streams/open-streams.ts';
import { Upgrades } from './streams/upgrades.ts';
import { WebSocketListener } from './streams/web-socket-listener.ts';

export const controllers = [OperationsController, DocumentsController, AuthController, UsersController, ProvidersController, McpServersController, GatewayModelsController, VirtualKeysController, UsageController, BudgetsController, ConversationsController, ComputersController, DesktopController, EventsController];

@Module({
  controllers,
  providers: [Revocations, ApiTokens, Authenticator, AccessGuard, ErrorFilter, ConversationFeeds, OpenStreams, ListHints, Metrics, WebSocketListener, DataPlane, DesktopEndpoint, Upgrades, SideListeners],
})
export class GatewayModule {}
