/** Real: a folder and an S3 server. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BlobStore } from '../src/index.ts';
import type { BlobDriver } from '../src/blobs/blob-driver.ts';
import { FolderDriver } from '../src/blobs/folder-driver.ts';
import { openBlobStore } from '../src/blobs/open-blob-store.ts';
import { S3Driver } from '../src/blobs/s3-driver.ts';
import { startS3, type S3Server } from './s3-server.ts';

interface Kept {
  driver: BlobDriver;
  /** Where what is kept lies as files. */
  folder: string;
  /** What an operator writes for the same place. */
  settings: { BLOB_STORE: string; BLOB_ACCESS_KEY?: string; BLOB_SECRET_KEY?: string };
}

const key = 'c0'.repeat(32);
let s3: S3Server | undefined;
const folder = mkdtempSync(join(tmpdir(), 'blobs-'));
afterAll(async () => {
  await s3?.close();
  rmSync(folder, { recursive: true });
});

const places: Record<string, () => Promise<Kept>> = {
  folder: async () => ({ driver: new FolderDriver(folder), folder, settings: { BLOB_STORE: `file:${folder}` } }),
  'S3 service': async () => {
    s3 = await startS3();
    const { endpoint, bucket, accessKey, secretKey } = s3;
    return {
      driver: new S3Driver({ endpoint, bucket, accessKey, secretKey, region: 'us-east-1', prefix: 'of/tests/' }),
      folder: join(s3.folder, bucket, 'of', 'tests'),
      settings: { BLOB_STORE: `s3://${bucket}/of/tests?endpoint=${encodeURIComponent(endpoint)}`, BLOB_ACCESS_KEY: accessKey, BLOB_SECRET_KEY: secretKey },
    };
  },
};

describe.each(Object.entries(places))('blobs in a %s', (_, open) => {
  let kept: Kept;
  let store: BlobStore;
  beforeAll(async () => {
    kept = await open();
    store = new BlobStore(kept.driver, key);
  });
  const files = (): string[] => readdirSync(kept.folder, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(kept.folder, name)).isFile());

  it('come back as they were, with their media type, also from another process', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('ä'), randomBytes(1_500_000)]) {
      const { id } = await store.put('one', bytes, 'image/png');
      expect(id).toMatch(/^[0-9a-f]{64}$/);
      const other = await openBlobStore({ ...kept.settings, BLOB_KEY: key });
      expect(await other!.get('one', id)).toEqual({ bytes, mediaType: 'image/png' });
    }
  });

  it('are one for the same bytes in a scope, and share nothing visible with another scope', async () => {
    const bytes = Buffer.from(`a picture ${'x'.repeat(1_000)}`);
    const first = await store.put('mine', bytes, 'image/png');
    const before = files();
    expect(await store.put('mine', bytes, 'image/png')).toEqual(first);
    expect(files()).toEqual(before);
    const theirs = await store.put('theirs', bytes, 'image/png');
    expect(theirs.id).not.toBe(first.id);
    expect(await store.get('theirs', first.id)).toBeNull();
    const [one, other] = [first.id, theirs.id].map((id) => readFileSync(join(kept.folder, files().find((name) => name.endsWith(id))!)));
    expect(one!.equals(other!)).toBe(false);
    for (const name of files()) expect(name).not.toMatch(/mine|theirs/);
  });

  it('are unreadable without the key, and refused once changed', async () => {
    const canary = 'canary-4711-canary';
    const { id } = await store.put('secret', Buffer.from(canary), 'text/x-canary');
    const file = join(kept.folder, files().find((name) => name.endsWith(id))!);
    const sealed = readFileSync(file);
    expect(sealed.includes('canary')).toBe(false);
    await expect(new BlobStore(kept.driver, 'c1'.repeat(32)).get('secret', id)).resolves.toBeNull();
    sealed[20]! ^= 1;
    writeFileSync(file, sealed);
    await expect(store.get('secret', id)).rejects.toThrow();
  });

  it.each(['../../../etc/passwd', '..', '', `${'a'.repeat(63)}/`, 'A'.repeat(64), `${'a'.repeat(64)}\0`, '%2e%2e'])('SECURITY 21: reads no %j', async (id) => {
    expect(await store.get('one', id)).toBeNull();
    expect(await store.get('../../x', id)).toBeNull();
  });

  it('SECURITY 21: takes any text as a scope, and leaves its place', async () => {
    for (const scope of ['../../escaped', '/absolute', 'with\0nul', '']) {
      const { id } = await store.put(scope, Buffer.from('x'), 'image/png');
      expect((await store.get(scope, id))?.bytes.toString()).toBe('x');
      expect(files().filter((name) => name.endsWith(id))).toEqual([expect.stringMatching(/^[0-9a-f]{32}\/[0-9a-f]{64}$/)]);
    }
  });

  it('go with their scope, and only they', async () => {
    const many = await Promise.all(Array.from({ length: 20 }, async (_, index) => store.put('gone', Buffer.from(`${index}`), 'image/png')));
    const { id } = await store.put('stays', Buffer.from('stays'), 'image/png');
    await store.removeScope('gone');
    await store.removeScope('gone');
    await store.removeScope('never was');
    for (const blob of many) expect(await store.get('gone', blob.id)).toBeNull();
    expect((await store.get('stays', id))?.bytes.toString()).toBe('stays');
    const again = await store.put('gone', Buffer.from('again'), 'image/png');
    expect((await store.get('gone', again.id))?.bytes.toString()).toBe('again');
  });

  it('are refused when they are too large', async () => {
    const small = new BlobStore(kept.driver, key, { blob: 10, scope: 1_000 });
    await expect(small.put('one', Buffer.alloc(11), 'image/png')).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });

  it('stay within their scope\'s size: the oldest go first, also those of a process before', async () => {
    const limits = { blob: 1_000, scope: 5_000 };
    const ids: string[] = [];
    for (let index = 0; index < 4; index++) {
      ids.push((await new BlobStore(kept.driver, key, limits).put('full', randomBytes(900), 'image/png')).id);
      await new Promise((resolve) => setTimeout(resolve, 1_050));
    }
    const successor = new BlobStore(kept.driver, key, limits);
    for (let index = 0; index < 2; index++) ids.push((await successor.put('full', randomBytes(900), 'image/png')).id);
    const there = await Promise.all(ids.map(async (id) => (await successor.get('full', id)) !== null));
    expect(there).toEqual([false, false, true, true, true, true]);
  });
});

it('a blob store without a usable place stops the start and says which variable is wrong', async () => {
  await expect(openBlobStore({ BLOB_STORE: 'file:relative', BLOB_KEY: key })).rejects.toThrow(/BLOB_STORE/);
  await expect(openBlobStore({ BLOB_STORE: 's3://bucket', BLOB_KEY: key })).rejects.toThrow(/BLOB_STORE/);
  await expect(openBlobStore({ BLOB_STORE: 's3://bucket?endpoint=http://x', BLOB_KEY: key })).rejects.toThrow(/BLOB_ACCESS_KEY/);
  await expect(openBlobStore({ BLOB_STORE: `file:${folder}` })).rejects.toThrow(/BLOB_KEY/);
  expect(await openBlobStore({})).toBeNull();
});
