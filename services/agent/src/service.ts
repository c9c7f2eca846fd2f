import type { ServiceDefinition } from '@deskhand/platform';
import { AgentModule } from './agent.module.ts';

export const service: ServiceDefinition = { name: 'agent', module: AgentModule, blobs: true };
