import { createHmac, createPrivateKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { verifyAccessToken, verifyGrant, type PublicKeySet } from './tokens.ts';

const now = () => Math.floor(Date.now() / 1_000);
const part = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

let privateKey: KeyObject;
let publicKey: KeyObject;
let keys: PublicKeySet;

beforeEach(() => {
  ({ privateKey, publicKey } = generateKeyPairSync('ed25519'));
  keys = { keys: [{ ...publicKey.export({ format: 'jwk' }), kty: 'OKP', kid: 'first', alg: 'EdDSA', use: 'sig' }] };
});

const accessHeader = { alg: 'EdDSA', typ: 'at+jwt', kid: 'first' };
const accessPayload = () => ({ iss: 'deskhand', aud: 'deskhand', sub: 'u1', username: 'ada', is_admin: false, sid: 's1', iat: now(), exp: now() + 900 });
const signed = (header: unknown, payload: unknown, key = privateKey) => {
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`;
};
const refused = (token: string) => expect(verifyAccessToken(keys, token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED', message: 'invalid or expired token' });

describe('verifyAccessToken', () => {
  it('gives the claims of a good token', async () => {
    const payload = accessPayload();
    await expect(verifyAccessToken(keys, signed(accessHeader, payload))).resolves.toEqual(payload);
  });

  it('allows clocks to differ by a few seconds and no more', async () => {
    await expect(verifyAccessToken(keys, signed(accessHeader, { ...accessPayload(), exp: now() - 2 }))).resolves.toBeDefined();
    await refused(signed(accessHeader, { ...accessPayload(), exp: now() - 10 }));
  });

  it('SECURITY 3: a token that was good once is refused when its time is over, as anything else, and under other keys', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const token = signed(accessHeader, accessPayload());
      for (let time = 0; time < 3; time++) await expect(verifyAccessToken(keys, token)).resolves.toMatchObject({ sub: 'u1' });
      await expect(verifyGrant(keys, token)).rejects.toMatchObject({ code: 'FORBIDDEN' });
      await expect(verifyAccessToken({ keys: [] }, token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      vi.setSystemTime(Date.now() + 910_000);
      await refused(token);
      const grant = signed({ ...accessHeader, typ: 'grant+jwt' }, { iss: 'conversations', sub: 'u1', conversation_id: 'c', computer_id: 'k', rights: ['computer:run'], iat: now(), exp: now() + 9_000 });
      for (let time = 0; time < 2; time++) await expect(verifyGrant(keys, grant)).resolves.toMatchObject({ computer_id: 'k' });
      vi.setSystemTime(Date.now() + 70_000);
      await expect(verifyGrant(keys, grant)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    } finally {
      vi.useRealTimers();
    }
  });

  it('SECURITY 3: refuses unsigned tokens however `none` is spelled', async () => {
    for (const alg of ['none', 'None', 'nOnE', 'NONE', '']) {
      await refused(`${part({ ...accessHeader, alg })}.${part(accessPayload())}.`);
      await refused(signed({ ...accessHeader, alg }, accessPayload()));
    }
    await refused(`${part(accessHeader)}.${part(accessPayload())}.`);
  });

  it('SECURITY 3: refuses HMAC and other algorithms made with the public key', async () => {
    const secrets = [publicKey.export({ format: 'pem', type: 'spki' }), publicKey.export({ format: 'der', type: 'spki' }), JSON.stringify(keys.keys[0]), Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url')];
    for (const secret of secrets) {
      const input = `${part({ ...accessHeader, alg: 'HS256' })}.${part(accessPayload())}`;
      await refused(`${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`);
    }
    for (const alg of ['RS256', 'ES256', 'Ed25519', 'EDDSA', 'PS512']) await refused(signed({ ...accessHeader, alg }, accessPayload()));
  });

  it('SECURITY 3: takes keys from its own set only, whatever the header says', async () => {
    const stranger = generateKeyPairSync('ed25519');
    const jwk = stranger.publicKey.export({ format: 'jwk' });
    for (const extra of [{ jwk }, { jku: 'https://evil.example/keys' }, { x5u: 'https://evil.example/x' }, { x5c: ['AAAA'] }, {}]) await refused(signed({ ...accessHeader, ...extra }, accessPayload(), stranger.privateKey));
    for (const kid of [undefined, null, 1, ['first'], { $ne: null }, '', 'First', '../../dev/null', "first' or '1'='1", '__proto__']) await refused(signed({ ...accessHeader, kid }, accessPayload()));
    await refused(signed({ ...accessHeader, crit: ['b64'], b64: false }, accessPayload()));
  });

  it('SECURITY 3: refuses another audience, issuer, type or a missing claim', async () => {
    for (const change of [{ aud: 'other' }, { aud: undefined }, { aud: [] }, { iss: 'evil' }, { iss: undefined }, { exp: undefined }, { iat: undefined }, { sub: undefined }, { sid: undefined }, { is_admin: 'true' }, { sub: 7 }, { exp: '9999999999' }, { nbf: now() + 60 }]) {
      await refused(signed(accessHeader, { ...accessPayload(), ...change }));
    }
    for (const typ of [undefined, 'JWT', 'grant+jwt', 'rt+jwt', '']) await refused(signed({ ...accessHeader, typ }, accessPayload()));
  });

  it('SECURITY 3: refuses a refresh token, a grant and garbage', async () => {
    for (const token of ['', 'dhr_AAAA', `dhr_${'A'.repeat(75)}`, 'a.b', 'a.b.c', '..', '...', 'null', '\u0000']) await refused(token);
    await refused(signed({ ...accessHeader, typ: 'grant+jwt' }, { iss: 'conversations', sub: 'u1', conversation_id: 'c', computer_id: 'k', rights: ['computer:run'], iat: now(), exp: now() + 60 }));
  });

  it('refuses a changed payload, a changed signature and a key that was taken out of the set', async () => {
    const token = signed(accessHeader, accessPayload());
    const [header, , signature] = token.split('.');
    await refused(`${header}.${part({ ...accessPayload(), is_admin: true })}.${signature}`);
    await refused(`${token.slice(0, -4)}AAAA`);
    await expect(verifyAccessToken({ keys: [] }, token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('never takes a private or symmetric key for a public one', async () => {
    const secret = createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })).export({ format: 'jwk' });
    await expect(verifyAccessToken({ keys: [{ ...secret, kty: 'OKP', kid: 'first' }] }, signed(accessHeader, accessPayload()))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

describe('verifyGrant', () => {
  const header = { alg: 'EdDSA', typ: 'grant+jwt', kid: 'first' };
  const payload = () => ({ iss: 'conversations', sub: 'u1', conversation_id: 'c1', computer_id: 'k1', rights: ['computer:run'], iat: now(), exp: now() + 60 });

  it('gives the claims of a fresh grant', async () => {
    const claims = payload();
    await expect(verifyGrant(keys, signed(header, claims))).resolves.toEqual(claims);
  });

  it('refuses one that is older than a minute whatever its end, unknown rights, and access tokens', async () => {
    const bad = [
      signed(header, { ...payload(), iat: now() - 70, exp: now() + 3_600 }),
      signed(header, { ...payload(), exp: now() - 10 }),
      signed(header, { ...payload(), rights: ['everything'] }),
      signed(header, { ...payload(), iss: 'deskhand' }),
      signed(accessHeader, accessPayload()),
      signed({ ...header, typ: undefined }, payload()),
    ];
    for (const token of bad) await expect(verifyGrant(keys, token)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});
