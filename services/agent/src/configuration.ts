import { defineConfig, serviceConfig } from '@deskhand/platform';
import { z } from 'zod';

export const agentConfig = defineConfig({
  SERVICE_INSTANCE: serviceConfig.SERVICE_INSTANCE,
  /** Where shown words are kept while they cannot be saved; they are not kept when absent. */
  DATA_DIR: z.string().startsWith('/').optional(),
});
