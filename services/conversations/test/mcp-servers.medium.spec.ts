/** Real: SQLite and PostgreSQL, the whole service with its encryption. The bus is the one in memory; gateway and worker are this test. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conversations, mcp, mcpSecretContext, mcpSecretPurpose, newId, runs, type ClaimedRun, type InputOf, type RunEntry } from '@deskhand/contracts';
import { composeService, decryptSecret, deriveKey, Log, seal, type RunningService } from '@deskhand/platform';
import { MemoryBus, startDatabases, type TestDatabases } from '@deskhand/platform/testing';

process.env.MASTER_KEY ??= '11'.repeat(32);
const key = deriveKey(process.env.MASTER_KEY, mcpSecretPurpose);

for (const dialect of ['sqlite', 'postgres'] as const) {
  describe(`MCP servers on ${dialect}`, () => {
    const bus = new MemoryBus(new Log());
    let databases: TestDatabases;
    let running: RunningService;
    let sealed: (text: string) => string;
    beforeAll(async () => {
      databases = await startDatabases(dialect);
      const { service } = await import('../src/service.ts');
      running = await composeService(service, { bus, log: new Log(), databaseUrl: await databases.url() });
      const { public_key: publicKey } = await bus.request(mcp.sealingKey, {});
      sealed = (text) => seal(publicKey, text);
    }, 60_000);
    afterAll(async () => {
      await running.close();
      await databases.close();
    });

    const define = async (more: Partial<InputOf<typeof mcp.create>> = {}) => bus.request(mcp.create, { name: 'Files', transport: 'stdio', command: 'mcp-files', ...more });
    const converse = async (user_id = newId()) => {
      const { id } = await bus.request(conversations.create, { user_id });
      return { user_id, conversation_id: id };
    };
    const claimed = async (where: { user_id: string; conversation_id: string }): Promise<ClaimedRun> => {
      await bus.request(conversations.say, { ...where, content: 'go', idempotency_key: newId() });
      return (await bus.request(runs.claim, { worker_id: 'w', slots: 64 })).runs.find((run) => run.conversation_id === where.conversation_id)!;
    };

    it('are defined, changed, listed and removed', async () => {
      const server = await define({ description: 'Reads files', args: ['--root', '/workspace'] });
      expect(server).toMatchObject({ name: 'Files', description: 'Reads files', transport: 'stdio', command: 'mcp-files', args: ['--root', '/workspace'], url: null, is_enabled: true, env_vars: {}, headers: {}, created_at: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/) });
      expect(await bus.request(mcp.get, { server_id: server.id })).toEqual(server);
      expect(await bus.request(mcp.update, { server_id: server.id, is_enabled: false, args: [] })).toMatchObject({ name: 'Files', is_enabled: false, args: [], command: 'mcp-files' });
      expect((await bus.request(mcp.list, {})).map(({ id }) => id)).toContain(server.id);
      await bus.request(mcp.remove, { server_id: server.id });
      await expect(bus.request(mcp.get, { server_id: server.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(bus.request(mcp.remove, { server_id: server.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(bus.request(mcp.update, { server_id: server.id, name: 'x' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    it('need what their transport needs', async () => {
      await expect(define({ command: null })).rejects.toMatchObject({ code: 'BAD_INPUT' });
      for (const url of [null, '', 'ftp://x', 'nonsense', 'https://user:pass@example.org/mcp', 'https://example.org/mcp#x', 'https://exam ple.org']) {
        await expect(define({ transport: 'streamable-http', url }), String(url)).rejects.toMatchObject({ code: 'BAD_INPUT' });
      }
      const remote = await define({ transport: 'sse', command: null, url: 'https://example.org/sse?tenant=1' });
      await expect(bus.request(mcp.update, { server_id: remote.id, transport: 'stdio' })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    });

    it('have handles that no two share, whatever their names', async () => {
      const [one, two] = [await define({ name: 'Twins!' }), await define({ name: 'twins' })];
      expect([one.handle, two.handle]).toEqual(['twins', 'twins_2']);
      expect((await bus.request(mcp.update, { server_id: two.id, name: 'TWINS' })).handle).toBe('twins_2');
      expect((await bus.request(mcp.update, { server_id: two.id, name: 'Other' })).handle).toBe('other');
    });

    it('SECURITY 13: keep values encrypted and tell names only; null keeps a value, what is not named goes', async () => {
      const server = await define({ sealed_env_vars: { TOKEN: sealed('s3cret'), MODE: sealed('x') }, sealed_headers: { Authorization: sealed('Bearer s3cret') } });
      expect(server).toMatchObject({ env_vars: { TOKEN: null, MODE: null }, headers: { Authorization: null } });
      expect(JSON.stringify([server, await bus.request(mcp.list, {})])).not.toContain('s3cret');
      const where = await converse();
      await bus.request(mcp.choose, { ...where, server_ids: [server.id] });
      expect(await bus.request(mcp.update, { server_id: server.id, sealed_env_vars: { TOKEN: null, NEW: sealed('é') } })).toMatchObject({ env_vars: { TOKEN: null, NEW: null }, headers: { Authorization: null } });
      const run = await claimed(where);
      expect(JSON.stringify(run)).not.toContain('s3cret');
      const [given] = run.mcp_servers!;
      expect(JSON.parse(decryptSecret(key, given!.environment!, mcpSecretContext(server.id, 'environment')))).toEqual({ TOKEN: 's3cret', NEW: 'é' });
      expect(JSON.parse(decryptSecret(key, given!.headers!, mcpSecretContext(server.id, 'headers')))).toEqual({ Authorization: 'Bearer s3cret' });
      expect(() => decryptSecret(key, given!.environment!, mcpSecretContext(newId(), 'environment'))).toThrow();
      await expect(bus.request(mcp.update, { server_id: server.id, sealed_env_vars: { A: 'not sealed' } })).rejects.toMatchObject({ code: 'BAD_INPUT' });
      expect(await bus.request(mcp.update, { server_id: server.id, sealed_env_vars: {} })).toMatchObject({ env_vars: {} });
    });

    it('SECURITY 1: are chosen for a conversation by its owner only, and go with what they are chosen for', async () => {
      const [one, two] = [await define({ name: 'B' }), await define({ name: 'A' })];
      const where = await converse();
      expect(await bus.request(mcp.chosen, where)).toEqual([]);
      expect((await bus.request(mcp.choose, { ...where, server_ids: [one.id, two.id, one.id] })).map(({ name }) => name)).toEqual(['A', 'B']);
      await expect(bus.request(mcp.chosen, { ...where, user_id: newId() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(bus.request(mcp.choose, { ...where, user_id: newId(), server_ids: [] })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(bus.request(mcp.choose, { ...where, server_ids: [newId()] })).rejects.toMatchObject({ code: 'BAD_INPUT' });
      expect((await claimed(where)).mcp_servers?.map(({ handle }) => handle)).toEqual(['a', 'b']);

      await bus.request(mcp.update, { server_id: two.id, is_enabled: false });
      expect((await bus.request(mcp.chosen, where)).map(({ is_enabled }) => is_enabled)).toEqual([false, true]);
      expect(await bus.request(mcp.choose, { ...where, server_ids: [one.id, two.id] })).toHaveLength(2);
      await expect(bus.request(mcp.choose, { ...(await converse()), server_ids: [two.id] })).rejects.toMatchObject({ code: 'BAD_INPUT' });

      await bus.request(mcp.remove, { server_id: one.id });
      expect((await bus.request(mcp.chosen, where)).map(({ id }) => id)).toEqual([two.id]);
      await bus.request(conversations.remove, where);
    });

    it('a notice of a run is a message that stays', async () => {
      const where = await converse();
      const run = await claimed(where);
      const entry: RunEntry = { type: 'notice-added', kind: 'mcp-unavailable', text: 'The MCP server "Files" cannot be used now.' };
      await bus.request(runs.record, { run_id: run.run_id, epoch: run.epoch, key: 'n', entries: [entry] });
      await bus.request(runs.record, { run_id: run.run_id, epoch: run.epoch, key: 'n', entries: [entry] });
      const { messages } = await bus.request(conversations.messages, where);
      expect(messages.map(({ role, blocks }) => [role, blocks[0]?.type])).toEqual([['user', 'text'], ['user', 'notice']]);
    });
  });
}
