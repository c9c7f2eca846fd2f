import type { UserView } from '@deskhand/contracts';
import { plainTimestamp } from '../clock.ts';
import type { User } from '../database/entities.ts';

/** What others see of an account. */
export function userView(user: User): UserView {
  return { id: user.id, username: user.username, email: user.email, is_admin: user.isAdmin, disabled: user.disabled, created_at: plainTimestamp(user.createdAt) };
}
