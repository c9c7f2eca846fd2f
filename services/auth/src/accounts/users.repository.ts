import { DeclaredError, newId } from '@deskhand/contracts';
import type { EntityManager } from '@deskhand/platform';
import { userEntity, type User } from '../database/entities.ts';
import { nameKey } from './names.ts';

export interface NewUser {
  username: string;
  email: string;
  passwordHash: string;
  isAdmin: boolean;
}

/** The account with this user name, however it is spelled. */
export function findByUsername(em: EntityManager, username: string): Promise<User | null> {
  return em.findOne(userEntity, { usernameKey: nameKey(username) });
}

/** As people sign in: by user name or by email address. No name can be both, because names have no `@`. */
export function findByLogin(em: EntityManager, login: string): Promise<User | null> {
  const key = nameKey(login);
  return em.findOne(userEntity, key.includes('@') ? { emailKey: key } : { usernameKey: key });
}

/** Adds an account. The first one there is becomes administrator whatever was asked. A taken name or address is `CONFLICT`. */
export async function addUser(em: EntityManager, user: NewUser, now: number): Promise<User> {
  const keys = { usernameKey: nameKey(user.username), emailKey: nameKey(user.email) };
  const taken = await em.find(userEntity, { $or: [{ usernameKey: keys.usernameKey }, { emailKey: keys.emailKey }] });
  if (taken.some((other) => other.usernameKey === keys.usernameKey)) throw new DeclaredError('CONFLICT', 'Username already taken');
  if (taken.length > 0) throw new DeclaredError('CONFLICT', 'Email already registered');
  const isAdmin = user.isAdmin || (await em.count(userEntity)) === 0;
  const row: User = { id: newId(now), ...user, ...keys, isAdmin, disabled: false, createdAt: now };
  await em.insert(userEntity, row);
  return row;
}

/** How many administrators can sign in. */
export function countEnabledAdministrators(em: EntityManager): Promise<number> {
  return em.count(userEntity, { isAdmin: true, disabled: false });
}
