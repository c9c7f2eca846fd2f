import { z } from 'zod';
import { defineConfig } from '@deskhand/platform';

export const conversationsConfig = defineConfig({
  MASTER_KEY: z.string().regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits'),
});
