import type { ServiceDefinition } from '@deskhand/platform';
import { AppModule } from './app.module.ts';
import { entities } from './database/entities.ts';
import { migrations } from './database/migrations.ts';

export const authService: ServiceDefinition = { name: 'auth', module: AppModule, database: { entities, migrations } };
