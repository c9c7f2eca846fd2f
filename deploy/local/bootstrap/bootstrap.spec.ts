import { spawn } from 'node:child_process';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

// The modules are plain JavaScript without types on purpose: they run before anything is installed.
const { withLock } = (await import(join(import.meta.dirname, 'lock.mjs'))) as { withLock: <Value>(file: string, what: string, work: () => Promise<Value>) => Promise<Value> };
const { makeFolder } = (await import(join(import.meta.dirname, 'cache.mjs'))) as { makeFolder: (folder: string, make: (temporary: string) => Promise<void>) => Promise<void> };
const { contentHash } = (await import(join(import.meta.dirname, 'checkout.mjs'))) as { contentHash: (paths: string[], options?: { base?: string; keep?: (name: string) => boolean }) => string };
const { run } = (await import(join(import.meta.dirname, 'run.mjs'))) as { run: (program: string, args: string[], options?: { seconds?: number; input?: string }) => Promise<{ ok: boolean; output: string; stdout: string; timedOut: boolean }> };

const { registryOptions } = (await import(join(import.meta.dirname, 'node.mjs'))) as { registryOptions: (node: string, options: { seconds: number; environment: Record<string, string> }) => Promise<string[]> };
const { findGo, goInstall } = (await import(join(import.meta.dirname, 'go.mjs'))) as { findGo: () => string | null; goInstall: (folder: string, what: { module: string; version: string }, limits: { seconds: number; answerSeconds: number }) => Promise<void> };

const parent = mkdtempSync(join(tmpdir(), 'bootstrap-'));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(parent, 'case-'));
});
afterAll(() => rmSync(parent, { recursive: true, force: true }));

describe('withLock', () => {
  it('lets one process in at a time and gives the lock back after a failure', async () => {
    const file = join(folder, 'lock');
    const script = `
      import { withLock } from ${JSON.stringify(join(import.meta.dirname, 'lock.mjs'))};
      import { appendFileSync } from 'node:fs';
      const log = ${JSON.stringify(join(folder, 'log'))};
      await withLock(${JSON.stringify(file)}, 'it', async () => { appendFileSync(log, '<'); await new Promise((resolve) => setTimeout(resolve, 60)); appendFileSync(log, '>'); });
    `;
    const started = Array.from({ length: 4 }, () => spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' }));
    await Promise.all(started.map((child) => new Promise((resolve) => child.on('exit', resolve))));
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('<><><><>');
    await expect(withLock(file, 'it', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await withLock(file, 'it', async () => 'free')).toBe('free');
  });

  it('takes over the lock of a dead process, also when its pid is another process now, and a torn one', async () => {
    const file = join(folder, 'lock');
    for (const content of ['4194303 1', `${process.pid} 1`, '', 'x']) {
      writeFileSync(file, content);
      expect(await withLock(file, 'it', async () => 'mine')).toBe('mine');
    }
  });
});

describe('makeFolder', () => {
  it('leaves nothing under the final name when the making fails, and clears what was interrupted', async () => {
    const target = join(folder, 'tool');
    mkdirSync(`${target}.making-dead`);
    await expect(makeFolder(target, () => Promise.reject(new Error('cut off')))).rejects.toThrow('cut off');
    expect(readdirSync(folder)).toEqual([]);
    await makeFolder(target, async (temporary) => writeFileSync(join(temporary, 'program'), 'x'));
    await makeFolder(target, async (temporary) => writeFileSync(join(temporary, 'program'), 'newer'));
    expect([readdirSync(folder), readFileSync(join(target, 'program'), 'utf8')]).toEqual([['tool'], 'newer']);
  });
});

describe('contentHash', () => {
  it('changes with a content, a name and a new file, and not with what is not a source', () => {
    const hash = () => contentHash(['src', 'missing'], { base: folder, keep: (name) => !name.endsWith('.spec.ts') });
    mkdirSync(join(folder, 'src', 'node_modules'), { recursive: true });
    const seen = new Set([hash()]);
    for (const [name, content] of [['src/a.ts', '1'], ['src/a.ts', '2'], ['src/b.ts', '2']] as const) {
      writeFileSync(join(folder, name), content);
      seen.add(hash());
    }
    expect(seen.size).toBe(4);
    for (const name of ['src/a.spec.ts', 'src/node_modules/c.js']) writeFileSync(join(folder, name), 'x');
    seen.add(hash());
    expect(seen.size).toBe(4);
  });
});

describe('run', () => {
  it('kills a program that does not end in time, with what it started', async () => {
    const file = join(folder, 'late');
    const { ok, timedOut } = await run('/bin/sh', ['-c', `(sleep 2; touch ${file}) & sleep 30`], { seconds: 0.3 });
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    expect([ok, timedOut, existsSync(file)]).toEqual([false, true, false]);
  });

  it('reports a program that does not exist instead of throwing', async () => {
    expect(await run('no-such-program-of-deskhand', [])).toMatchObject({ ok: false, output: expect.stringContaining('ENOENT') });
  });
});

describe('a source that takes connections and never answers', () => {
  const open = new Set<Socket>();
  const silent = createServer((socket) => open.add(socket.on('error', () => {})));
  let address: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
  });
  afterAll(() => {
    for (const socket of open) socket.destroy();
    silent.close();
  });

  it('is left by npm within seconds, which then takes what it has', async () => {
    const started = performance.now();
    expect(await registryOptions(process.execPath, { seconds: 1, environment: { npm_config_registry: address, npm_config_cache: folder } })).toEqual(['--offline']);
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  it('is told from a registry that answers without knowing the question', async () => {
    const registry = createHttpServer((_, response) => response.writeHead(404).end('{}'));
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
    const { port } = registry.address() as AddressInfo;
    expect(await registryOptions(process.execPath, { seconds: 20, environment: { npm_config_registry: `http://127.0.0.1:${port}/`, npm_config_cache: folder } })).toEqual([]);
    registry.close();
  });

  it('is left by go within seconds', async () => {
    vi.stubEnv('GOPROXY', address);
    vi.stubEnv('GOMODCACHE', join(folder, 'modules'));
    const started = performance.now();
    const failure = goInstall(folder, { module: 'example.org/nothing', version: 'v1.0.0' }, { seconds: 60, answerSeconds: 1 });
    await expect(failure).rejects.toThrow(findGo() ? 'the module proxy does not answer' : 'go is not installed');
    expect(performance.now() - started).toBeLessThan(10_000);
    vi.unstubAllEnvs();
  });
});
