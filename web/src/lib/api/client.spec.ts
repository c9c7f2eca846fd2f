import { afterEach, describe, expect, it, vi } from 'vitest';
import { Api, ApiError } from './client.ts';

const json = (status: number, body: unknown) => new Response(JSON.stringify(body), { status });

afterEach(() => vi.unstubAllGlobals());

function serve(handler: (path: string, count: number) => Response): string[] {
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (path: string) => {
    asked.push(path);
    return handler(path, asked.filter((one) => one === path).length);
  });
  return asked;
}

describe('the API client', () => {
  it('renews a spent session once for all calls that wait', async () => {
    const asked = serve((path, count) => (path === '/api/auth/refresh' ? json(200, {}) : count > 3 ? json(200, { ok: true }) : json(401, { code: 'UNAUTHENTICATED', message: 'no' })));
    const api = new Api();
    const answers = await Promise.all([1, 2, 3].map(() => api.call('GET', '/api/users/me')));
    expect(answers).toEqual([{ ok: true }, { ok: true }, { ok: true }]);
    expect(asked.filter((path) => path === '/api/auth/refresh')).toHaveLength(1);
  });

  it('says when the session is over', async () => {
    serve(() => json(401, { code: 'UNAUTHENTICATED', message: 'Sign in' }));
    const api = new Api();
    const over = vi.fn();
    api.onSignedOut = over;
    await expect(api.call('GET', '/api/users/me')).rejects.toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
    expect(over).toHaveBeenCalledOnce();
  });

  it('says what is wrong with each field', async () => {
    serve(() => json(400, { code: 'BAD_INPUT', message: 'email: Email address is not valid', details: { body: [{ path: 'email', message: 'Email address is not valid' }, { path: '', message: 'whole' }] } }));
    await expect(new Api().call('POST', '/a', {})).rejects.toMatchObject({ fields: { email: 'Email address is not valid' } });
  });

  it('gives the words of a refusal, and its own when there are none', async () => {
    serve((path) => (path === '/a' ? json(409, { code: 'CONFLICT', message: 'Taken' }) : new Response('<html>', { status: 502 })));
    const api = new Api();
    await expect(api.call('GET', '/a')).rejects.toEqual(new ApiError(409, 'CONFLICT', 'Taken'));
    await expect(api.call('GET', '/b')).rejects.toMatchObject({ code: 'HTTP_502' });
  });
});
