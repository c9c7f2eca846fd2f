import type { ServiceDefinition } from '@deskhand/platform';
import { entities } from './database/entities.ts';
import { migrations } from './database/migrations.ts';
import { SandboxManagerModule } from './sandbox-manager.module.ts';

export const sandboxManagerService: ServiceDefinition = { name: 'sandbox-manager', module: SandboxManagerModule, database: { entities, migrations }, blobs: true };
