import { auth, newId } from '@deskhand/contracts';
import { beforeEach, describe, expect, it } from 'vitest';
import { codes, onEachDatabase } from './running-auth.ts';

const refusedToken = { code: 'UNAUTHENTICATED', message: 'Invalid refresh token' };
const refusedLogin = { code: 'UNAUTHENTICATED', message: 'Invalid credentials' };
const minute = 60_000;

onEachDatabase('administration of auth', (ground) => {
  describe('administration', () => {
    beforeEach(async () => {
      await ground.running.create('root', true);
      await ground.running.create('ada');
    });

    it('AUTH-2: disabling ends sessions and tokens at once, enabling lets sign in anew', async () => {
      const revocations = await ground.running.watchRevocations();
      const session = await ground.running.login('ada');
      const { token } = await ground.running.gateway.request(auth.createToken, { user_id: session.user.id, name: 'script' });
      expect(await ground.running.operator.request(auth.disableUser, { username: 'ADA' })).toMatchObject({ username: 'ada', disabled: true });
      await expect(ground.running.refresh(session.refresh_token)).rejects.toMatchObject(refusedToken);
      await expect(ground.running.gateway.request(auth.verifyToken, { token })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      await expect(ground.running.gateway.request(auth.createToken, { user_id: session.user.id, name: 'again' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect(await revocations(1)).toEqual([{ user_id: session.user.id, session_id: null }]);
      expect(await ground.running.gateway.request(auth.revocations, {})).toHaveLength(1);

      await ground.running.gateway.request(auth.disableUser, { username: 'ada', disabled: false });
      await expect(ground.running.refresh(session.refresh_token)).rejects.toMatchObject(refusedToken);
      await expect(ground.running.gateway.request(auth.verifyToken, { token })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      await expect(ground.running.login('ada')).resolves.toBeDefined();
    });

    it('AUTH-2: no sign-in that runs beside a disabling leaves a session', async () => {
      const attempts = Promise.allSettled(Array.from({ length: 8 }, (_, index) => ground.running.login('ada', 'correct horse', `192.0.2.${index}`)));
      await new Promise((resolve) => setTimeout(resolve, 40));
      await ground.running.operator.request(auth.disableUser, { username: 'ada' });
      for (const attempt of await attempts) if (attempt.status === 'fulfilled') await expect(ground.running.refresh(attempt.value.refresh_token)).rejects.toMatchObject(refusedToken);
    });

    it('AUTH-2: keeps one administrator, also when two are disabled at once', async () => {
      await expect(ground.running.operator.request(auth.disableUser, { username: 'root' })).rejects.toMatchObject({ code: 'CONFLICT', message: 'The last enabled administrator cannot be disabled' });
      await ground.running.create('second', true);
      const results = await Promise.allSettled(['root', 'second'].map((username) => ground.running.operator.request(auth.disableUser, { username })));
      expect(codes(results).sort()).toEqual(['CONFLICT', 'ok']);
      await expect(ground.running.operator.request(auth.disableUser, { username: 'nobody' })).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'There is no user named nobody' });
    });

    it('resets a password to a random one or a given one, ends sessions and forgives guesses', async () => {
      const session = await ground.running.login('ada');
      await Promise.allSettled(Array.from({ length: 11 }, () => ground.running.login('ada', 'wrong')));
      const { password } = await ground.running.operator.request(auth.resetPassword, { username: 'ada' });
      expect(password).toMatch(/^([a-z2-9]{5}-){3}[a-z2-9]{5}$/);
      await expect(ground.running.refresh(session.refresh_token)).rejects.toMatchObject(refusedToken);
      await expect(ground.running.login('ada')).rejects.toMatchObject(refusedLogin);
      await expect(ground.running.login('ada', password)).resolves.toBeDefined();
      expect(await ground.running.operator.request(auth.resetPassword, { username: 'ada', password: 'another horse' })).toEqual({ password: 'another horse' });
      await expect(ground.running.login('ada', 'another horse')).resolves.toBeDefined();
      await expect(ground.running.operator.request(auth.resetPassword, { username: 'nobody' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });
  });

  describe('personal API tokens', () => {
    let userId: string;
    let otherId: string;
    beforeEach(async () => {
      userId = (await ground.running.create('root', true)).id;
      otherId = (await ground.running.create('ada')).id;
    });
    const verify = (token: string) => ground.running.gateway.request(auth.verifyToken, { token });

    it('AUTH-6: stand for their user until they are revoked', async () => {
      const { id, token } = await ground.running.gateway.request(auth.createToken, { user_id: userId, name: 'scrape', scopes: ['metrics', 'api', 'api'] });
      expect(token).toMatch(/^dh_[\w-]{43}$/);
      expect(await verify(token)).toEqual({ user_id: userId, username: 'root', is_admin: true, scopes: ['metrics', 'api'], token_id: id, expires_at: null });
      const revocations = await ground.running.watchRevocations();
      await expect(ground.running.gateway.request(auth.revokeToken, { user_id: otherId, token_id: id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await ground.running.gateway.request(auth.revokeToken, { user_id: userId, token_id: id });
      await expect(verify(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      await expect(ground.running.gateway.request(auth.revokeToken, { user_id: userId, token_id: id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect(await revocations(1)).toEqual([{ user_id: userId, session_id: id }]);
    });

    it('AUTH-6: expire, and record their use once a minute', async () => {
      const expires_at = new Date(Date.now() + 10 * minute).toISOString();
      const { token } = await ground.running.operator.request(auth.createToken, { user_id: otherId, name: ' script ', expires_at });
      const listed = async () => (await ground.running.gateway.request(auth.listTokens, { user_id: otherId }))[0]!;
      expect(await listed()).toMatchObject({ name: 'script', scopes: ['api'], expires_at, last_used_at: null });
      await verify(token);
      const { last_used_at } = await listed();
      ground.running.later(30_000);
      await verify(token);
      expect((await listed()).last_used_at).toBe(last_used_at);
      ground.running.later(31_000);
      await verify(token);
      expect(Date.parse((await listed()).last_used_at!)).toBeGreaterThan(Date.parse(last_used_at!));
      ground.running.later(10 * minute);
      await expect(verify(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    });

    it('SECURITY 6: give no more than their user has, and nothing to strangers', async () => {
      await expect(ground.running.gateway.request(auth.createToken, { user_id: otherId, name: 'x', scopes: ['metrics'] })).rejects.toMatchObject({ code: 'BAD_INPUT' });
      await expect(ground.running.gateway.request(auth.createToken, { user_id: newId(), name: 'x' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(ground.running.gateway.request(auth.createToken, { user_id: otherId, name: 'x', expires_at: '2020-01-01T00:00:00.000Z' })).rejects.toMatchObject({ code: 'BAD_INPUT' });
      for (const token of ['', 'dh_', `dh_${'A'.repeat(43)}`, "dh_' or 1=1 --"]) await expect(verify(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      expect(await ground.running.gateway.request(auth.listTokens, { user_id: otherId })).toEqual([]);
    });
  });
});
