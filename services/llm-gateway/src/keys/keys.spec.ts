import { randomBytes } from 'node:crypto';
import { seal } from '@deskhand/platform';
import { describe, expect, it } from 'vitest';
import { Callers } from './callers.ts';
import { issueRunToken, longestRunTokenSeconds, readRunToken } from './run-token.ts';
import { Secrets } from './secrets.ts';
import type { VirtualKey } from './virtual-keys.ts';

const secrets = new Secrets(randomBytes(32).toString('hex'));
const claims = { userId: 'ü', conversationId: 'c', runId: 'r', route: { source: 'user' as const, provider: 'openai', model: 'gpt' } };

describe('run tokens', () => {
  const token = issueRunToken(secrets.runTokenKey, claims, 1_000_000);

  it('say who, what for and how long', () => {
    expect(readRunToken(secrets.runTokenKey, token, 1_000_000)).toEqual({ ...claims, expires: 1_000 + longestRunTokenSeconds });
    expect(readRunToken(secrets.runTokenKey, token, 1_000_000 + longestRunTokenSeconds * 1_000)).toBeNull();
  });

  it('are worth nothing when changed, cut, or made with another key', () => {
    const [body = '', signature = ''] = token.split('.');
    const forged = `dhr_${Buffer.from(JSON.stringify(['admin', 'c', 'r', 'user', 'openai', 'gpt', 9e12])).toString('base64url')}.${signature}`;
    for (const bad of ['', 'dhr_', 'dhr_.', body, `${body}.`, `${body}.AAAA`, `${token}x`, token.slice(0, -2), forged, token.replace('dhr_', 'dhx_'), `dhr_.${signature}`]) expect(readRunToken(secrets.runTokenKey, bad, 1_000_000)).toBeNull();
    expect(readRunToken(new Secrets(randomBytes(32).toString('hex')).runTokenKey, token, 1_000_000)).toBeNull();
  });

  it('and the master key are read from either header', () => {
    const callers = new Callers(secrets.runTokenKey, null, ['sk-master'], 'x-team-key');
    const now = issueRunToken(secrets.runTokenKey, claims);
    expect(callers.identify({ authorization: `Bearer ${now}` })).toMatchObject({ kind: 'run', claims });
    expect(callers.identify({ 'x-api-key': now })).toMatchObject({ kind: 'run' });
    expect(callers.identify({ authorization: 'bearer  sk-master ' })).toEqual({ kind: 'master' });
    // What is no place for a key is passed over; Azure's libraries have a header of their own.
    for (const headers of [{ authorization: 'Basic eA==', 'x-api-key': 'sk-master' }, { authorization: 'Basic eA==', 'api-key': 'sk-master' }, { 'api-key': 'sk-master' }]) expect(callers.identify(headers)).toEqual({ kind: 'master' });
    // Where the operator wants it, first: what else is sent is a login elsewhere.
    for (const value of ['sk-master', 'Bearer sk-master']) expect(callers.identify({ 'x-team-key': value, authorization: 'Bearer sk-ant-login' })).toEqual({ kind: 'master' });
    for (const headers of [{}, { 'x-team-key': 'sk-other', authorization: 'Bearer sk-master' }, { authorization: '' }, { authorization: 'Basic x' }, { authorization: 'Bearer ' }, { authorization: 'Bearer sk-other' }, { 'x-api-key': 'sk-maste' }, { authorization: 'Bearer a b' }, { authorization: 'Bearer sk-other', 'x-api-key': 'sk-master' }, { 'x-api-key': 'sk-other', 'api-key': 'sk-master' }]) {
      expect(() => callers.identify(headers)).toThrow(expect.objectContaining({ kind: 'unauthenticated' }));
    }
    expect(() => new Callers(secrets.runTokenKey, null, [undefined]).identify({ authorization: 'Bearer undefined' })).toThrow('not known here');
  });
});

describe('virtual keys', () => {
  const usable = { hash: '', userId: null, teamId: null, jobId: null, models: [], aliases: {}, rpm: null, tpm: null, maxParallel: null, expiresAt: null, blocked: false, spend: 0, budgets: [], holders: [] } satisfies VirtualKey;

  it.each([['key_blocked', { blocked: true }], ['expired_key', { expiresAt: Date.now() - 1 }]])('open nothing once they are of no use: %s', async (code, more) => {
    const key: VirtualKey = { ...usable, ...more };
    const refused = expect.objectContaining({ kind: 'unauthenticated', code }) as Error;
    expect(() => new Callers(secrets.runTokenKey, { peek: () => key, find: async () => key }, []).identify({ 'x-api-key': 'sk-any' })).toThrow(refused);
    await expect(new Callers(secrets.runTokenKey, { peek: () => undefined, find: async () => key }, []).identify({ 'x-api-key': 'sk-any' })).rejects.toThrow(refused);
    // It goes nowhere else all the same.
    expect(await new Callers(secrets.runTokenKey, { peek: () => key, find: async () => key }, []).owns('sk-any')).toBe(true);
  });
});

const unreadable = /unable to authenticate/;

describe('provider keys', () => {
  it('arrive sealed and rest encrypted, bound to user and provider', () => {
    const key = secrets.unseal(seal(secrets.sealingPublicKey, '  sk-canary-0123456789 \n'));
    expect(key).toBe('sk-canary-0123456789');
    const stored = secrets.encryptKey('u', 'openai', key);
    expect(stored).not.toContain('canary');
    expect(Buffer.from(stored, 'base64').toString('latin1')).not.toContain('canary');
    expect(secrets.encryptKey('u', 'openai', key)).not.toBe(stored);
    expect(secrets.decryptKey('u', 'openai', stored)).toBe(key);
    expect(() => secrets.decryptKey('other', 'openai', stored)).toThrow(unreadable);
    expect(() => secrets.decryptKey('u', 'mistral', stored)).toThrow(unreadable);
    expect(() => new Secrets(randomBytes(32).toString('hex')).decryptKey('u', 'openai', stored)).toThrow('another master key');
    expect(() => secrets.decryptKey('u', 'openai', `${stored.slice(0, -6)}AAAAA=`)).toThrow(unreadable);
  });

  it('SECURITY 26: cannot carry header breaks, and must be sealed to this gateway', () => {
    for (const bad of ['a\r\nx-evil: 1', 'a b', 'ü', '', '\u0000']) expect(() => secrets.unseal(seal(secrets.sealingPublicKey, bad))).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
    for (const bad of ['', 'AAAA', 'not base64!', seal(new Secrets(randomBytes(32).toString('hex')).sealingPublicKey, 'k')]) expect(() => secrets.unseal(bad)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  });
});
