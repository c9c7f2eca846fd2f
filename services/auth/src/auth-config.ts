import { defineConfig } from '@deskhand/platform';
import { email, password, username } from '@deskhand/contracts';
import { z } from 'zod';

export const authConfig = defineConfig({
  /** Encrypts the signing key and keys the refresh tokens. */
  MASTER_KEY: z.string().regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits'),
  /** When set, the signing key is derived from it instead of being made and stored. */
  JWT_SECRET: z.string().min(16, 'must have at least 16 characters').optional(),
  /** Absent: open until the first account exists, then closed. */
  REGISTRATION: z.enum(['open', 'invite', 'closed']).optional(),
  ADMIN_USERNAME: username.optional(),
  ADMIN_EMAIL: email.optional(),
  ADMIN_PASSWORD: password.optional(),
});
