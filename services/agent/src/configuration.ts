import { defineConfig, serviceConfig } from '@deskhand/platform';

export const agentConfig = defineConfig({ SERVICE_INSTANCE: serviceConfig.SERVICE_INSTANCE });
