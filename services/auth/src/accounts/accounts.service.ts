import { randomInt } from 'node:crypto';
import { auth, DeclaredError, type OutputOf, type Session, type UserView } from '@deskhand/contracts';
import { Database, Outbox } from '@deskhand/platform';
import { Injectable } from '@nestjs/common';
import { authConfig } from '../auth-config.ts';
import { Clock } from '../clock.ts';
import { apiTokenEntity, userEntity } from '../database/entities.ts';
import { Transactions } from '../database/transactions.ts';
import { addressGroup } from '../limits/address.ts';
import { limits } from '../limits/limit.ts';
import { RateLimits } from '../limits/rate-limits.ts';
import { revokeAllSessions } from '../sessions/sessions.repository.ts';
import { SessionsService } from '../sessions/sessions.service.ts';
import { nameKey } from './names.ts';
import { PasswordHasher } from './password-hasher.ts';
import { registrationNow, registrationRefusal } from './registration-policy.ts';
import { userView } from './user-view.ts';
import { addUser, countEnabledAdministrators, findByUsername } from './users.repository.ts';

export interface WantedAccount {
  username: string;
  email: string;
  password: string;
}

@Injectable()
export class AccountsService {
  constructor(
    private readonly database: Database,
    private readonly transactions: Transactions,
    private readonly outbox: Outbox,
    private readonly hasher: PasswordHasher,
    private readonly sessions: SessionsService,
    private readonly rateLimits: RateLimits,
    private readonly clock: Clock,
  ) {}

  async status(): Promise<OutputOf<typeof auth.status>> {
    const accounts = await this.database.read(async (em) => em.count(userEntity));
    return { registration: registrationNow(authConfig.value.REGISTRATION, accounts), first_account: accounts === 0 };
  }

  /** Makes an account and signs it in. Of people who register at once on a new installation, one becomes administrator. */
  async register({ username, email, password }: WantedAccount, address: string): Promise<Session> {
    refuseUnlessOpen((await this.status()).registration);
    await this.rateLimits.take([{ limit: limits.registerByName, subject: nameKey(username) }, { limit: limits.registerByAddress, subject: addressGroup(address) }]);
    const passwordHash = await this.hasher.hash(password);
    const made = await this.transactions.alone(async (em) => {
      refuseUnlessOpen(registrationNow(authConfig.value.REGISTRATION, await em.count(userEntity)));
      const user = await addUser(em, { username, email, passwordHash, isAdmin: false }, this.clock.now());
      return { user, session: await this.sessions.open(em, user) };
    });
    return this.sessions.answer(made.user, made.session);
  }

  /** Makes an account whatever the registration setting says. */
  async create({ username, email, password }: WantedAccount, isAdmin: boolean): Promise<UserView> {
    const passwordHash = await this.hasher.hash(password);
    return userView(await this.transactions.alone(async (em) => addUser(em, { username, email, passwordHash, isAdmin }, this.clock.now())));
  }

  /** Makes the administrator that the environment names when there is no account yet; true when it did. */
  async createFirst(account: WantedAccount): Promise<boolean> {
    if (!(await this.status()).first_account) return false;
    const passwordHash = await this.hasher.hash(account.password);
    return this.transactions.alone(async (em) => {
      if ((await em.count(userEntity)) > 0) return false;
      await addUser(em, { username: account.username, email: account.email, passwordHash, isAdmin: true }, this.clock.now());
      return true;
    });
  }

  async get(userId: string): Promise<UserView> {
    const user = await this.database.read(async (em) => em.findOne(userEntity, { id: userId }));
    if (user === null) throw new DeclaredError('NOT_FOUND', 'User not found');
    return userView(user);
  }

  /** Oldest first. */
  async list(): Promise<UserView[]> {
    const users = await this.database.read(async (em) => em.find(userEntity, {}, { orderBy: { createdAt: 'asc', id: 'asc' } }));
    return users.map(userView);
  }

  /**
   * Disabling ends the account's sessions and API tokens at once and for good; enabling it again allows to sign in anew.
   * The last administrator who can sign in cannot be disabled.
   */
  async setDisabled(username: string, disabled: boolean): Promise<UserView> {
    return this.transactions.alone(async (em) => {
      const user = await findByUsername(em, username);
      if (user === null) throw unknownUser(username);
      if (disabled && !user.disabled && user.isAdmin && (await countEnabledAdministrators(em)) === 1) throw new DeclaredError('CONFLICT', 'The last enabled administrator cannot be disabled');
      await em.nativeUpdate(userEntity, { id: user.id }, { disabled });
      if (disabled) {
        await em.nativeDelete(apiTokenEntity, { userId: user.id });
        await revokeAllSessions(em, this.outbox, user.id, this.clock.now());
      }
      return userView({ ...user, disabled });
    });
  }

  /** Sets a password, a random one when none is given, and ends the account's sessions. API tokens stay. */
  async resetPassword(username: string, wanted: string | undefined): Promise<{ password: string }> {
    const password = wanted ?? randomPassword();
    const passwordHash = await this.hasher.hash(password);
    const user = await this.transactions.alone(async (em) => {
      const found = await findByUsername(em, username);
      if (found === null) throw unknownUser(username);
      await em.nativeUpdate(userEntity, { id: found.id }, { passwordHash });
      await revokeAllSessions(em, this.outbox, found.id, this.clock.now());
      return { usernameKey: found.usernameKey, emailKey: found.emailKey };
    });
    for (const subject of [user.usernameKey, user.emailKey]) await this.rateLimits.forget({ limit: limits.loginByName, subject });
    return { password };
  }
}

function refuseUnlessOpen(registration: ReturnType<typeof registrationNow>): void {
  if (registration !== 'open') throw new DeclaredError('FORBIDDEN', registrationRefusal[registration]);
}

function unknownUser(username: string): DeclaredError {
  return new DeclaredError('NOT_FOUND', `There is no user named ${username}`);
}

/** Four groups of five letters and digits that nobody mistakes for one another: 98 bits. */
function randomPassword(): string {
  const letters = 'abcdefghjkmnpqrstuvwxyz23456789';
  const group = () => Array.from({ length: 5 }, () => letters[randomInt(letters.length)]).join('');
  return [group(), group(), group(), group()].join('-');
}
