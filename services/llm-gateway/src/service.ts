import type { ServiceDefinition } from '@deskhand/platform';
import { Module } from '@nestjs/common';
import { budgetEntity, budgetLeaseEntity, holderEntity, modelEntity, providerEntity, revisionEntity, usageEntity, virtualKeyEntity } from './database/entities.ts';
import { migrations } from './database/migrations.ts';
import type { GatewayConfig } from './gateway-config.ts';
import { GatewayModule } from './gateway.module.ts';

export const database = { entities: [providerEntity, usageEntity, virtualKeyEntity, holderEntity, budgetEntity, budgetLeaseEntity, modelEntity, revisionEntity], migrations };

/** The model gateway with the configuration that `read` gives when it starts. */
export function llmGatewayService(read: () => GatewayConfig): ServiceDefinition {
  @Module({ imports: [GatewayModule.with(read)] })
  class LlmGatewayModule {}
  return { name: 'llm-gateway', module: LlmGatewayModule, database };
}
