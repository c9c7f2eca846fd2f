import { randomBytes } from 'node:crypto';
import { auth, newId } from '@deskhand/contracts';
import { verifyAccessToken } from '@deskhand/platform';
import { beforeEach, describe, expect, it } from 'vitest';
import { Maintenance } from '../src/maintenance.ts';
import { refreshToken } from '../src/sessions/refresh-token.ts';
import { codes, configure, onEachDatabase, type RunningAuth } from './running-auth.ts';

const refusedToken = { code: 'UNAUTHENTICATED', message: 'Invalid refresh token' };
const refusedLogin = { code: 'UNAUTHENTICATED', message: 'Invalid credentials' };
const minute = 60_000;
const day = 24 * 60 * minute;

onEachDatabase('auth', (ground) => {
  const status = () => ground.running.gateway.request(auth.status, {});

  describe('registration', () => {
    it('AUTH-2: makes the first account administrator, signs it in, and closes', async () => {
      expect(await status()).toEqual({ registration: 'open', first_account: true });
      const session = await ground.running.register('Ada');
      expect(session.user).toEqual({ id: session.user.id, username: 'Ada', email: 'Ada@example.org', is_admin: true, disabled: false, created_at: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/) });
      expect(session.expires_in).toBe(900);
      expect(await status()).toEqual({ registration: 'closed', first_account: false });
      await expect(ground.running.register('bob')).rejects.toMatchObject({ code: 'FORBIDDEN', message: expect.stringContaining('user create') });
      expect(await ground.running.gateway.request(auth.me, { user_id: session.user.id })).toEqual(session.user);
      await expect(ground.running.gateway.request(auth.me, { user_id: newId() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    it('AUTH-2: makes one administrator of people who register at once', async () => {
      const results = await Promise.allSettled(['one', 'two', 'three', 'four'].map((name) => ground.running.register(name)));
      expect(codes(results).sort()).toEqual(['FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN', 'ok']);
      const users = await ground.running.gateway.request(auth.listUsers, {});
      expect(users.map((user) => user.is_admin)).toEqual([true]);
    });

    it('AUTH-2: also where registration stays open', async () => {
      configure({ REGISTRATION: 'open' });
      await Promise.all(['one', 'two', 'three', 'four'].map((name) => ground.running.register(name)));
      const users = await ground.running.gateway.request(auth.listUsers, {});
      expect(users.filter((user) => user.is_admin)).toHaveLength(1);
      expect(users).toHaveLength(4);
    });

    it('keeps names and addresses unique whatever their case', async () => {
      configure({ REGISTRATION: 'open' });
      await ground.running.register('Straße', { email: 'ada@example.org' });
      await expect(ground.running.register('STRASSE')).rejects.toMatchObject({ code: 'CONFLICT', message: 'Username already taken' });
      await expect(ground.running.register('bob', { email: 'ADA@Example.org' })).rejects.toMatchObject({ code: 'CONFLICT', message: 'Email already registered' });
      const racing = await Promise.allSettled(['carl', 'CARL', 'Carl'].map((name) => ground.running.register(name)));
      expect(codes(racing).sort()).toEqual(['CONFLICT', 'CONFLICT', 'ok']);
    });

    it('refuses bad names and passwords in the words of the first API', async () => {
      await expect(ground.running.register('ab')).rejects.toMatchObject({ code: 'BAD_INPUT', message: expect.stringContaining('Username must be 3-50 characters') });
      await expect(ground.running.register('ada', { password: 'short' })).rejects.toMatchObject({ code: 'BAD_INPUT', message: expect.stringContaining('Password must be at least 8 characters') });
      expect(await status()).toMatchObject({ first_account: true });
    });

    it('stays closed when the operator says so, and says what to do', async () => {
      configure({ REGISTRATION: 'invite' });
      expect(await status()).toEqual({ registration: 'invite', first_account: true });
      await expect(ground.running.register('ada', { invitation: 'guess' })).rejects.toMatchObject({ code: 'FORBIDDEN', message: expect.stringContaining('npm run deskhand -- user create') });
      expect(await ground.running.create('ada')).toMatchObject({ is_admin: true });
      expect(await ground.running.create('bob')).toMatchObject({ is_admin: false });
      await expect(ground.running.create('BOB')).rejects.toMatchObject({ code: 'CONFLICT' });
    });

    it('SECURITY 8: limits registrations of one address', async () => {
      configure({ REGISTRATION: 'open' });
      await ground.running.register('ada');
      const results: string[] = [];
      for (let round = 0; round < 45; round++) results.push(...codes(await Promise.allSettled([ground.running.register(`ada${' '.repeat(round % 2)}`, { email: `x${round}@example.org`, username: 'ada', address: `2001:db8::${round.toString(16)}` })])));
      expect(results).toContain('RATE_LIMITED');
    });
  });

  describe('signing in', () => {
    beforeEach(async () => {
      await ground.running.create('root', true);
      await ground.running.create('Ada');
    });

    it('AUTH-1: by name or address, with a token that verifies', async () => {
      const byName = await ground.running.login('ADA');
      const byEmail = await ground.running.login('ada@EXAMPLE.org');
      expect(byEmail.user.id).toBe(byName.user.id);
      expect(byEmail.refresh_token).not.toBe(byName.refresh_token);
      const keys = await ground.running.gateway.request(auth.keys, {});
      expect(keys.keys).toHaveLength(1);
      expect(JSON.stringify(keys)).not.toContain('"d"');
      const claims = await verifyAccessToken(keys, byName.access_token);
      expect(claims).toMatchObject({ sub: byName.user.id, username: 'Ada', is_admin: false, exp: claims.iat + 900 });
    });

    it('SECURITY 3: never takes a refresh token for an access token', async () => {
      const { refresh_token } = await ground.running.login('ada');
      await expect(verifyAccessToken(await ground.running.gateway.request(auth.keys, {}), refresh_token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      await expect(ground.running.gateway.request(auth.verifyToken, { token: refresh_token })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    });

    it('SECURITY 8: answers an unknown name, a wrong password and a disabled account alike', async () => {
      await ground.running.operator.request(auth.disableUser, { username: 'ada' });
      const answers = await Promise.allSettled([ground.running.login('nobody'), ground.running.login('root', 'wrong horse'), ground.running.login('ada'), ground.running.login(''), ground.running.login('root', '')]);
      expect(answers.map((answer) => (answer as PromiseRejectedResult).reason)).toEqual(answers.map(() => expect.objectContaining(refusedLogin)));
    });

    it('SECURITY 8: limits guesses per account, known or not, also with many at once', async () => {
      for (const name of ['ada', 'nobody']) {
        const guesses = await Promise.allSettled(Array.from({ length: 25 }, (_, index) => ground.running.login(name, `wrong ${index}`, `192.0.2.${index}`)));
        expect(codes(guesses).filter((code) => code === 'UNAUTHENTICATED')).toHaveLength(10);
        const refused = guesses.find((guess) => (guess as PromiseRejectedResult).reason.code === 'RATE_LIMITED') as PromiseRejectedResult;
        expect(refused.reason.details.retry_after_seconds).toBeGreaterThan(0);
        expect(refused.reason.details.retry_after_seconds).toBeLessThanOrEqual(20);
      }
      await expect(ground.running.login('ADA')).rejects.toMatchObject({ code: 'RATE_LIMITED' });
      await expect(ground.running.login('root')).resolves.toBeDefined();
      ground.running.later(21_000);
      await expect(ground.running.login('ada')).resolves.toBeDefined();
    });

    it('SECURITY 8: limits guesses per address over many accounts', async () => {
      const guesses: string[] = [];
      for (let index = 0; index < 65; index++) guesses.push(...codes(await Promise.allSettled([ground.running.login(`name${index}`, 'wrong', `2001:db8:1:2::${index.toString(16)}`)])));
      expect(guesses.filter((code) => code === 'RATE_LIMITED').length).toBeGreaterThan(0);
      await expect(ground.running.login('ada')).resolves.toBeDefined();
    });

    it('AUTH-1: lets thirty people in at once, of one address', async () => {
      configure({ REGISTRATION: 'open' });
      const names = Array.from({ length: 30 }, (_, index) => `user${index}`);
      await Promise.all(names.map((name) => ground.running.register(name)));
      const sessions = await Promise.all(names.map((name) => ground.running.login(name)));
      const refreshed = await Promise.all(sessions.map((session) => ground.running.refresh(session.refresh_token)));
      expect(refreshed.map((session) => session.user.username)).toEqual(names);
    });

    it('does not count sign-ins that succeed', async () => {
      for (let round = 0; round < 15; round++) await ground.running.login('ada');
    });
  });

  describe('refreshing', () => {
    let first: Awaited<ReturnType<RunningAuth['register']>>;
    beforeEach(async () => {
      first = await ground.running.register('ada');
    });

    it('AUTH-1: rotates for thirty days after the last use', async () => {
      ground.running.later(29 * day);
      const second = await ground.running.refresh(first.refresh_token);
      expect(second.refresh_token).not.toBe(first.refresh_token);
      expect(second.user).toEqual(first.user);
      ground.running.later(29 * day);
      const third = await ground.running.refresh(second.refresh_token);
      ground.running.later(30 * day);
      await expect(ground.running.refresh(third.refresh_token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED', message: 'Refresh token expired' });
    });

    it('SECURITY 4: gives 50 who race the one successor', async () => {
      const answers = await Promise.all(Array.from({ length: 50 }, () => ground.running.refresh(first.refresh_token)));
      expect(new Set(answers.map((answer) => answer.refresh_token)).size).toBe(1);
      await expect(ground.running.refresh(answers[0]!.refresh_token)).resolves.toBeDefined();
    });

    it('SECURITY 4: gives the same successor within the grace, also after that was used', async () => {
      const second = await ground.running.refresh(first.refresh_token);
      await ground.running.refresh(second.refresh_token);
      ground.running.later(9_000);
      expect((await ground.running.refresh(first.refresh_token)).refresh_token).toBe(second.refresh_token);
    });

    it('SECURITY 4: ends the whole family when a spent token comes after the grace', async () => {
      const revocations = await ground.running.watchRevocations();
      const second = await ground.running.refresh(first.refresh_token);
      const other = await ground.running.login('ada');
      ground.running.later(11_000);
      await expect(ground.running.refresh(first.refresh_token)).rejects.toMatchObject(refusedToken);
      await expect(ground.running.refresh(second.refresh_token)).rejects.toMatchObject(refusedToken);
      const { sid } = await verifyAccessToken(await ground.running.gateway.request(auth.keys, {}), first.access_token);
      expect(await revocations(1)).toEqual([{ user_id: first.user.id, session_id: sid }]);
      expect(await ground.running.gateway.request(auth.revocations, {})).toEqual([{ user_id: first.user.id, session_id: sid }]);
      await expect(ground.running.refresh(other.refresh_token)).resolves.toBeDefined();
      ground.running.later(20 * minute);
      expect(await ground.running.gateway.request(auth.revocations, {})).toEqual([]);
    });

    it('SECURITY 4: knows a token that was spent long ago', async () => {
      let newest = first;
      for (let round = 0; round < 5; round++) {
        ground.running.later(15 * minute);
        newest = await ground.running.refresh(newest.refresh_token);
      }
      await expect(ground.running.refresh(first.refresh_token)).rejects.toMatchObject(refusedToken);
      await expect(ground.running.refresh(newest.refresh_token)).rejects.toMatchObject(refusedToken);
    });

    it('SECURITY 4: leaves the family alone when the token was never one of its', async () => {
      const { sid } = await verifyAccessToken(await ground.running.gateway.request(auth.keys, {}), first.access_token);
      const forged = [0, 1, 2, 4_294_967_295].map((generation) => refreshToken(randomBytes(32), sid, generation));
      for (const token of [...forged, '', 'dhr_', first.access_token, 'x'.repeat(500)]) await expect(ground.running.refresh(token)).rejects.toMatchObject(refusedToken);
      for (const token of forged) await ground.running.gateway.request(auth.logout, { refresh_token: token });
      await expect(ground.running.refresh(first.refresh_token)).resolves.toBeDefined();
    });

    it('AUTH-1: logs out once and for all', async () => {
      const revocations = await ground.running.watchRevocations();
      const second = await ground.running.refresh(first.refresh_token);
      await ground.running.gateway.request(auth.logout, { refresh_token: second.refresh_token });
      await ground.running.gateway.request(auth.logout, { refresh_token: second.refresh_token });
      await ground.running.gateway.request(auth.logout, { refresh_token: 'nothing' });
      await expect(ground.running.refresh(second.refresh_token)).rejects.toMatchObject(refusedToken);
      await expect(ground.running.refresh(first.refresh_token)).rejects.toMatchObject(refusedToken);
      expect(await revocations(1)).toHaveLength(1);
    });

    it('forgets sessions that ended long ago', async () => {
      await ground.running.gateway.request(auth.logout, { refresh_token: first.refresh_token });
      const kept = await ground.running.login('ada');
      ground.running.later(2 * day);
      await ground.running.get(Maintenance).run();
      const counted = async (table: string) => Number((await ground.running.database.read(async (em) => em.execute<{ n: number }[]>(`select count(*) as n from ${table}`)))[0]!.n);
      expect(await counted('sessions')).toBe(1);
      expect(await counted('refresh_tokens')).toBe(1);
      expect(await counted('attempt_counters')).toBe(0);
      await expect(ground.running.refresh(kept.refresh_token)).resolves.toBeDefined();
    });
  });

  describe('start', () => {
    const administrator = { ADMIN_USERNAME: 'boss', ADMIN_EMAIL: 'boss@example.org', ADMIN_PASSWORD: 'from the environment' };

    it('AUTH-2: makes the administrator of the environment once', async () => {
      await ground.running.stop();
      configure(administrator);
      const url = await ground.surroundings.databaseUrl();
      ground.running = await ground.surroundings.start({ url });
      expect((await ground.running.login('boss', 'from the environment')).user.is_admin).toBe(true);
      await ground.running.operator.request(auth.resetPassword, { username: 'boss', password: 'a newer one' });
      await ground.running.stop();
      ground.running = await ground.surroundings.start({ url });
      expect((await ground.running.login('boss', 'a newer one')).user.is_admin).toBe(true);
      expect(await ground.running.operator.request(auth.listUsers, {})).toHaveLength(1);
    });

    it('refuses half an administrator', async () => {
      configure({ ADMIN_USERNAME: 'boss' });
      await expect(ground.surroundings.start({ instances: 1 })).rejects.toThrow('go together');
    });

    it('keeps its key and its sessions over a restart, and does not start with another master key', async () => {
      await ground.running.stop();
      configure();
      const url = await ground.surroundings.databaseUrl();
      ground.running = await ground.surroundings.start({ url });
      const session = await ground.running.register('ada');
      await ground.running.stop();
      ground.running = await ground.surroundings.start({ url });
      await expect(verifyAccessToken(await ground.running.gateway.request(auth.keys, {}), session.access_token)).resolves.toBeDefined();
      await expect(ground.running.refresh(session.refresh_token)).resolves.toBeDefined();
      configure({ MASTER_KEY: randomBytes(32).toString('hex') });
      await expect(ground.surroundings.start({ url, instances: 1 })).rejects.toThrow('MASTER_KEY');
    });

    it('derives the signing key from JWT_SECRET where that is set', async () => {
      await ground.running.stop();
      const kids: string[] = [];
      for (const JWT_SECRET of ['a secret of the operator', 'a secret of the operator', 'another secret of his']) {
        configure({ JWT_SECRET });
        ground.running = await ground.surroundings.start();
        const session = await ground.running.register('ada');
        const keys = await ground.running.gateway.request(auth.keys, {});
        await expect(verifyAccessToken(keys, session.access_token)).resolves.toBeDefined();
        kids.push(keys.keys[0]!.kid);
        if (kids.length < 3) await ground.running.stop();
      }
      expect(kids[0]).toBe(kids[1]);
      expect(kids[2]).not.toBe(kids[0]);
    });
  });

  it('SECURITY 13: keeps no password, token or private key readable', async () => {
    const session = await ground.running.register('ada');
    const { token } = await ground.running.gateway.request(auth.createToken, { user_id: session.user.id, name: 'script' });
    await Promise.allSettled([ground.running.login('my password in the wrong field', 'x')]);
    const tables = ['users', 'sessions', 'refresh_tokens', 'api_tokens', 'signing_keys', 'attempt_counters', 'outbox'];
    const stored = JSON.stringify(await Promise.all(tables.map((table) => ground.running.database.read(async (em) => em.execute(`select * from ${table}`)))));
    expect(stored).toContain(session.user.id);
    for (const secret of ['correct horse', session.refresh_token, session.refresh_token.slice(4, 40), token, token.slice(3), session.access_token, 'wrong field', 'PRIVATE']) expect(stored).not.toContain(secret);
  });
});
