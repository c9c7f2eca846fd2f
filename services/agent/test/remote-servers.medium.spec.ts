/** Real: HTTP, the official client, the guarded connector, encryption. The servers are this test's own, well behaved and hostile. */
import { randomBytes } from 'node:crypto';
import { mcpSecretContext, newId, type McpServer } from '@deskhand/contracts';
import { encryptSecret } from '@deskhand/platform';
import { AddressPolicy, guardedFetch } from '@deskhand/platform/outgoing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startHttpServer, type HttpServer, type Mode } from '../../../packages/mcp/test/http-server.ts';
import { remoteLimits, RemoteSessions } from '../src/mcp/remote-sessions.ts';

const key = randomBytes(32);
const never = new AbortController().signal;
let http: HttpServer;
let sessions: RemoteSessions;

beforeEach(async () => {
  http = await startHttpServer();
  sessions = open(http.host);
});
afterEach(async () => {
  await sessions.close();
  await http.close();
});

function open(allowed: string): RemoteSessions {
  return new RemoteSessions(guardedFetch(new AddressPolicy(allowed), remoteLimits), key.toString('hex'));
}
function define(more: Partial<McpServer> = {}): McpServer {
  return { id: newId(), name: 'Test', handle: 'test', transport: 'streamable-http', command: null, args: [], url: http.url, environment: null, headers: null, ...more };
}

describe('MCP servers elsewhere', () => {
  it.each(['streamable-http', 'sse'] as const)('are listed and called over %s, with their headers', async (transport) => {
    const id = newId();
    const server = define({ id, transport, url: transport === 'sse' ? http.sseUrl : http.url, headers: encryptSecret(key, JSON.stringify({ Authorization: 'Bearer t0ken' }), mcpSecretContext(id, 'headers')) });
    const servers = sessions.of('one');
    expect((await servers.tools(server)).tools.map(({ name, read_only }) => [name, read_only])).toEqual([['look', true], ['act', false], ['who', true], ['hang', false]]);
    expect(await servers.call(server, 'act', { text: 'it' }, never)).toEqual({ text: 'act it', is_error: false, images: [] });
    expect(http.sessions.size).toBe(1);
    expect(new Set(http.headers.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer t0ken']));
  });

  it('SECURITY 19: have a session for each conversation, never one for two', async () => {
    const server = define();
    const [one, two] = [sessions.of('one'), sessions.of('two')];
    const who = async (servers: typeof one) => (await servers.call(server, 'who', {}, never)).text;
    const [first, second] = [await who(one), await who(two)];
    expect(first).not.toBe(second);
    expect([await who(one), await who(two)]).toEqual([first, second]);
    await Promise.all(Array.from({ length: 20 }, async (_, index) => {
      expect((await (index % 2 === 0 ? one : two).call(server, 'act', { text: `call ${index}` }, never)).text).toBe(`act call ${index}`);
    }));
  });

  it('that forgot the session are asked again, and the call is made once', async () => {
    const server = define();
    const servers = sessions.of('one');
    await servers.tools(server);
    http.mode = 'forgetful';
    expect((await servers.call(server, 'act', { text: 'once' }, never)).text).toBe('act once');
    expect(http.calls).toHaveLength(1);
  });

  it.each<[Mode, RegExp]>([
    ['silent', /did not answer within 8 s/], ['redirect', /redirects are not followed/], ['refusing', /HTTP status 401/], ['nonsense', /./], ['huge', /larger than|did not answer/], ['endless', /larger than|did not answer/],
  ])('SECURITY 24 9: that are %s cost a clear error within seconds', async (mode, words) => {
    http.mode = mode;
    const begun = Date.now();
    const before = process.memoryUsage.rss();
    const failure = await sessions.of('one').tools(define()).then(() => null, (error: Error) => error);
    expect(failure).toMatchObject({ name: 'McpFailure', message: expect.stringMatching(words) });
    expect(Date.now() - begun).toBeLessThan(20_000);
    expect(process.memoryUsage.rss() - before).toBeLessThan(500 * 1024 * 1024);
  }, 30_000);

  it('SECURITY 9: are called at public addresses only, unless their host is named', async () => {
    const strict = open('');
    for (const url of [http.url, 'http://169.254.169.254/mcp', 'http://[::ffff:127.0.0.1]/mcp', 'http://localhost:8123/mcp']) {
      await expect(strict.of('one').tools(define({ url })), url).rejects.toMatchObject({ message: expect.stringContaining('not a public address'), ran: false });
    }
    await strict.close();
    expect(http.headers).toEqual([]);
    await expect(sessions.of('one').tools(define({ url: 'http://127.0.0.1:8123/mcp' }))).rejects.toMatchObject({ message: expect.stringContaining('not a public address') });
  });

  it('stop with whoever waited for them', async () => {
    const stopped = new AbortController();
    const calling = sessions.of('one').call(define(), 'hang', {}, stopped.signal);
    const settled = calling.catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 300));
    stopped.abort();
    expect(await settled).toMatchObject({ name: 'McpFailure', ran: true });
  });

  it('whose headers cannot be read are named', async () => {
    await expect(sessions.of('one').tools(define({ headers: 'bm9uc2Vuc2U=' }))).rejects.toMatchObject({ message: expect.stringContaining('administrator') });
  });
});
