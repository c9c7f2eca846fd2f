import type { ServiceDefinition } from '@deskhand/platform';
import { ConversationsModule } from './conversations.module.ts';
import { entities } from './database/entities.ts';
import { migrations } from './database/migrations.ts';

export const service: ServiceDefinition = { name: 'conversations', module: ConversationsModule, database: { entities, migrations } };
